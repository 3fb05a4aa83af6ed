//! Sanitised HTML. `CleanHtml` is built here only, and is the only thing that a
//! template prints unescaped (S3 rests on this file).

mod anchors;
mod bounds;
mod pictures;
mod players;
mod runs;
mod tidy;

pub use bounds::bounded;

use super::token::sha256_hex;
use super::url::HttpUrl;
use ammonia::{Builder, UrlRelative, UrlRelativeEvaluate};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

/// HTML without scripts, handlers, styles, forms or odd schemes, whose links
/// are absolute when a base was known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CleanHtml(String);

/// Elements that a post may keep beside ammonia's own list.
const EXTRA_TAGS: [&str; 6] = ["figure", "figcaption", "picture", "source", "section", "main"];

thread_local! {
    /// Made once a thread: making it costs as much as cleaning a short post.
    static POLICY: Builder<'static> = policy();
    /// What the thread's policy is cleaning, which is one text at a time.
    static TEXT: RefCell<Text> = RefCell::default();
}

/// What is particular to a text.
#[derive(Default)]
struct Text {
    /// Where its relative links lead.
    base: Option<HttpUrl>,
    /// Begins the names inside it, if there are any; others are dropped.
    prefix: Option<String>,
}

fn policy() -> Builder<'static> {
    let mut policy = Builder::default();
    policy
        .add_tags(EXTRA_TAGS)
        .add_generic_attributes(["dir", "id"])
        .add_tag_attributes("ol", ["reversed", "type"])
        .add_tag_attributes("code", ["class"])
        .add_tag_attributes("pre", ["class"])
        .add_tag_attributes("img", ["srcset", "sizes"])
        .add_tag_attributes("source", ["srcset", "sizes", "media", "type"])
        .url_schemes(["http", "https", "mailto", "data"].into())
        .attribute_filter(|element, attribute, value| {
            let in_text = value.trim_start().get(..5).is_some_and(|head| head.eq_ignore_ascii_case("data:"));
            match attribute {
                "id" => TEXT.with_borrow(|text| text.is_name_inside(value).then(|| value.into())),
                "class" => languages(value),
                "cite" => TEXT.with_borrow(|text| {
                    tidy::absolute(value, text.base.as_ref()).map(|url| url.as_str().to_owned().into())
                }),
                "srcset" => pictures::is_set_of_web_addresses(value).then(|| value.into()),
                "src" if element == "img" && in_text => pictures::is_small_picture(value).then(|| value.into()),
                _ => (!in_text).then(|| value.into()),
            }
        })
        .url_relative(UrlRelative::Custom(Box::new(Links)))
        .link_rel(Some("noopener noreferrer"));
    policy
}

impl Text {
    fn is_name_inside(&self, name: &str) -> bool {
        self.prefix.as_ref().is_some_and(|prefix| name.starts_with(prefix))
    }
}

/// Where the relative links of the text lead.
struct Links;

impl UrlRelativeEvaluate<'_> for Links {
    fn evaluate<'url>(&self, url: &'url str) -> Option<Cow<'url, str>> {
        TEXT.with_borrow(|text| {
            if url.strip_prefix('#').is_some_and(|name| text.is_name_inside(name)) {
                return Some(url.into());
            }
            text.base.as_ref()?.join(url).map(|url| url.as_str().to_owned().into())
        })
    }
}

/// Plain text as it stands in HTML, between tags and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    // It writes spaces as numbers, too.
    ammonia::clean_text(text).replace("&#32;", " ")
}

/// Of the classes of code, those that say which language it is in.
fn languages(classes: &str) -> Option<Cow<'_, str>> {
    let sound = |class: &&str| {
        let name = class.strip_prefix("language-").or_else(|| class.strip_prefix("lang-"));
        name.is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || "+#-_.".contains(c)))
    };
    let kept: Vec<&str> = classes.split_whitespace().filter(sound).collect();
    (!kept.is_empty()).then(|| kept.join(" ").into())
}

impl CleanHtml {
    /// Sanitises `html`, resolving its relative links against `base`. Relative
    /// links without a base are dropped, since they would point at our own site;
    /// links inside the text lead to names that no other text has.
    #[must_use]
    pub fn sanitise(html: &str, base: Option<&HttpUrl>) -> Self {
        let bounded = bounded(html);
        let prefix = anchors::may_link_inside(&bounded).then(|| {
            let digest = sha256_hex(html.as_bytes());
            format!("n{}-", digest.get(..8).unwrap_or_default())
        });
        let tidied = tidy::tidy(&bounded, base, prefix.as_deref());
        let apart = runs::set_apart(&tidied);
        TEXT.set(Text { base: base.cloned(), prefix });
        let mut clean = Vec::with_capacity(apart.len() + apart.len() / 8);
        // Writing into memory does not fail, and the serialiser writes UTF-8.
        let written = POLICY.with(|policy| policy.clean(&apart)).write_to(&mut clean);
        let clean = written.ok().and_then(|()| String::from_utf8(clean).ok()).unwrap_or_default();
        let trimmed = clean.trim();
        Self(if trimmed.len() == clean.len() { clean } else { trimmed.to_owned() })
    }

    /// Takes plain text as HTML: escaped, with its blank lines as paragraphs.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let paragraphs: Vec<String> = text
            .split("\n\n")
            .map(str::trim)
            .filter(|paragraph| !paragraph.is_empty())
            .map(|paragraph| format!("<p>{}</p>", escaped(paragraph)))
            .collect();
        Self(paragraphs.join("\n"))
    }

    /// Takes back what `as_str` gave to our own database. Nothing else may come
    /// this way: it is not sanitised again.
    #[must_use]
    pub fn from_store(html: String) -> Self {
        Self(html)
    }

    /// Clean pieces one behind the other, which are clean as well.
    #[must_use]
    pub fn join<'a>(pieces: impl IntoIterator<Item = &'a Self>) -> Self {
        Self(pieces.into_iter().map(Self::as_str).filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("\n"))
    }

    /// The HTML as text, for writing out unescaped.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for CleanHtml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
