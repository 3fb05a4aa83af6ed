//! Where an element's links lead. RSS's link is a text, Atom's an attribute
//! with a relation; CDF has `A` and `HREF`.

use super::names::Ns;
use super::text::plain_text;
use super::tree::{Element, Tree};
use crate::domain::url::HttpUrl;

/// Relations that a registry knows may be written out in full (RFC 4287 section 4.2.7.2).
const REGISTRY: [&str; 2] =
    ["http://www.iana.org/assignments/relation/", "http://www.iana.org/assignments/link-relations/"];

/// A link, made absolute.
pub(super) fn resolve(href: &str, base: Option<&HttpUrl>) -> Option<HttpUrl> {
    let href = href.trim();
    href.parse().ok().or_else(|| base?.join(href))
}

/// The links with this relation; without one, a link is to the alternate of what it stands in.
pub(super) fn related<'t, 'a>(element: &'t Element<'a>, rel: &'t str) -> impl Iterator<Item = &'t Element<'a>> {
    element.all(Ns::Feed, "link").filter(move |link| {
        let told = link.attribute("rel").unwrap_or("alternate");
        let told = REGISTRY.iter().find_map(|registry| told.strip_prefix(registry)).unwrap_or(told);
        told.eq_ignore_ascii_case(rel)
    })
}

/// Where a link leads.
pub(super) fn target(tree: &Tree<'_>, link: &Element<'_>) -> Option<HttpUrl> {
    resolve(link.attribute("href")?, tree.base(link))
}

/// The address of the page that an element stands for. Of several, pages come
/// before other kinds of documents, and then the first.
pub(super) fn page(tree: &Tree<'_>, element: &Element<'_>) -> Option<HttpUrl> {
    let texts = element.all(Ns::Feed, "link").filter(|link| link.attribute("href").is_none());
    let written = texts
        .filter(|link| !link.text.trim().is_empty())
        .find_map(|link| resolve(&plain_text(&link.text), tree.base(link)));
    let is_page = |link: &&Element<'_>| link.attribute("type").is_none_or(|kind| kind.contains("html"));
    let to = |link: &Element<'_>| target(tree, link);
    written
        .or_else(|| related(element, "alternate").filter(is_page).find_map(to))
        .or_else(|| related(element, "alternate").find_map(to))
        .or_else(|| element.all(Ns::Feed, "a").find_map(to))
        .or_else(|| target(tree, element))
}

/// Where an entry says that its original stands (`rel=canonical`, RFC 6596), when that is another site.
pub(super) fn original(tree: &Tree<'_>, element: &Element<'_>, own: Option<&HttpUrl>) -> Option<HttpUrl> {
    related(element, "canonical").find_map(|link| target(tree, link)).filter(|url| is_elsewhere(url, own))
}

/// Whether an address can be that of an original: another site's page, and not its front page.
pub(super) fn is_elsewhere(url: &HttpUrl, own: Option<&HttpUrl>) -> bool {
    let host = |url: &HttpUrl| url.host().trim_start_matches("www.").to_owned();
    url.as_url().path() != "/" && own.is_some_and(|own| host(own) != host(url))
}

/// The address of an entry, which may also stand in its `guid` or `id`, or be
/// where its content is.
pub(super) fn of_entry(tree: &Tree<'_>, element: &Element<'_>, id: Option<&str>) -> Option<HttpUrl> {
    let behind_proxy = element.text_of(Ns::Proxy, "origLink").and_then(|link| link.parse().ok());
    let guid = element.child(Ns::Feed, "guid");
    let permalink = || {
        let guid = guid?;
        let text = guid.text.trim();
        match guid.attribute("isPermaLink").map(str::to_ascii_lowercase).as_deref() {
            Some("false") => None,
            Some("true") => resolve(text, tree.base(guid)),
            // It is one by default, but many a guid that does not say is no address at all.
            _ if text.starts_with('/') => resolve(text, tree.base(guid)),
            _ => text.parse().ok(),
        }
    };
    let id = || id.filter(|_| guid.is_none())?.parse().ok();
    let out_of_line = || {
        let content = element.all(Ns::Feed, "content").find(|content| content.attribute("src").is_some())?;
        resolve(content.attribute("src")?, tree.base(content))
    };
    behind_proxy.or_else(|| page(tree, element)).or_else(permalink).or_else(id).or_else(out_of_line)
}
