//! A digest on the web: the frozen mail with everything that is its reader's own
//! taken out, and what a page has besides put in.
//!
//! Invariant: no token is left, whatever the operator's templates did with it. What
//! a reader's name, address or link stood in goes as a whole: its paragraph, or the
//! piece of text where it has none.

use super::super::Renderer;
use crate::domain::digest::token;
use crate::domain::language::Language;
use crate::domain::text::escape;
use dom_query::{Document, NodeRef};
use std::collections::BTreeMap;

/// What a digest's page says besides its mail.
#[derive(Debug, Clone)]
pub struct DigestPage<'a> {
    /// The newsletter's language.
    pub language: Language,
    /// The newsletter's title.
    pub title: &'a str,
    /// The mails' subject.
    pub subject: &'a str,
    /// The page's own address.
    pub url: &'a str,
    /// The site's title.
    pub site: &'a str,
    /// The site's address.
    pub home: &'a str,
    /// Where one subscribes; `None` when the newsletter is mailed no more.
    pub subscribe: Option<String>,
    /// Where the pictures stand that came with the mail, by their Content-IDs.
    pub pictures: BTreeMap<String, String>,
}

/// What says one thing, and goes with it.
const PARAGRAPHS: [&str; 11] = ["p", "li", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd", "address"];

impl Renderer {
    /// The page of a digest, made of its mail's frozen HTML.
    #[must_use]
    pub fn digest_page(&self, html: &str, page: &DigestPage<'_>) -> String {
        let document = Document::from(html);
        show_pictures(&document, &page.pictures);
        for preheader in elements(&document).into_iter().filter(|node| node.has_class("preheader")) {
            preheader.remove_from_parent();
        }
        let foot = elements(&document)
            .into_iter()
            .filter(|node| holds(node, "href", token::UNSUBSCRIBE_URL))
            .filter_map(|link| Some((paragraph(&link)?, link)))
            .last();
        let instead = self.foot(page, foot.as_ref().and_then(|(_, link)| link.attr("style")).as_deref());
        let foot = foot.map(|(paragraph, _)| paragraph);
        if let Some(foot) = &foot {
            foot.set_html(instead.as_str());
        }
        take_out_readers(&document);
        // In the mail it led here.
        for link in elements(&document).into_iter().filter(|node| holds(node, "href", page.url)) {
            link.remove_from_parent();
        }
        if let Some(body) = document.body() {
            let below = if foot.is_none() { format!("<p>{instead}</p>") } else { String::new() };
            body.set_html(format!("<main>{}{below}</main>", body.inner_html()));
        }
        if let Some(head) = document.head() {
            head.append_html(head_lines(page));
        }
        document.select("html").set_attr("lang", page.language.tag());
        without_tokens(&document.html())
    }

    /// What stands in the place of the ways out.
    fn foot(&self, page: &DigestPage<'_>, style: Option<&str>) -> String {
        let style = style.map(|style| format!(" style=\"{}\"", escape(style))).unwrap_or_default();
        let link = |url: &str, words: &str| format!("<a href=\"{}\"{style}>{}</a>", escape(url), escape(words));
        let engine = self.engine();
        let words = engine.texts.of(page.language).fill("web_subscribe", &[("title", page.title)]);
        let subscribe = page.subscribe.as_ref().map(|url| link(url, &words) + " · ").unwrap_or_default();
        subscribe + &link(page.home, page.site)
    }
}

/// What no element holds: comments, styles.
fn without_tokens(html: &str) -> String {
    let (mut clean, mut rest) = (String::with_capacity(html.len()), html);
    while let Some((before, _, behind)) = token::first(rest) {
        clean.push_str(before);
        rest = behind;
    }
    token::strip(&(clean + rest))
}

/// Whose page it is, for programs.
fn head_lines(page: &DigestPage<'_>) -> String {
    let [url, subject, site] = [page.url, page.subject, page.site].map(escape);
    format!(
        "<link rel=\"canonical\" href=\"{url}\">\n<meta property=\"og:type\" content=\"article\">\n\
         <meta property=\"og:title\" content=\"{subject}\">\n<meta property=\"og:url\" content=\"{url}\">\n\
         <meta property=\"og:site_name\" content=\"{site}\">\n"
    )
}

/// Gives pictures that came with the mail their addresses again; one whose address
/// nobody knows any more goes.
fn show_pictures(document: &Document, known: &BTreeMap<String, String>) {
    for picture in elements(document).into_iter().filter(|node| node.has_name("img")) {
        let source = picture.attr("src").unwrap_or_default();
        let Some(id) = source.strip_prefix("cid:") else { continue };
        match known.get(id) {
            Some(address) => picture.set_attr("src", address),
            None => picture.remove_from_parent(),
        }
    }
}

/// Takes out all that is a reader's own.
fn take_out_readers(document: &Document) {
    for node in document.root().descendants() {
        let named = |text: &str| token::first(text).is_some();
        let is_own = if node.is_element() {
            node.attrs().iter().any(|attribute| named(&attribute.value))
        } else {
            named(&node.text())
        };
        if !is_own {
            continue;
        }
        match paragraph(&node) {
            Some(paragraph) => paragraph.remove_from_parent(),
            None if node.is_element() && !node.has_name("a") => {
                let own: Vec<_> = node.attrs().into_iter().filter(|attribute| named(&attribute.value)).collect();
                for attribute in own {
                    node.remove_attr(&attribute.name.local);
                }
            }
            None => node.remove_from_parent(),
        }
    }
}

fn elements(document: &Document) -> Vec<NodeRef<'_>> {
    document.root().descendants().into_iter().filter(NodeRef::is_element).collect()
}

fn holds(node: &NodeRef<'_>, attribute: &str, value: &str) -> bool {
    node.attr(attribute).is_some_and(|held| *held == *value)
}

/// The innermost paragraph that a node stands in.
fn paragraph<'a>(node: &NodeRef<'a>) -> Option<NodeRef<'a>> {
    let is_one = |node: &NodeRef<'_>| PARAGRAPHS.iter().any(|name| node.has_name(name));
    std::iter::once(*node).chain(node.ancestors(None)).find(is_one)
}
