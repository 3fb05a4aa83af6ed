//! Sitemaps (sitemaps.org, protocol 0.9).

use crate::domain::text::escape;
use crate::domain::time::Timestamp;

/// A page in a sitemap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SitemapEntry {
    /// Its address on the web.
    pub url: String,
    /// When it last changed, where that is known.
    pub changed: Option<Timestamp>,
}

/// What both kinds begin with.
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAMES: &str = "xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\"";

/// A sitemap of pages, 50,000 at most by the protocol.
#[must_use]
pub fn sitemap(entries: &[SitemapEntry]) -> String {
    let mut text = format!("{HEAD}<urlset {NAMES}>\n");
    for SitemapEntry { url, changed } in entries {
        let changed = changed.map(|at| format!("<lastmod>{}</lastmod>", at.to_rfc3339())).unwrap_or_default();
        text.extend(["<url><loc>", &escape(url), "</loc>", &changed, "</url>\n"]);
    }
    text.push_str("</urlset>\n");
    text
}

/// A list of sitemaps.
#[must_use]
pub fn sitemap_index(urls: &[String]) -> String {
    let listed: Vec<String> = urls.iter().map(|url| format!("<sitemap><loc>{}</loc></sitemap>", escape(url))).collect();
    format!("{HEAD}<sitemapindex {NAMES}>\n{}\n</sitemapindex>\n", listed.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_escaped() {
        let entry = SitemapEntry { url: "https://a.example/?a=1&b".to_owned(), changed: Some(Timestamp::EPOCH) };
        let text = sitemap(&[entry]);
        assert!(text.contains("<loc>https://a.example/?a=1&amp;b</loc><lastmod>1970-01-01T00:00:00"), "{text}");
        assert!(sitemap_index(&["https://a.example/s".to_owned()]).contains("<sitemap><loc>https://a.example/s</loc>"));
    }
}
