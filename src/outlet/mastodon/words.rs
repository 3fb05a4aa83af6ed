//! A status's words: what may speak to people and what may not, and how long they
//! are to the instance.

use crate::domain::outlet::Blank;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation as _;

/// Behind an `@` or `#` it keeps the words what they are: invisible, and no part of a name.
const JOINER: char = '\u{2060}';
/// What begins what an instance takes for an address (Mastodon's `config/initializers/twitter_regex.rb`).
const SCHEMES: [&str; 9] =
    ["https://", "http://", "dat://", "dweb://", "ipfs://", "ipns://", "ssb://", "gopher://", "gemini://"];
/// Ends of names that are on no public list: what has them is no address to an instance, and counts in full.
const PRIVATE_ENDS: [&str; 10] =
    ["local", "internal", "lan", "home", "corp", "test", "example", "invalid", "localhost", "onion"];

/// How long a status may be, and how that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// The most characters.
    pub(super) most: usize,
    /// As so many characters an address counts; zero: as it is.
    pub(super) per_url: usize,
    /// Whether characters are counted as Unicode has them, where others count what people see as one.
    pub(super) bare: bool,
}

impl Default for Limits {
    /// What Mastodon itself allows; others say what they do.
    fn default() -> Self {
        Self { most: 500, per_url: 23, bare: false }
    }
}

/// What fills a blank, so that nobody is mentioned and no tag is made by accident; tags stay tags.
pub(super) fn written(blank: Blank, value: &str) -> String {
    match blank {
        Blank::Url => address(value),
        Blank::Tags => tags(value),
        _ => guarded(value),
    }
}

/// An address, in which nobody is mentioned: instances look for names in it, too.
pub(super) fn address(url: &str) -> String {
    let (mut written, mut before) = (String::with_capacity(url.len()), None);
    for c in url.chars() {
        match c {
            '@' if !before.is_some_and(holds_names_off) => written.push_str("%40"),
            _ => written.push(c),
        }
        before = Some(c);
    }
    written
}

/// `#slow #letters`: each of letters, digits and underscores, since anything else ends a tag.
fn tags(value: &str) -> String {
    let tags = value.split_whitespace().filter_map(|tag| {
        let is_of_tag = |c: char| c.is_alphanumeric() || c == '_' || is_combining_mark(c);
        let parts: Vec<&str> = tag.split(|c| !is_of_tag(c)).filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| format!("#{}", parts.join("_")))
    });
    tags.collect::<Vec<_>>().join(" ")
}

/// Words in which no `@` and no `#` does anything. Within mail addresses and web addresses they stay as they are.
fn guarded(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let is_address = word.contains("://");
        let (mut written, mut before) = (String::with_capacity(word.len()), None);
        for c in word.chars() {
            written.push(c);
            let within = before.is_some_and(|before: char| {
                before.is_ascii_alphanumeric() || before == '_' || (is_address && matches!(before, '/' | '='))
            });
            if matches!(c, '@' | '＠' | '#' | '＃') && !within {
                written.push(JOINER);
            }
            before = Some(c);
        }
        written
    });
    words.collect()
}

/// What stands before an `@` that mentions nobody (Mastodon's `Account::MENTION_RE`).
fn holds_names_off(before: char) -> bool {
    before.is_alphanumeric() || matches!(before, '_' | '=' | '/')
}

impl Limits {
    /// Whether a status is short enough, beside so many characters more.
    pub(super) fn takes(self, text: &str, beside: usize) -> bool {
        self.length(text).saturating_add(beside) <= self.most
    }

    /// How long an instance takes a text to be (Mastodon's `StatusLengthValidator`), or a little longer where that
    /// depends on lists of its own.
    pub(super) fn length(self, text: &str) -> usize {
        if self.bare {
            return text.chars().count();
        }
        let counted = if self.per_url == 0 { text.to_owned() } else { self.countable(text) };
        counted.graphemes(true).count()
    }

    /// The text with each address as long as it counts, and mentions without their hosts.
    fn countable(self, text: &str) -> String {
        let (mut counted, mut rest, mut before) = (String::with_capacity(text.len()), text, None);
        while let Some(c) = rest.chars().next() {
            let mut taken = c.len_utf8();
            if let Some((bytes, is_certain)) = link(before, rest) {
                taken = bytes;
                let shown = rest.get(..bytes).unwrap_or(rest);
                let missing = if is_certain { self.per_url } else { self.per_url.saturating_sub(shown.len()) };
                counted.push_str(if is_certain { "" } else { shown });
                counted.extend(std::iter::repeat_n('x', missing));
            } else if let Some((name, whole)) = mention(before, rest) {
                taken = whole;
                counted.push_str(rest.get(..name).unwrap_or(rest));
            } else {
                counted.push(c);
            }
            before = rest.get(..taken).and_then(|gone| gone.chars().next_back());
            rest = rest.get(taken..).unwrap_or_default();
        }
        counted
    }
}

/// How many bytes an address at the beginning of `rest` has, and whether it is one to every instance.
fn link(before: Option<char>, rest: &str) -> Option<(usize, bool)> {
    let is_within =
        |c: char| c.is_ascii_alphanumeric() || "@＠$#＃".contains(c) || ('\u{202a}'..='\u{202e}').contains(&c);
    if before.is_some_and(is_within) {
        return None;
    }
    let begins = |scheme: &&&str| rest.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    let scheme = SCHEMES.iter().find(begins)?;
    let behind = rest.get(scheme.len()..)?;
    let host = head(behind, |c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    let behind = behind.get(host.len()..)?;
    let port = behind.strip_prefix(':').map_or("", |behind| head(behind, |c| c.is_ascii_digit()));
    let port = if port.is_empty() { 0 } else { port.len() + 1 };
    let behind = behind.get(port..)?;
    // What is in brackets may belong to it or not: what is left out counts in full.
    let path = if behind.starts_with('/') { head(behind, |c| !c.is_whitespace() && !"<>()?".contains(c)) } else { "" };
    let kept = path.trim_end_matches(|c| "!*\"'「」;:=,.$%[]~&|@".contains(c));
    let query = match behind.get(path.len()..) {
        Some(query) if kept == path && query.starts_with('?') => {
            let query = head(query, |c| c.is_ascii_alphanumeric() || "!?*':;&=+$/%#[]-_.,~|@^".contains(c));
            query.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && !"_&=#/-".contains(c))
        }
        _ => "",
    };
    let bytes = scheme.len() + host.len() + port + kept.len() + query.len();
    Some((bytes, scheme.starts_with("http") && is_public(host)))
}

/// Whether a host's name ends as names on the web do.
fn is_public(host: &str) -> bool {
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        let edges = label.starts_with(['-', '_']) || label.ends_with(['-', '_']);
        !label.is_empty() && !edges && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let Some(end) = labels.last().filter(|_| labels.len() > 1 && labels.iter().all(is_label)) else {
        return false;
    };
    let is_word = end.len() > 1 && end.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_word && !PRIVATE_ENDS.iter().any(|private| private.eq_ignore_ascii_case(end))
}

/// How many bytes of `rest` are `@name`, and how many with its host.
fn mention(before: Option<char>, rest: &str) -> Option<(usize, usize)> {
    if before.is_some_and(holds_names_off) {
        return None;
    }
    let behind = rest.strip_prefix('@')?;
    let part = |text| head(text, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    let name = part(behind);
    let is_name = |name: &str| !name.is_empty() && !name.starts_with(['.', '-']) && !name.ends_with(['.', '-']);
    let host = part(behind.get(name.len()..)?.strip_prefix('@')?).trim_end_matches(['.', '-', '_']);
    (is_name(name) && is_name(host)).then(|| (1 + name.len(), 2 + name.len() + host.len()))
}

/// The longest beginning of such characters.
fn head(text: &str, is_of: impl Fn(char) -> bool) -> &str {
    text.find(|c| !is_of(c)).and_then(|end| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_long_as_an_instance_counts_them() {
        let long = format!("https://blog.example.com/{}", "a".repeat(175));
        for (text, length) in [
            ("느린 편지", 5),
            // Written in parts, and shown as two characters.
            ("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", 2),
            ("👩‍👩‍👧‍👦🇰🇷👍🏽", 3),
            (long.as_str(), 23),
            ("(https://a.example.com/b?c=d&e=f#g).", 26),
            ("http://a.io", 23),
            ("https://a.example.com/b. And", 28),
            ("편지https://a.example.com/", 25),
            ("xhttps://a.example.com/", 23),
            ("http://127.0.0.1/a-longer-address-than-most", 43),
            ("http://localhost/a", 23),
            ("https://machine.internal/a-longer-address", 41),
            ("@kim@social.example.com and lee@example.com", 24),
            ("", 0),
        ] {
            assert_eq!(Limits::default().length(text), length, "{text}");
        }
        let whole = Limits { per_url: 0, ..Limits::default() };
        assert_eq!((whole.length(&long), whole.length("👍🏽")), (200, 1));
        assert_eq!(Limits { bare: true, ..Limits::default() }.length("👍🏽"), 2);
    }

    #[test]
    fn nobody_is_mentioned_and_no_tag_is_made_by_accident() {
        let said = |text| written(Blank::Title, text).replace(JOINER, "|");
        assert_eq!(said("@kim, (@lee@example.com) and @"), "@|kim, (@|lee@example.com) and @|");
        assert_eq!(said("#1 of C# and ＃편지 -#a"), "#|1 of C# and ＃|편지 -#|a");
        assert_eq!(said("kim@example.com https://a.example/@kim/#1"), "kim@example.com https://a.example/@kim/#1");
        assert_eq!(said("@kim://a #a,https://b.example"), "@|kim://a #|a,https://b.example");
        assert_eq!(written(Blank::Tags, "#slow-letters #편지 #C++ #@kim #!"), "#slow_letters #편지 #C #kim");
        assert_eq!(written(Blank::Url, "https://a.example/@kim/-@lee?a=@b"), "https://a.example/@kim/-%40lee?a=@b");
    }
}
