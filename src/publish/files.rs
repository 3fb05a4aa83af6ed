//! The files that belong to a post and the picture that stands for it, as Media RSS
//! and the formats' own elements tell of them.

use super::uris;
use crate::domain::post::{Enclosure, Post};
use crate::domain::url::HttpUrl;
use std::borrow::Cow;

/// The namespace of Media RSS 1.5.1 (rssboard.org/media-rss).
pub(super) const MEDIA: &str = "http://search.yahoo.com/mrss/";

/// A picture that is smaller than this, in pixels, is a letter or an ornament.
const SMALLEST: u32 = 48;

/// The attributes of an element.
type Attributes = Vec<(&'static str, String)>;

/// The elements of Media RSS by which a post is told of: all its files, and its picture.
pub(super) fn media(post: &Post) -> Vec<(&'static str, Attributes)> {
    let files = post.entry.enclosures.iter().map(|file| ("content", attributes(file)));
    files.chain(picture(post).map(|url| ("thumbnail", vec![("url", url)]))).collect()
}

/// The attributes of a file in the order of their names, as `media:content` has them.
fn attributes(file: &Enclosure) -> Attributes {
    let kind = media_type(file);
    let length = file.length.filter(|length| *length > 0);
    [
        ("fileSize", length.map(|length| length.to_string())),
        ("medium", kind.and_then(medium).map(str::to_owned)),
        ("type", kind.map(str::to_owned)),
        ("url", Some(uris::address(&file.url).into_owned())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// What kind of thing a file is, of those that Media RSS knows.
fn medium(kind: &str) -> Option<&'static str> {
    let (class, form) = kind.split_once('/')?;
    Some(match (class, form) {
        ("image", _) => "image",
        ("audio", _) => "audio",
        ("video", _) => "video",
        ("text", _) | ("application", "pdf" | "epub+zip" | "rtf" | "msword") => "document",
        ("application", form) if form.starts_with("vnd.o") => "document",
        _ => return None,
    })
}

/// The media type of a file, where one is told; without its parameters (RFC 9110
/// section 8.3.1).
pub(super) fn media_type(file: &Enclosure) -> Option<&str> {
    let kind = file.media_type.as_deref()?.split(';').next()?.trim();
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    kind.split_once('/').is_some_and(|(class, form)| token(class) && token(form)).then_some(kind)
}

/// The picture that stands for a post: the first in its text that is more than an
/// ornament, else the first that comes with it.
pub(super) fn picture(post: &Post) -> Option<String> {
    let entry = &post.entry;
    let in_text = entry.content.iter().chain(&entry.summary).find_map(|html| first_picture(html.as_str()));
    let file = || {
        let is_picture = |file: &&Enclosure| media_type(file).is_some_and(|kind| kind.starts_with("image/"));
        entry.enclosures.iter().find(is_picture).map(|file| file.url.clone())
    };
    in_text.or_else(file).map(|url| uris::address(&url).into_owned())
}

/// The address of the first picture in a text that was sanitised: so each value has
/// double quotes around it, and no quote and no bracket in it.
fn first_picture(html: &str) -> Option<HttpUrl> {
    html.split("<img ").skip(1).find_map(|rest| {
        let tag = rest.split('>').next()?;
        let value = |name: &str| {
            let begin = format!("{name}=\"");
            let at = tag.match_indices(&begin).find(|(at, _)| *at == 0 || tag.as_bytes().get(at - 1) == Some(&b' '))?.0;
            tag.get(at + begin.len()..)?.split('"').next()
        };
        let is_small = |name| value(name).and_then(|size| size.parse::<u32>().ok()).is_some_and(|size| size < SMALLEST);
        if is_small("width") || is_small("height") {
            return None;
        }
        unescaped(value("src")?).parse().ok()
    })
}

/// What a serialiser of HTML escapes in an attribute's value.
fn unescaped(value: &str) -> Cow<'_, str> {
    if !value.contains('&') {
        return Cow::Borrowed(value);
    }
    let value = value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}");
    Cow::Owned(value.replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::html::CleanHtml;

    #[test]
    fn the_picture_of_a_post_is_the_first_that_is_no_ornament() {
        for (html, found) in [
            ("<p>none</p>", None),
            (
                "<img src=\"https://x.example/a.jpg?b=1&amp;c=2\" alt=\"a > b\">",
                Some("https://x.example/a.jpg?b=1&c=2"),
            ),
            (
                "<p><img alt=\"src=\" width=\"16\" src=\"https://x.example/smile.png\"><img width=\"600\" src=\"https://x.example/b.png\"></p>",
                Some("https://x.example/b.png"),
            ),
            (
                "<img src=\"data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=\"><img src=\"https://x.example/c|d\">",
                Some("https://x.example/c|d"),
            ),
        ] {
            let clean = CleanHtml::sanitise(html, None);
            assert_eq!(first_picture(clean.as_str()).map(|url| url.to_string()).as_deref(), found, "{clean}");
        }
    }

    #[test]
    fn a_files_type_is_told_where_it_is_one() {
        for (told, kind, medium_of_it) in [
            ("audio/mpeg", Some("audio/mpeg"), Some("audio")),
            ("Video/MP4; codecs=\"a, b\"", Some("Video/MP4"), None),
            ("application/pdf", Some("application/pdf"), Some("document")),
            ("application/zip", Some("application/zip"), None),
            ("mp3", None, None),
            ("audio/", None, None),
            ("audio/mp3 or so", None, None),
            ("", None, None),
        ] {
            let url = "https://x.example/a".parse().unwrap();
            let file = Enclosure { url, media_type: Some(told.to_owned()), length: Some(0) };
            assert_eq!(media_type(&file), kind, "{told}");
            assert_eq!(kind.and_then(medium), medium_of_it, "{told}");
            assert!(!attributes(&file).iter().any(|(name, _)| *name == "fileSize"));
        }
    }
}
