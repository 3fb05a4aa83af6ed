//! Sanitised HTML. `CleanHtml` is built here only, and is the only thing that a
//! template prints unescaped (S3 rests on this file).

mod bounds;

pub use bounds::bounded;

use super::url::HttpUrl;
use ammonia::{Builder, UrlRelative};
use serde::{Deserialize, Serialize};
use std::fmt;

/// HTML without scripts, handlers, styles, forms or odd schemes, whose links
/// are absolute when a base was known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CleanHtml(String);

/// Elements that a post may keep beside ammonia's own list.
const EXTRA_TAGS: [&str; 5] = ["figure", "figcaption", "picture", "section", "main"];

fn policy() -> Builder<'static> {
    let mut policy = Builder::default();
    policy
        .add_tags(EXTRA_TAGS)
        .add_generic_attributes(["dir"])
        .add_tag_attributes("ol", ["reversed", "type"])
        .url_schemes(["http", "https", "mailto"].into())
        .link_rel(Some("noopener noreferrer"));
    policy
}

impl CleanHtml {
    /// Sanitises `html`, resolving its relative links against `base`. Relative
    /// links without a base are dropped, since they would point at our own site.
    #[must_use]
    pub fn sanitise(html: &str, base: Option<&HttpUrl>) -> Self {
        let mut policy = policy();
        policy.url_relative(match base {
            Some(base) => UrlRelative::RewriteWithBase(base.as_url().clone()),
            None => UrlRelative::Deny,
        });
        Self(policy.clean(&bounded(html)).to_string().trim().to_owned())
    }

    /// Takes plain text as HTML: escaped, with its blank lines as paragraphs.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let paragraphs: Vec<String> = text
            .split("\n\n")
            .map(str::trim)
            .filter(|paragraph| !paragraph.is_empty())
            .map(|paragraph| format!("<p>{}</p>", ammonia::clean_text(paragraph)))
            .collect();
        Self(paragraphs.join("\n"))
    }

    /// Takes back what `as_str` gave to our own database. Nothing else may come
    /// this way: it is not sanitised again.
    #[must_use]
    pub fn from_store(html: String) -> Self {
        Self(html)
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
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_read_and_drops_what_runs() {
        let base = "https://blog.example.com/a/".parse().ok();
        let clean = CleanHtml::sanitise(
            r#"<p onclick="x()">Hi <a href="../b">b</a><script>alert(1)</script><a href="javascript:x">j</a></p><figure><img src="/i.png"><figcaption>그림</figcaption></figure>"#,
            base.as_ref(),
        );
        assert_eq!(
            clean.as_str(),
            r#"<p>Hi <a href="https://blog.example.com/b" rel="noopener noreferrer">b</a><a rel="noopener noreferrer">j</a></p><figure><img src="https://blog.example.com/i.png"><figcaption>그림</figcaption></figure>"#
        );
    }

    #[test]
    fn plain_text_becomes_paragraphs() {
        assert!(CleanHtml::from_text(" \n\n ").is_empty());
        assert!(CleanHtml::from_text("a <b>\n\nc").as_str().starts_with("<p>a&#32;&lt;b&gt;</p>"));
    }
}
