//! A post's text as WordPress shows it unchanged: it makes breaks of line ends
//! (`wpautop`) and runs what stands in square brackets (`do_shortcode`).

use crate::domain::html::CleanHtml;
use crate::outlet::pictures::{self, Links};

/// The text with its pictures at their new addresses. It stays free HTML, which a person can go on writing in either
/// of WordPress's editors; a block of HTML could only be looked at.
pub(super) fn content(html: &CleanHtml, links: &Links) -> String {
    let html = pictures::relinked(html, links);
    let mut content = String::with_capacity(html.len());
    let mut rest = html.as_str();
    // The sanitiser writes `<pre` of nothing but that element: in words it is escaped.
    while let Some((before, after)) = rest.split_once("<pre") {
        content.push_str(&on_one_line(before));
        let (code, behind) = after.split_once("</pre>").unwrap_or((after, ""));
        content.push_str("<pre");
        content.push_str(code);
        content.push_str("</pre>");
        rest = behind;
    }
    content.push_str(&on_one_line(rest));
    content.replace('[', "&#91;").trim().to_owned()
}

fn on_one_line(html: &str) -> String {
    html.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_wordpress_would_run_or_break_are_only_words() {
        let html = "<p>one\ntwo [gallery ids=\"1\"] &amp; 3</p>\n<pre><code>a\n  b[0]</code></pre>\n<p>x</p>\
                    <picture><source srcset=\"https://x.example/b.webp\"><img src=\"https://x.example/a.png\" alt=\"우체통\"></picture>";
        let links = Links::from([("https://x.example/a.png".to_owned(), "https://paper.example/1.png".to_owned())]);
        let content = content(&CleanHtml::sanitise(html, None), &links);
        assert_eq!(
            content,
            "<p>one two &#91;gallery ids=\"1\"] &amp; 3</p> <pre><code>a\n  b&#91;0]</code></pre> <p>x</p>\
             <picture><img src=\"https://paper.example/1.png\" alt=\"우체통\"></picture>"
        );
    }
}
