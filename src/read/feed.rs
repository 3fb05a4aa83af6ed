//! RSS in all its versions, Atom and CDF, into the words of the field: strictly
//! where the document is sound, leniently where it is not.

use super::entry::{self, Context};
use super::links::{self, related, target};
use super::names::Ns;
use super::pace::pace;
use super::repair::{Repair, Repairs};
use super::text::{plain_text, words};
use super::tree::{Element, Tree};
use super::{MAX_ENTRIES, ReadError, Reading, field, lenient, people, strict};
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
    let link = links::page(&tree, channel(&tree.root));
    if let Some(base @ None) = tree.bases.first_mut() {
        // Of a document that came from nowhere, links are relative to its site.
        base.clone_from(&link);
    }
    let root = &tree.root;
    let channel = channel(root);
    let is_atom = root.is(Ns::Feed, "feed");
    let title = [(Ns::Feed, "title"), (Ns::Dc, "title")]
        .into_iter()
        .find_map(|(ns, name)| channel.child(ns, name))
        .map(|child| field::title(child, is_atom))
        .filter(|title| !title.is_empty());
    let language = [channel.text_of(Ns::Feed, "language"), channel.text_of(Ns::Dc, "language")]
        .into_iter()
        .chain([channel, root].map(|element| element.attribute_in(Ns::Xml, "lang")))
        .flatten()
        .next()
        .map(|tag| plain_text(tag).replace('_', "-"));
    // A feed that says that it is complete has no older pages (RFC 5005 section 2).
    let is_complete = channel.all(Ns::History, "complete").next().is_some();
    let older = ["prev-archive", "next"].into_iter().filter(|_| !is_complete);
    let older = older.flat_map(|rel| related(channel, rel)).find_map(|link| target(&tree, link));
    let context = Context { tree: &tree, authors: people::of_feed(channel), is_atom };
    let (entries, raw): (Vec<_>, Vec<_>) = elements.iter().map(|element| entry::read(&context, element)).unzip();
    let document = Document {
        kind: DocumentKind::Feed,
        title,
        language: language.or_else(|| detect_language(&entries)),
        link,
        entries,
        deleted: deleted(channel),
    };
    Reading {
        older,
        pace: pace(&tree, channel),
        repairs: tree.repairs.clone(),
        document,
        raw,
        feeds: Vec::new(),
        guesses: Vec::new(),
    }
}

/// What holds a feed's facts. CDF's channels may hold others; the outer one is the feed.
fn channel<'t, 'a>(root: &'t Element<'a>) -> &'t Element<'a> {
    let is_channel = root.is(Ns::Feed, "channel");
    root.child(Ns::Feed, "channel").filter(|_| !is_channel).unwrap_or(root)
}

/// The guids of entries that the feed says were deleted (RFC 6721 section 3). Only a feed that declares the
/// vocabulary says so.
fn deleted(channel: &Element<'_>) -> Vec<String> {
    let guids = channel.all(Ns::Tombstones, "deleted-entry").filter_map(|tombstone| tombstone.attribute("ref"));
    guids.map(entry::guid).filter(|guid| !guid.is_empty()).take(MAX_ENTRIES).collect()
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
        if let Some(html) = entry.content.as_ref().or(entry.summary.as_ref()) {
            sample.extend(words(html).chars().take(500));
        }
        sample.push('\n');
    }
    super::text::language(&sample)
}

#[cfg(test)]
mod tests {
    use crate::domain::platform::Platforms;
    use crate::domain::url::HttpUrl;
    use crate::read::{Input, read};

    #[test]
    fn without_an_address_of_its_own_a_feeds_links_are_relative_to_its_site() {
        let feed = "<rss><channel><link>https://blog.example/</link><item><link>1</link>\
                    <description>&lt;a href='2'&gt;two&lt;/a&gt;</description></item></channel></rss>";
        let entry = |base: Option<&HttpUrl>| {
            let reading =
                read(&Input { bytes: feed.as_bytes(), content_type: None, base, platforms: &Platforms::default() })
                    .unwrap();
            let entry = reading.document.entries.into_iter().next().unwrap();
            (entry.url.unwrap().to_string(), entry.summary.unwrap().to_string())
        };
        let at = |site: &str| (format!("{site}1"), format!("<a href=\"{site}2\" rel=\"noopener noreferrer\">two</a>"));
        assert_eq!(entry(None), at("https://blog.example/"));
        assert_eq!(entry("https://feeds.example/x/feed".parse().ok().as_ref()), at("https://feeds.example/x/"));
    }
}
