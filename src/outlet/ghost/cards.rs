//! A text as Ghost's converter keeps it. The converter makes blocks of its editor out
//! of HTML, and drops or runs together what it has no block for: a list of terms, a
//! paragraph in an item, a picture that is a link. What it would harm goes as an HTML
//! card, which is kept as it is; all else is written so that an editor there can
//! change it.
//!
//! What is kept was tried with `@tryghost/kg-html-to-lexical` 1.2 in Ghost 5.130.

use crate::domain::html::CleanHtml;
use crate::domain::text::escape;
use crate::domain::url::HttpUrl;
use crate::outlet::pictures::Links;
use dom_query::{Document, NodeRef};
use std::collections::HashSet;

/// What the converter makes of words in a line, in any combination.
const MARKS: [&str; 12] = ["strong", "b", "em", "i", "u", "s", "sup", "sub", "span", "code", "a", "br"];
/// What stands in a line besides.
const INLINE: [&str; 20] = [
    "img", "picture", "abbr", "acronym", "bdi", "bdo", "cite", "data", "dfn", "ins", "kbd", "mark", "q", "rp", "rt",
    "ruby", "samp", "small", "time", "var",
];
/// What only holds blocks together.
const HOLDERS: [&str; 10] =
    ["div", "section", "article", "main", "header", "footer", "aside", "center", "nav", "hgroup"];

/// A text with the picture that stands before it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Prepared {
    /// The text, never empty.
    pub(super) html: String,
    /// The picture that the text began with, when it is the one that stands for the post.
    pub(super) lead: Option<Lead>,
}

/// A picture that is taken out of the text, since the site shows it above.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lead {
    /// What it shows, in words.
    pub(super) alt: String,
    /// What stands below it, HTML.
    pub(super) caption: String,
}

/// The text for the converter, its pictures called as `links` says. `image` stands for the post.
pub(super) fn prepared(html: &CleanHtml, links: &Links, image: Option<&HttpUrl>) -> Prepared {
    let document = Document::fragment(html.as_str());
    for struck in document.select("del, strike").nodes() {
        struck.rename("s");
    }
    let lead = image.and_then(|image| lift(&document.html_root(), image));
    for picture in document.select("img").nodes() {
        if let Some(place) = picture.attr("src").and_then(|address| links.get(address.as_ref())) {
            picture.set_attr("src", place);
            picture.remove_attrs(&["srcset", "sizes"]);
            let others = picture.parent().filter(|parent| name(parent) == "picture").map(|parent| parent.children());
            for other in others.unwrap_or_default().iter().filter(|other| name(other) == "source") {
                other.remove_from_parent();
            }
        }
    }
    let inside = document.select("a[href^='#']");
    let goals = inside.nodes().iter().filter_map(|link| link.attr("href"));
    let goals = goals.map(|href| href.trim_start_matches('#').to_owned()).collect();
    let mut writer = Writer { goals, parts: Vec::new() };
    writer.blocks(&document.html_root());
    let html = writer.parts.iter().map(Part::written).collect::<Vec<_>>().join("\n");
    // An empty text would leave what stands there.
    Prepared { html: if html.is_empty() { "<p></p>".to_owned() } else { html }, lead }
}

/// Takes the picture out with which a text begins, if it is this one and no link.
fn lift(root: &NodeRef<'_>, image: &HttpUrl) -> Option<Lead> {
    let mut block = first(root)?;
    while HOLDERS.contains(&name(&block).as_str()) {
        block = first(&block)?;
    }
    let picture = Figure::of(&block).filter(|figure| figure.href.is_none() && shows(&figure.img, image))?;
    let lead = Lead {
        alt: picture.img.attr("alt").map(|alt| alt.to_string()).unwrap_or_default(),
        caption: picture.caption.map(|caption| caption.inner_html().to_string()).unwrap_or_default(),
    };
    block.remove_from_parent();
    Some(lead)
}

fn shows(picture: &NodeRef<'_>, image: &HttpUrl) -> bool {
    picture.attr("src").and_then(|src| src.parse::<HttpUrl>().ok()).as_ref() == Some(image)
}

/// The first of what is no white space.
fn first<'a>(node: &NodeRef<'a>) -> Option<NodeRef<'a>> {
    node.children().into_iter().find(|child| !is_blank(child))
}

/// A block of the text.
enum Part {
    /// The converter keeps it.
    Block(String),
    /// It would not.
    Card(String),
}

impl Part {
    fn written(&self) -> String {
        match self {
            Self::Block(html) => html.clone(),
            Self::Card(html) => format!("<!--kg-card-begin: html-->\n{html}\n<!--kg-card-end: html-->"),
        }
    }
}

/// One picture, with what belongs to it and nothing else.
struct Figure<'a> {
    img: NodeRef<'a>,
    /// Where it leads.
    href: Option<String>,
    caption: Option<NodeRef<'a>>,
}

impl<'a> Figure<'a> {
    /// A `figure`, a `picture`, an `img`, or one of these in a paragraph or a link.
    fn of(node: &NodeRef<'a>) -> Option<Self> {
        let inside = node.descendants();
        let mut pictures = inside.iter().chain([node]).filter(|node| name(node) == "img");
        let (img, None) = (*pictures.next()?, pictures.next()) else { return None };
        let mut captions = inside.iter().filter(|node| name(node) == "figcaption");
        let (caption, None) = (captions.next().copied(), captions.next()) else { return None };
        let known = ["figure", "picture", "source", "img", "a", "p", "div", "figcaption"];
        let is_only = inside.iter().chain([node]).all(|node| {
            known.contains(&name(node).as_str())
                || is_blank(node)
                || caption.is_some_and(|caption| is_in(node, &caption))
        });
        // A picture that is written out in the address would be lost.
        let is_there = img.attr("src").is_some_and(|src| src.starts_with("http"));
        let is_sound = caption.is_none_or(|caption| !is_in(&img, &caption) && caption.children().iter().all(is_kept));
        let href = img.ancestors_it(None).find(|node| name(node) == "a").and_then(|link| link.attr("href"));
        let href = href.map(|href| href.to_string());
        (is_only && is_there && is_sound).then_some(Self { img, href, caption })
    }

    fn written(&self) -> String {
        let img = self.img.html();
        let picture = match &self.href {
            Some(href) => format!("<a href=\"{}\">{img}</a>", escape(href)),
            None => img.to_string(),
        };
        let caption = self.caption.map(|caption| caption.html().to_string()).unwrap_or_default();
        format!("<figure>{picture}{caption}</figure>")
    }
}

struct Writer {
    /// The names in the text to which links in it lead.
    goals: HashSet<String>,
    parts: Vec<Part>,
}

impl Writer {
    fn blocks(&mut self, node: &NodeRef<'_>) {
        let mut run = Vec::new();
        for child in node.children() {
            if child.is_text() || MARKS.contains(&name(&child).as_str()) || INLINE.contains(&name(&child).as_str()) {
                run.push(child);
            } else {
                self.end_run(&mut run);
                self.block(&child);
            }
        }
        self.end_run(&mut run);
    }

    /// Words between blocks are a paragraph.
    fn end_run(&mut self, run: &mut Vec<NodeRef<'_>>) {
        let html: String = run.iter().map(|node| node.html().to_string()).collect();
        self.paragraph(run, &format!("<p>{}</p>", html.trim()));
        run.clear();
    }

    fn paragraph(&mut self, line: &[NodeRef<'_>], html: &str) {
        if line.iter().all(is_blank) {
            return;
        }
        let pictures: Option<Vec<String>> =
            line.iter().filter(|node| !is_blank(node)).map(|node| Some(Figure::of(node)?.written())).collect();
        match pictures {
            _ if line.iter().any(|node| self.holds_goal(node)) => self.card(html),
            Some(pictures) => self.parts.extend(pictures.into_iter().map(Part::Block)),
            None if line.iter().all(is_kept) => self.parts.push(Part::Block(html.to_owned())),
            None => self.card(html),
        }
    }

    fn block(&mut self, node: &NodeRef<'_>) {
        let (html, name) = (node.html(), name(node));
        match name.as_str() {
            _ if !node.is_element() => {}
            // The converter knows neither directions nor names.
            _ if node.has_attr("dir") || self.is_goal(node) => self.card(&html),
            holder if HOLDERS.contains(&holder) => self.blocks(node),
            _ if self.holds_goal(node) => self.card(&html),
            "p" => self.paragraph(&node.children(), &html),
            "figure" => match Figure::of(node) {
                Some(figure) => self.parts.push(Part::Block(figure.written())),
                None => self.card(&html),
            },
            _ if is_block(node, &name) => self.parts.push(Part::Block(html.to_string())),
            _ => self.card(&html),
        }
    }

    /// What follows a card stands in the same one.
    fn card(&mut self, html: &str) {
        match self.parts.last_mut() {
            Some(Part::Card(before)) => {
                before.push('\n');
                before.push_str(html);
            }
            _ => self.parts.push(Part::Card(html.to_owned())),
        }
    }

    /// Whether a link in the text leads here.
    fn is_goal(&self, node: &NodeRef<'_>) -> bool {
        node.attr("id").is_some_and(|id| self.goals.contains(id.as_ref()))
    }

    fn holds_goal(&self, node: &NodeRef<'_>) -> bool {
        self.is_goal(node) || node.descendants().iter().any(|inside| self.is_goal(inside))
    }
}

/// Whether the converter keeps a block as it is.
fn is_block(node: &NodeRef<'_>, name: &str) -> bool {
    let children = node.children();
    match name {
        "hr" => true,
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => children.iter().all(is_kept),
        "blockquote" => children.iter().all(is_kept) || children.iter().all(|child| is_blank(child) || is_line(child)),
        "pre" => matches!(children.as_slice(), [code] if self::name(code) == "code"),
        "ul" | "ol" => is_list(node),
        _ => false,
    }
}

/// Whether a list's items are lines, each perhaps with a list behind it.
fn is_list(list: &NodeRef<'_>) -> bool {
    let is_item = |item: &NodeRef<'_>| {
        let children = item.children();
        let mut children: Vec<&NodeRef<'_>> = children.iter().filter(|child| !is_blank(child)).collect();
        if children.last().is_some_and(|last| matches!(name(last).as_str(), "ul" | "ol") && is_list(last)) {
            children.pop();
        }
        match children.as_slice() {
            [line] if name(line) == "p" => is_line(line),
            words => words.iter().all(|word| is_kept(word)),
        }
    };
    let is_numbered_otherwise = list.has_attr("type") || list.has_attr("reversed");
    !is_numbered_otherwise
        && list.children().iter().all(|child| is_blank(child) || (name(child) == "li" && is_item(child)))
}

fn is_line(node: &NodeRef<'_>) -> bool {
    name(node) == "p" && !node.has_attr("dir") && node.children().iter().all(is_kept)
}

/// Whether the converter keeps this in a line.
fn is_kept(node: &NodeRef<'_>) -> bool {
    match name(node).as_str() {
        "" => !node.is_element(),
        "code" => node.children().iter().all(|child| !child.is_element()),
        mark => MARKS.contains(&mark) && !node.has_attr("dir") && node.children().iter().all(is_kept),
    }
}

fn is_blank(node: &NodeRef<'_>) -> bool {
    if node.is_text() {
        node.text().trim_matches([' ', '\t', '\n', '\r', '\u{c}']).is_empty()
    } else {
        name(node) == "br"
    }
}

fn is_in(node: &NodeRef<'_>, holder: &NodeRef<'_>) -> bool {
    node.ancestors_it(None).any(|above| above.id == holder.id)
}

/// An element's name; nothing of what is none.
fn name(node: &NodeRef<'_>) -> String {
    if node.is_element() { node.node_name().map(|name| name.to_string()).unwrap_or_default() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(html: &str) -> String {
        prepared(&CleanHtml::sanitise(html, None), &Links::new(), None).html
    }

    fn card(html: &str) -> String {
        format!("<!--kg-card-begin: html-->\n{html}\n<!--kg-card-end: html-->")
    }

    #[test]
    fn what_the_converter_keeps_is_written_for_the_editor() {
        let img = "<img src=\"https://x.example/a.png\" alt=\"a\">";
        for (html, written) in [
            (
                "<h2>하나 <em>둘</em></h2><div><p>셋<br>넷</p>다섯 <b>x</b></div>",
                "<h2>하나 <em>둘</em></h2>\n<p>셋<br>넷</p>\n<p>다섯 <b>x</b></p>",
            ),
            ("a &lt;b&gt; &amp; c", "<p>a &lt;b&gt; &amp; c</p>"),
            ("<p><del>a</del> <u>b</u></p><p> <br> </p><hr>", "<p><s>a</s> <u>b</u></p>\n<hr>"),
            ("<ul><li>a<ol><li><p>b</p></li></ol></li></ul>", "<ul><li>a<ol><li><p>b</p></li></ol></li></ul>"),
            ("<blockquote><p>a</p><p>b</p></blockquote>", "<blockquote><p>a</p><p>b</p></blockquote>"),
            ("<pre><code>a\n\n b</code></pre>", "<pre><code>a\n\n b</code></pre>"),
            (&format!("<p>{img}</p>"), &format!("<figure>{img}</figure>")),
            (
                &format!("<figure><div>{img}</div><figcaption>b <em>c</em></figcaption></figure>"),
                &format!("<figure>{img}<figcaption>b <em>c</em></figcaption></figure>"),
            ),
            (
                &format!("<p><a href=\"https://x.example/\">{img}</a> {img}</p>"),
                &format!("<figure><a href=\"https://x.example/\">{img}</a></figure>\n<figure>{img}</figure>"),
            ),
            ("", "<p></p>"),
        ] {
            assert_eq!(of(html), *written, "{html}");
        }
    }

    #[test]
    fn what_the_converter_would_harm_is_kept_as_it_is() {
        let img = "<img src=\"https://x.example/a.png\" alt=\"a\">";
        for html in [
            "<table><tbody><tr><td>1</td></tr></tbody></table>",
            "<dl><dt>a</dt><dd>b</dd></dl>",
            "<p>a <mark>b</mark> <kbd>c</kbd></p>",
            "<ul><li><p>a</p><p>b</p></li></ul>",
            "<ul><li>a<ul><li>b</li></ul>c</li></ul>",
            "<ol><li>a<pre><code>b</code></pre></li></ol>",
            "<ol reversed=\"\"><li>a</li></ol>",
            "<blockquote><p>a</p><ul><li>b</li></ul></blockquote>",
            "<pre>a <b>b</b></pre>",
            "<p dir=\"rtl\">a</p>",
            "<details><summary>a</summary><p>b</p></details>",
            &format!("<p>a {img} b</p>"),
            &format!("<figure>{img}{img}<figcaption>c</figcaption></figure>"),
        ] {
            assert_eq!(of(html), card(html), "{html}");
        }
        assert_eq!(
            of("<dl><dt>a</dt></dl>\n<dl><dt>b</dt></dl><p>c</p>"),
            format!("{}\n<p>c</p>", card("<dl><dt>a</dt></dl>\n<dl><dt>b</dt></dl>"))
        );
        let noted = of("<p>a<sup><a href=\"#n\">1</a></sup></p><h2 id=\"other\">b</h2><ol><li id=\"n\">c</li></ol>");
        assert!(noted.starts_with("<p>a<sup><a href=\"#") && noted.contains("begin: html-->\n<ol><li id="), "{noted}");
        let written_out = of("<p><img src=\"data:image/png;base64,iVBORw0KGgo=\" alt=\"x\"></p>");
        assert!(written_out.starts_with("<!--kg-card-begin") && written_out.contains("base64"), "{written_out}");
    }

    #[test]
    fn the_picture_above_the_text_is_taken_out_of_it_once() {
        let image: HttpUrl = "https://x.example/a.png".parse().unwrap();
        let of = |html: &str| prepared(&CleanHtml::sanitise(html, None), &Links::new(), Some(&image));
        let img = "<img src=\"https://x.example/a.png\" alt=\"우체통\">";
        let Prepared { html, lead } = of(&format!("<div><figure>{img}<figcaption>b</figcaption></figure>c</div>"));
        assert_eq!(
            (html.as_str(), lead),
            ("<p>c</p>", Some(Lead { alt: "우체통".to_owned(), caption: "b".to_owned() }))
        );
        for stays in
            [format!("<p>a</p>{img}"), format!("<p>a {img}</p>"), format!("<a href=\"https://x.example/\">{img}</a>b")]
        {
            let Prepared { html, lead } = of(&stays);
            assert!(lead.is_none() && html.contains("a.png"), "{html}");
        }
    }
}
