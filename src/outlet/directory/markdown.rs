//! A post's HTML as Markdown (`CommonMark` 0.31 with the tables of GFM), from the tree
//! that the sanitiser's own parser makes: a crate for it would bring a second parser,
//! and would write emphasis that Korean cannot close.
//!
//! What Markdown has no word for stays HTML. What a generator takes for a command of
//! its own is written so that it is a text.

mod blocks;
mod inlines;

use crate::domain::html::CleanHtml;
use crate::domain::outlet::Generator;
use crate::outlet::pictures::{Links, relinked};
use dom_query::{Document, NodeRef};

/// The text in Markdown.
pub(super) fn markdown(html: &CleanHtml, links: &Links, generator: Generator) -> String {
    let document = Document::fragment(html.as_str());
    let writer = Writer { links, generator };
    writer.blocks(&document.root()).join("\n\n")
}

/// The text as HTML, its pictures called as `links` says.
pub(super) fn html(html: &CleanHtml, links: &Links) -> String {
    // A blank line would end the HTML for Markdown, and what looks like a command is one in HTML, too.
    let html = relinked(html, links);
    let lines: Vec<&str> = html.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n").replace("{{", "&#123;&#123;").replace("{%", "&#123;%")
}

struct Writer<'a> {
    links: &'a Links,
    generator: Generator,
}

/// An element's name; nothing of what is none.
fn name(node: &NodeRef<'_>) -> String {
    node.node_name().map(|name| name.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(html: &str) -> String {
        let links = Links::from([("https://x.example/a.png".to_owned(), "a.png".to_owned())]);
        markdown(&CleanHtml::sanitise(html, None), &links, Generator::Hugo)
    }

    #[test]
    fn blocks_become_what_markdown_calls_them() {
        for (html, markdown) in [
            ("<h2>하나</h2><p>둘 <em>셋</em>\n넷</p>", "## 하나\n\n둘 *셋* 넷"),
            ("<p>a<br>b</p><hr><p>c</p>", "a\\\nb\n\n***\n\nc"),
            ("<ul><li>a</li><li>b<ol start=3><li>c</li><li>d</li></ol></li></ul>", "- a\n- b\n\n  3. c\n  4. d"),
            ("<ul><li><p>a</p><p>b</p></li><li>c</li></ul>", "- a\n\n  b\n\n- c"),
            ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"),
            (
                "<pre><code class=\"language-rust\">let a = \"```\";\n\n  b</code></pre>",
                "````rust\nlet a = \"```\";\n\n  b\n````",
            ),
            (
                "<table><thead><tr><th>이름</th><th>a|b</th></tr></thead><tbody><tr><td>하나</td><td>2<br>3</td></tr></tbody></table>",
                "| 이름 | a\\|b |\n| --- | --- |\n| 하나 | 2<br>3 |",
            ),
            (
                "<figure><img src=\"https://x.example/a.png\" alt=\"그림\"><figcaption>설명</figcaption></figure>",
                "![그림](a.png)\n\n설명",
            ),
            ("<p>a</p>b<div>c<p>d</p></div>", "a\n\nb\n\nc\n\nd"),
            ("<dl><dt>a</dt><dd>b</dd></dl>", "**a**\n\nb"),
            ("", ""),
        ] {
            assert_eq!(of(html), markdown, "{html}");
        }
        let merged = of("<table><tr><td colspan=2>a</td></tr><tr><td>b</td><td>c</td></tr></table>");
        assert!(merged.starts_with("<table>") && !merged.contains("\n\n"), "{merged}");
    }

    #[test]
    fn what_stands_in_a_line_keeps_its_meaning() {
        for (html, markdown) in [
            (
                "<p>2 * 3 * 4 and snake_case_name &lt;b&gt; [x]</p>",
                "2 \\* 3 \\* 4 and snake\\_case\\_name \\<b\\> \\[x\\]",
            ),
            ("<p># no heading</p><p>1. no list</p><p>- none</p>", "\\# no heading\n\n1\\. no list\n\n\\- none"),
            ("<p><strong>굵게</strong>는 <b>b</b></p>", "**굵게**는 **b**"),
            // A mark behind a quotation mark closes nothing before a letter.
            ("<p><strong>“따옴표”</strong>는</p>", "**“따옴표”**&#45716;"),
            ("<p>그는<em>(웃음)</em> 말</p>", "그는&#8203;*(웃음)* 말"),
            ("<p><strong> a </strong>b</p>", "**a** b"),
            (
                "<p><code>a`b</code> <a href=\"https://x.example/a_(b)\">글</a></p>",
                "`` a`b `` [글](<https://x.example/a_(b)>)",
            ),
            ("<p>{{< shortcode >}} {% raw %}</p>", "&#123;{\\< shortcode \\>}} &#123;% raw %}"),
            ("<p>x<sup>2</sup> <del>no</del> AT&amp;T &amp;amp;</p>", "x<sup>2</sup> ~~no~~ AT&T &amp;amp;"),
        ] {
            assert_eq!(of(html), markdown, "{html}");
        }
        assert_eq!(of("<pre>{{< figure src=\"x\" >}}</pre>"), "```\n{{</* figure src=\"x\" */>}}\n```");
    }
}
