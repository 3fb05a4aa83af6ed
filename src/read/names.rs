//! The vocabularies that feeds speak, told by namespace, and by prefix where a
//! feed forgot to say which namespace it means.

/// A vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ns {
    /// RSS in all its versions, Atom, CDF, and whatever has no namespace.
    Feed,
    /// Dublin Core, elements and terms.
    Dc,
    /// RSS 1.0's module for whole texts.
    Content,
    Itunes,
    Media,
    /// When a feed is written anew.
    Syndication,
    /// RFC 5005.
    History,
    /// RFC 6721: what is no longer there.
    Tombstones,
    /// The true address behind a counting proxy.
    Proxy,
    Rdf,
    Xhtml,
    Xml,
    Other,
}

/// Namespaces as they are compared: without scheme and `www.`, in lower case,
/// without what ends them. What begins with one of these is it.
const NAMESPACES: [(&str, Ns); 28] = [
    ("w3.org/2005/atom", Ns::Feed),
    ("purl.org/atom/", Ns::Feed),
    // What Atom was called before it had its name.
    ("purl.org/echo/", Ns::Feed),
    ("purl.org/net/rss", Ns::Feed),
    ("purl.org/rss/1.0/modules/content", Ns::Content),
    ("purl.org/rss/1.0/modules/syndication", Ns::Syndication),
    ("purl.org/rss/1.0/modules/rss091", Ns::Feed),
    ("purl.org/rss/1.0/modules", Ns::Other),
    ("purl.org/rss/1.0", Ns::Feed),
    ("my.netscape.com/", Ns::Feed),
    ("channel.netscape.com/", Ns::Feed),
    ("backend.userland.com/rss", Ns::Feed),
    ("blogs.law.harvard.edu/tech/rss", Ns::Feed),
    ("cyber.law.harvard.edu/rss/creativecommons", Ns::Other),
    ("cyber.law.harvard.edu/rss", Ns::Feed),
    ("purl.org/dc/", Ns::Dc),
    ("itunes.com/", Ns::Itunes),
    ("itunes.apple.com/", Ns::Itunes),
    ("search.yahoo.com/mrss", Ns::Media),
    ("video.search.yahoo.com/mrss", Ns::Media),
    ("purl.org/syndication/history", Ns::History),
    ("purl.org/atompub/tombstones", Ns::Tombstones),
    ("rssnamespace.org/feedburner", Ns::Proxy),
    ("pheedo.com/namespace/pheedo", Ns::Proxy),
    ("w3.org/1999/02/22-rdf-syntax-ns", Ns::Rdf),
    ("w3.org/1999/xhtml", Ns::Xhtml),
    ("w3.org/xml/1998/namespace", Ns::Xml),
    ("google.com/schemas/play-podcasts", Ns::Itunes),
];

/// What prefixes mean where nothing says so.
const PREFIXES: [(&str, Ns); 19] = [
    ("atom", Ns::Feed),
    ("atom10", Ns::Feed),
    ("a10", Ns::Feed),
    ("rss", Ns::Feed),
    ("dc", Ns::Dc),
    ("dcterms", Ns::Dc),
    ("dct", Ns::Dc),
    ("content", Ns::Content),
    ("itunes", Ns::Itunes),
    ("googleplay", Ns::Itunes),
    ("media", Ns::Media),
    ("sy", Ns::Syndication),
    ("fh", Ns::History),
    ("feedburner", Ns::Proxy),
    ("pheedo", Ns::Proxy),
    ("rdf", Ns::Rdf),
    ("xhtml", Ns::Xhtml),
    ("xml", Ns::Xml),
    ("xmlns", Ns::Other),
];

impl Ns {
    /// The vocabulary of a namespace; `None` when it is not one of ours.
    pub(super) fn of_namespace(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        let name = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(&name);
        let name = name.strip_prefix("www.").unwrap_or(name);
        NAMESPACES.iter().find(|(known, _)| name.starts_with(known)).map(|(_, ns)| *ns)
    }

    /// What a prefix usually stands for.
    pub(super) fn of_prefix(prefix: &str) -> Option<Self> {
        PREFIXES.iter().find(|(known, _)| known.eq_ignore_ascii_case(prefix)).map(|(_, ns)| *ns)
    }
}

/// A name's prefix, empty when it has none, and the rest.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// Elements that hold others. Everything else holds text, and what looks like
/// elements in there is the text's own markup.
pub(super) fn holds_elements(ns: Ns, name: &str) -> bool {
    let among = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    match ns {
        Ns::Feed => among(&[
            "rss",
            "rdf",
            "channel",
            "feed",
            "item",
            "entry",
            "author",
            "contributor",
            "source",
            "image",
            "textinput",
            "items",
            "skiphours",
            "skipdays",
            "schedule",
        ]),
        Ns::Rdf => true,
        Ns::Itunes => among(&["owner", "category"]),
        Ns::Media => among(&["group", "content"]),
        _ => false,
    }
}

/// Whether an element is a person: RSS writes a name into it, Atom elements with
/// the name, the address and more.
pub(super) fn is_person(ns: Ns, name: &str) -> bool {
    ns == Ns::Feed && (name.eq_ignore_ascii_case("author") || name.eq_ignore_ascii_case("contributor"))
}

/// Whether an element is markup of a name: HTML that stands among words.
pub(super) fn is_inline(ns: Ns, name: &str) -> bool {
    let inline = [
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "br", "center", "cite", "code", "div", "em", "font", "i",
        "img", "ins", "mark", "nobr", "p", "q", "rp", "rt", "ruby", "s", "small", "span", "strike", "strong", "sub",
        "sup", "u",
    ];
    matches!(ns, Ns::Feed | Ns::Xhtml) && inline.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether an element is one post.
pub(super) fn is_entry(ns: Ns, name: &str) -> bool {
    ns == Ns::Feed && (name.eq_ignore_ascii_case("item") || name.eq_ignore_ascii_case("entry"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_known_however_it_is_spelt() {
        for (name, ns) in [
            ("http://www.w3.org/2005/Atom", Some(Ns::Feed)),
            ("https://www.w3.org/2005/atom/", Some(Ns::Feed)),
            ("http://purl.org/dc/elements/1.1/", Some(Ns::Dc)),
            ("http://purl.org/rss/1.0/", Some(Ns::Feed)),
            ("http://purl.org/rss/1.0/modules/content/", Some(Ns::Content)),
            ("http://purl.org/rss/1.0/modules/slash/", Some(Ns::Other)),
            ("http://www.itunes.com/DTDs/Podcast-1.0.dtd", Some(Ns::Itunes)),
            ("http://example.org/mine", None),
        ] {
            assert_eq!(Ns::of_namespace(name), ns, "{name}");
        }
    }
}
