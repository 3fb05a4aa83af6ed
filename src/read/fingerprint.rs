//! Whether two entries are the same text.

use super::text::words;
use crate::domain::post::Entry;
use crate::domain::token::sha256_hex;
use crate::domain::url_key::url_key;

/// A digest of what a reader sees of an entry: its title, the words of its
/// text, and its files. Markup, white space and dates do not count.
#[must_use]
pub fn fingerprint(entry: &Entry) -> String {
    let mut text = entry.title.clone();
    text.push('\n');
    if let Some(html) = entry.content.as_ref().or(entry.summary.as_ref()) {
        text.push_str(&words(html));
        for image in images(html.as_str()) {
            text.push('\n');
            text.push_str(image);
        }
    }
    for enclosure in &entry.enclosures {
        text.push('\n');
        text.push_str(enclosure.url.as_str());
    }
    sha256_hex(text.as_bytes())
}

/// The same of an entry in a page's list: its title and where it leads. What
/// else a list says of it changes from day to day ("3 hours ago, 5 comments").
#[must_use]
pub fn listed_fingerprint(entry: &Entry) -> String {
    let key = entry.url.as_ref().map(url_key).unwrap_or_default();
    sha256_hex(format!("{}\n{key}", entry.title).as_bytes())
}

/// The paths of images, without hosts and queries: a post of pictures only is
/// more than its title, and image servers change hosts and sign their queries.
fn images(html: &str) -> impl Iterator<Item = &str> {
    html.split("<img ").skip(1).filter_map(|rest| {
        let source = rest.split_once("src=\"")?.1.split('"').next()?;
        let behind_host = source.split_once("://").map_or(source, |(_, rest)| rest);
        behind_host.split_once('/').map(|(_, path)| path.split('?').next().unwrap_or(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::html::CleanHtml;

    #[test]
    fn markup_and_space_do_not_count_but_words_and_pictures_do() {
        let entry = |title: &str, html: &str| Entry {
            guid: "g".into(),
            url: None,
            title: title.into(),
            authors: vec![],
            language: None,
            published: None,
            updated: None,
            summary: None,
            content: Some(CleanHtml::sanitise(html, None)),
            categories: vec![],
            enclosures: vec![],
            original: None,
            also_at: vec![],
        };
        let one = fingerprint(&entry("T", "<p>Hello  <b>world</b></p>"));
        assert_eq!(one, fingerprint(&entry("T", "<div>Hello\n<i>world</i></div>")));
        assert_ne!(one, fingerprint(&entry("T", "<p>Hello word</p>")));
        assert_ne!(one, fingerprint(&entry("U", "<p>Hello world</p>")));
        let picture = |src: &str| fingerprint(&entry("T", &format!("<img src=\"{src}\">")));
        assert_eq!(picture("https://a.example/i.png?sig=1"), picture("https://b.example/i.png?sig=2"));
        assert_ne!(picture("https://a.example/i.png"), picture("https://a.example/j.png"));
    }
}
