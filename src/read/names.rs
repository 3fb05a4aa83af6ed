//! What an element's name means, whatever prefix a feed gives its vocabulary.

/// The vocabularies that feeds are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// RSS 0.9x, 1.0, 1.1 and 2.0, and CDF: what has no namespace, or RSS's own.
    Rss,
    /// Atom 0.3 and 1.0.
    Atom,
    /// Dublin Core, elements and terms.
    Dc,
    /// RSS 1.0's content module.
    Content,
    /// Apple's podcast vocabulary.
    Itunes,
    /// Media RSS.
    Media,
    /// HTML inside a feed.
    Xhtml,
    /// RDF's own syntax.
    Rdf,
    /// `xml:base` and `xml:lang`.
    Xml,
    /// Anything else: read over.
    Other,
}

/// Namespace names without their scheme, in lower case, and a slash or `#` less
/// at the end: feeds spell them in all ways.
const SPACES: [(&str, Space); 21] = [
    ("my.netscape.com/rdf/simple/0.9", Space::Rss),
    ("channel.netscape.com/rdf/simple/0.9", Space::Rss),
    ("purl.org/rss/1.0", Space::Rss),
    ("purl.org/net/rss1.1", Space::Rss),
    ("my.netscape.com/publish/formats/rss-0.91.dtd", Space::Rss),
    ("backend.userland.com/rss", Space::Rss),
    ("backend.userland.com/rss2", Space::Rss),
    ("blogs.law.harvard.edu/tech/rss", Space::Rss),
    ("cyber.law.harvard.edu/rss", Space::Rss),
    ("www.w3.org/2005/atom", Space::Atom),
    ("purl.org/atom/ns", Space::Atom),
    ("purl.org/dc/elements/1.1", Space::Dc),
    ("purl.org/dc/elements/1.0", Space::Dc),
    ("purl.org/dc/terms", Space::Dc),
    ("purl.org/rss/1.0/modules/content", Space::Content),
    ("www.itunes.com/dtds/podcast-1.0.dtd", Space::Itunes),
    ("itunes.apple.com/dtds/podcast-1.0.dtd", Space::Itunes),
    ("search.yahoo.com/mrss", Space::Media),
    ("www.w3.org/1999/xhtml", Space::Xhtml),
    ("www.w3.org/1999/02/22-rdf-syntax-ns", Space::Rdf),
    ("www.w3.org/xml/1998/namespace", Space::Xml),
];

/// What a prefix means to everybody, for feeds that forget to declare it.
const PREFIXES: [(&str, Space); 12] = [
    ("atom", Space::Atom),
    ("atom10", Space::Atom),
    ("a10", Space::Atom),
    ("dc", Space::Dc),
    ("dcterms", Space::Dc),
    ("content", Space::Content),
    ("itunes", Space::Itunes),
    ("media", Space::Media),
    ("xhtml", Space::Xhtml),
    ("rdf", Space::Rdf),
    ("rss", Space::Rss),
    ("xml", Space::Xml),
];

impl Space {
    fn of_uri(uri: &str) -> Self {
        let uri = uri.trim().to_ascii_lowercase();
        let name = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://")).unwrap_or(&uri);
        let name = name.trim_end_matches(['/', '#']);
        SPACES.iter().find(|(known, _)| *known == name).map_or(Self::Other, |(_, space)| *space)
    }
}

/// The namespace declarations in force, innermost last.
#[derive(Debug, Default)]
pub(super) struct Declarations(Vec<(usize, String, Space)>);

impl Declarations {
    /// Adds what an element at `depth` declares; `attribute` is `xmlns` or `xmlns:prefix`.
    pub(super) fn add(&mut self, depth: usize, attribute: &str, uri: &str) {
        let prefix = attribute.strip_prefix("xmlns").unwrap_or_default().trim_start_matches(':');
        let mut space = Space::of_uri(uri);
        // A made-up default namespace does not make a feed's elements strange.
        if prefix.is_empty() && space == Space::Other {
            space = self.default();
        }
        self.0.push((depth, prefix.to_owned(), space));
    }

    /// Forgets what an element at `depth` declared.
    pub(super) fn leave(&mut self, depth: usize) {
        while self.0.last().is_some_and(|(declared, ..)| *declared >= depth) {
            self.0.pop();
        }
    }

    fn default(&self) -> Space {
        self.0.iter().rev().find(|(_, prefix, _)| prefix.is_empty()).map_or(Space::Rss, |(.., space)| *space)
    }

    /// The vocabulary of a qualified name and its local part, in lower case.
    pub(super) fn resolve(&self, qualified: &str) -> (Space, String) {
        let (prefix, local) = qualified.split_once(':').unwrap_or(("", qualified));
        let local = local.to_ascii_lowercase();
        if prefix.is_empty() {
            return (self.default(), local);
        }
        let declared = self.0.iter().rev().find(|(_, known, _)| known == prefix).map(|(.., space)| *space);
        let space = declared
            .or_else(|| PREFIXES.iter().find(|(known, _)| known.eq_ignore_ascii_case(prefix)).map(|(_, space)| *space));
        (space.unwrap_or(Space::Other), local)
    }
}
