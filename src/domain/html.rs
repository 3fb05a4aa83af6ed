//! Sanitised HTML. `CleanHtml` is built here only, and is the only thing that a
//! template prints unescaped (S3 rests on this file).

mod bounds;
mod tidy;

pub use bounds::bounded;

use super::url::HttpUrl;
use ammonia::{Builder, UrlRelative};
use serde::{Deserialize, Serialize};
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
    static POLICY: RefCell<Builder<'static>> = RefCell::new(policy());
}

fn policy() -> Builder<'static> {
    let mut policy = Builder::default();
    policy
        .add_tags(EXTRA_TAGS)
        .add_generic_attributes(["dir"])
        .add_tag_attributes("ol", ["reversed", "type"])
        .add_tag_attributes("img", ["srcset", "sizes"])
        .add_tag_attributes("source", ["srcset", "sizes", "media", "type"])
        .url_schemes(["http", "https", "mailto", "data"].into())
        .attribute_filter(|element, attribute, value| {
            let in_text = value.trim_start().get(..5).is_some_and(|head| head.eq_ignore_ascii_case("data:"));
            let allowed = !in_text || (element, attribute) == ("img", "src") && tidy::is_small_picture(value);
            allowed.then(|| value.into())
        })
        .link_rel(Some("noopener noreferrer"));
    policy
}

impl CleanHtml {
    /// Sanitises `html`, resolving its relative links against `base`. Relative
    /// links without a base are dropped, since they would point at our own site.
    #[must_use]
    pub fn sanitise(html: &str, base: Option<&HttpUrl>) -> Self {
        let relative = match base {
            Some(base) => UrlRelative::RewriteWithBase(base.as_url().clone()),
            None => UrlRelative::Deny,
        };
        let bounded = bounded(html);
        let tidy = tidy::tidy(&bounded, base);
        let clean = POLICY.with_borrow_mut(|policy| policy.url_relative(relative).clean(&tidy).to_string());
        Self(clean.trim().to_owned())
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
    fn what_only_a_browser_could_use_becomes_what_a_reader_can() {
        let base: HttpUrl = "https://blog.example.com/a/".parse().unwrap();
        let shot = "data:image/png;base64,iVBORw0KGgo=";
        let long = format!("<img src=\"data:image/png;base64,{}\">", "A".repeat(9_000));
        for (html, clean) in [
            ("<img src=\"/blank.gif\" data-src=\"/real.jpg\">", "<img src=\"https://blog.example.com/real.jpg\">"),
            (
                "<img src=\"data:image/gif;base64,R0lGOD\" data-lazy-src=\"r.jpg\">",
                "<img src=\"https://blog.example.com/a/r.jpg\">",
            ),
            (
                "<img srcset=\"/s.jpg 320w, /l.jpg 1280w\">",
                "<img srcset=\"https://blog.example.com/s.jpg 320w, https://blog.example.com/l.jpg 1280w\" src=\"https://blog.example.com/l.jpg\">",
            ),
            (
                "<img data-src=\"/r.jpg\"><noscript><img src=\"/r.jpg\"></noscript>",
                "<img src=\"https://blog.example.com/r.jpg\">",
            ),
            ("<noscript><img src=\"/r.jpg\"></noscript>", "<img src=\"https://blog.example.com/r.jpg\">"),
            ("a<img src=\"https://x.example/p\" width=1 height=\"1\">", "a"),
            ("a<img src=\"https://x.example/p\" style=\"display: none\">", "a"),
            ("a<img src=\"https://pixel.wp.com/b.gif?x\">", "a"),
            (&format!("<img src=\"{shot}\">"), &format!("<img src=\"{shot}\">")),
            (&long, ""),
            ("<img src=\"data:image/svg+xml,<svg onload=alert(1)>\">", ""),
            ("<a href=\"data:text/html,x\">d</a>", "<a rel=\"noopener noreferrer\">d</a>"),
            (
                "<iframe src=\"https://www.youtube.com/embed/abc?x=1\" title=\"A <film>\"></iframe>",
                "<p><a href=\"https://www.youtube.com/watch?v=abc\" rel=\"noopener noreferrer\">A &lt;film&gt;</a></p>",
            ),
            (
                "<video controls><source src=\"/v.mp4\"></video>",
                "<p><a href=\"https://blog.example.com/v.mp4\" rel=\"noopener noreferrer\">blog.example.com</a></p>",
            ),
            ("<iframe src=\"javascript:alert(1)\"></iframe>x", "x"),
            ("<p>a</p><p>&nbsp;</p><p><br></p><div> </div><p>b</p>", "<p>a</p><p>b</p>"),
            ("<span style=\"color:red\">a</span><span dir=\"rtl\">ב</span>", "a<span dir=\"rtl\">ב</span>"),
            ("<pre><code>a\n  b</code></pre>", "<pre><code>a\n  b</code></pre>"),
            (
                "<ruby>漢<rt>かん</rt></ruby><table><tr><td>1</td></tr></table>",
                "<ruby>漢<rt>かん</rt></ruby><table><tbody><tr><td>1</td></tr></tbody></table>",
            ),
            (
                "<p>a<sup><a href=\"#n1\">1</a></sup></p>",
                "<p>a<sup><a href=\"https://blog.example.com/a/#n1\" rel=\"noopener noreferrer\">1</a></sup></p>",
            ),
        ] {
            assert_eq!(CleanHtml::sanitise(html, Some(&base)).as_str(), clean, "{html}");
        }
    }

    #[test]
    fn plain_text_becomes_paragraphs() {
        assert!(CleanHtml::from_text(" \n\n ").is_empty());
        assert!(CleanHtml::from_text("a <b>\n\nc").as_str().starts_with("<p>a&#32;&lt;b&gt;</p>"));
    }
}
