//! RSS in all its versions, Atom and CDF, into the words of the field: strictly
//! where the document is sound, leniently where it is not.

use super::entry::{self, Context};
use super::names::Ns;
use super::pace::{pace, resolve};
use super::repair::{Repair, Repairs};
use super::text::plain_text;
use super::tree::{Element, Tree};
use super::{MAX_ENTRIES, ReadError, Reading, lenient, strict};
use crate::domain::post::{Document, DocumentKind, Entry};
use crate::domain::url::HttpUrl;

pub(super) fn read(text: &str, base: Option<&HttpUrl>, mut repairs: Repairs) -> Result<Reading, ReadError> {
    let mut tree = match strict::parse(text, base) {
        Ok(tree) => tree,
        Err(why) => {
            let mut tree = lenient::parse(text, base).ok_or(ReadError::Broken(why))?;
            if tree.repairs.is_empty() {
                tree.repairs.note(Repair::Markup);
            }
            tree
        }
    };
    if tree.seen == 0 && tree.repairs.iter().any(|repair| repair == Repair::Truncated) {
        return Err(ReadError::Broken("it ends before its first entry does".to_owned()));
    }
    repairs.note_all(&tree.repairs);
    tree.repairs = repairs;
    Ok(translate(tree))
}

fn translate(mut tree: Tree<'_>) -> Reading {
    let elements = newest(&mut tree);
    let root = &tree.root;
    let channel = root.child(Ns::Feed, "channel").unwrap_or(root);
    let is_atom = root.is(Ns::Feed, "feed");
    let title = [(Ns::Feed, "title"), (Ns::Dc, "title")]
        .into_iter()
        .find_map(|(ns, name)| channel.child(ns, name))
        .map(|child| entry::title(child, is_atom))
        .filter(|title| !title.is_empty());
    let link = entry::page_link(&tree, channel).or_else(|| resolve(channel.attribute("href")?, tree.base(channel)));
    let language = [channel.text_of(Ns::Feed, "language"), channel.text_of(Ns::Dc, "language")]
        .into_iter()
        .chain([channel, root].map(|element| element.attribute_in(Ns::Xml, "lang")))
        .flatten()
        .next()
        .map(|tag| plain_text(tag).replace('_', "-"));
    let related = |rel: &str| {
        let found = channel.all(Ns::Feed, "link").find(|link| link.attribute("rel") == Some(rel));
        found.and_then(|link| resolve(link.attribute("href")?, tree.base(link)))
    };
    let context = Context { tree: &tree, site: link.as_ref(), authors: entry::authors_of_feed(channel), is_atom };
    let (entries, raw): (Vec<_>, Vec<_>) = elements.iter().map(|element| entry::read(&context, element)).unzip();
    let document = Document {
        kind: DocumentKind::Feed,
        title,
        language: language.or_else(|| detect_language(&entries)),
        link,
        entries,
    };
    Reading {
        older: related("prev-archive").or_else(|| related("next")),
        pace: pace(&tree, channel),
        repairs: tree.repairs.clone(),
        document,
        raw,
        feeds: Vec::new(),
        guesses: Vec::new(),
    }
}

/// The newest entries, when there are too many. Most feeds begin with the newest,
/// some end with it: the dates decide, the document's order where there are none.
fn newest<'a>(tree: &mut Tree<'a>) -> Vec<Element<'a>> {
    let mut entries = std::mem::take(&mut tree.entries);
    if tree.seen > MAX_ENTRIES {
        tracing::warn!(entries = tree.seen, kept = MAX_ENTRIES, "a feed of too many entries was cut");
        if entries.first().and_then(entry::date) < entries.last().and_then(entry::date) {
            entries.drain(..entries.len() - MAX_ENTRIES);
        }
        entries.truncate(MAX_ENTRIES);
    }
    entries
}

/// The language of the first few entries' words, as an ISO 639-1 tag where the
/// detector is sure.
pub(super) fn detect_language(entries: &[Entry]) -> Option<String> {
    let mut sample = String::new();
    for entry in entries.iter().take(5) {
        sample.push_str(&entry.title);
        sample.push('\n');
        let html = entry.content.as_ref().or(entry.summary.as_ref()).map_or("", |html| html.as_str());
        sample.push_str(&plain_text(html).chars().take(500).collect::<String>());
        sample.push('\n');
    }
    super::text::language(&sample)
}
