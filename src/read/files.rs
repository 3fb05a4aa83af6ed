//! The files that belong to an entry: RSS's enclosures, Atom's links, and Media
//! RSS, whose groups and contents also hold words about them.

use super::links::{related, resolve};
use super::names::Ns;
use super::people::MOST;
use super::tree::{Element, Tree};
use crate::domain::post::Enclosure;

/// The groups of an entry, and the contents in it and in them.
pub(super) fn media<'t, 'a>(element: &'t Element<'a>) -> impl Iterator<Item = &'t Element<'a>> {
    let groups = || element.all(Ns::Media, "group");
    groups().chain(contents(element)).chain(groups().flat_map(contents))
}

fn contents<'t, 'a>(element: &'t Element<'a>) -> impl Iterator<Item = &'t Element<'a>> {
    element.all(Ns::Media, "content")
}

/// No media type is longer (RFC 6838 section 4.2).
pub(super) const LONGEST_TYPE: usize = 255;

/// Each file once.
pub(super) fn enclosures(tree: &Tree<'_>, element: &Element<'_>) -> Vec<Enclosure> {
    let enclosed = element.all(Ns::Feed, "enclosure").chain(related(element, "enclosure"));
    let enclosed = enclosed.filter_map(|file| enclosure(tree, file, "length"));
    let media = media(element).filter_map(|file| enclosure(tree, file, "fileSize"));
    let mut files: Vec<Enclosure> = Vec::new();
    for file in enclosed.chain(media) {
        // The picture of its author belongs to no post.
        let is_portrait = file.url.host().ends_with("gravatar.com");
        if files.len() < MOST && !is_portrait && !files.iter().any(|known| known.url == file.url) {
            files.push(file);
        }
    }
    files
}

fn enclosure(tree: &Tree<'_>, file: &Element<'_>, length: &str) -> Option<Enclosure> {
    let place = file.attribute("url").or_else(|| file.attribute("href"))?;
    Some(Enclosure {
        url: resolve(place, tree.base(file))?,
        media_type: file.attribute("type").filter(|kind| kind.len() <= LONGEST_TYPE).map(str::to_owned),
        length: file.attribute(length).and_then(|length| length.parse().ok()),
    })
}
