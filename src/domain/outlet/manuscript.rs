//! What an outlet is handed: one post with all that belongs to it, in words of the
//! outlet's own. Each outlet makes its form of that.

use super::{Blank, Share, Wording};
use crate::domain::html::CleanHtml;
use crate::domain::id::PostId;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;
use crate::domain::token::sha256_hex;
use crate::domain::url::HttpUrl;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

/// One post, ready to be handed over. Its fingerprint tells whether it is what was sent before.
#[derive(Debug, Clone, Serialize)]
pub struct Manuscript {
    /// What the outlet may know it by: the same at each repeat, and of no other post or outlet.
    #[serde(skip)]
    pub key: String,
    /// The post.
    pub post: PostId,
    /// Its title, plain text, never empty.
    pub title: String,
    /// How much of its text it holds.
    #[serde(skip)]
    pub share: Share,
    /// Its text, or what the outlet may have of it, with the line that names the original.
    pub html: CleanHtml,
    /// Its beginning, plain text.
    pub excerpt: String,
    /// Where the original stands.
    pub url: Option<HttpUrl>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Its tags, as the outlet calls them.
    pub tags: Vec<String>,
    /// The language that it is in, a BCP 47 tag.
    pub language: Option<String>,
    /// When it was published.
    pub published: Timestamp,
    /// When it was corrected last.
    #[serde(skip)]
    pub updated: Option<Timestamp>,
    /// The picture that stands for it.
    pub image: Option<HttpUrl>,
    /// What is seen on it, for who cannot see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_alt: Option<String>,
    /// What its source calls itself.
    pub source: String,
    /// The source's name in the configuration.
    pub source_name: Slug,
    /// Whether a person at the outlet publishes it.
    pub draft: bool,
    /// What a short message says of it.
    pub status: Status,
}

/// A post that is to be taken down.
#[derive(Debug, Clone)]
pub struct Gone {
    /// What the outlet may know it by.
    pub key: String,
    /// Its title, as far as it is still known; never empty.
    pub title: String,
    /// Where the original stood.
    pub url: Option<HttpUrl>,
}

/// What a short message says of a post, as long as the outlet allows.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    #[serde(serialize_with = "as_text")]
    wording: Wording,
    /// What each blank but the text is filled with.
    values: Vec<(&'static str, String)>,
    text: String,
}

fn as_text<S: serde::Serializer>(wording: &Wording, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(wording)
}

/// So many digits of the key tell posts apart in an address.
const MARK: usize = 12;
/// So many letters of a title stand in the address of a post: sites have room for some 190 bytes (Ghost for 185,
/// WordPress for 200), and write one letter of another script as up to nine.
const SLUG: usize = 60;
const OTHER_SLUG: usize = 18;

impl Manuscript {
    /// What its address at an outlet is made of: the title's letters and digits, of whatever script, and at most so
    /// many; empty where the title has none.
    #[must_use]
    pub fn slug(&self, most: usize) -> String {
        let mut slug = String::new();
        for c in self.title.nfc().flat_map(char::to_lowercase) {
            if c.is_alphanumeric() {
                slug.push(c);
            } else if !slug.is_empty() && !slug.ends_with('-') && !matches!(c, '\'' | '’') {
                slug.push('-');
            }
        }
        let short: String = slug.chars().take(most).collect();
        short.trim_end_matches('-').to_owned()
    }

    /// What its address at a site is made of: as much of its title as has room where other letters than Latin ones
    /// are written as several, and its mark.
    #[must_use]
    pub fn address(&self) -> String {
        let words = self.slug(SLUG);
        let words: String = if words.is_ascii() { words } else { words.chars().take(OTHER_SLUG).collect() };
        let words = words.trim_end_matches('-');
        if words.is_empty() { self.mark().to_owned() } else { format!("{words}-{}", self.mark()) }
    }

    /// What tells it from every other post in an address: the beginning of its key.
    #[must_use]
    pub fn mark(&self) -> &str {
        self.key.get(..MARK).unwrap_or(&self.key)
    }

    /// A digest of what the outlet gets to see: two equal ones are the same to it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        // A struct of texts always serialises.
        sha256_hex(&serde_json::to_vec(self).unwrap_or_default())
    }
}

impl Status {
    /// Of a wording, what its blanks are filled with, and the text that may be shortened.
    #[must_use]
    pub fn new(wording: Wording, values: impl Fn(Blank) -> String, text: String) -> Self {
        let named = <Blank as crate::domain::blanks::Blank>::NAMED;
        let others = named.iter().filter(|(_, blank)| *blank != Blank::Text && wording.has(*blank));
        let values = others.map(|(name, blank)| (*name, values(*blank))).collect();
        Self { wording, values, text }
    }

    /// The words, each value but the address written by `escape`; where they do not `fit`, the text is shortened,
    /// or the title where that is not enough.
    #[must_use]
    pub fn within(&self, escape: impl Fn(&str) -> String, fits: impl Fn(&str) -> bool) -> String {
        self.written(|blank, value| if blank == Blank::Url { value.to_owned() } else { escape(value) }, fits)
    }

    /// The same where how a value is written depends on the blank that it fills.
    #[must_use]
    pub fn written(&self, write: impl Fn(Blank, &str) -> String, fits: impl Fn(&str) -> bool) -> String {
        let all = self.filled(&write, usize::MAX, usize::MAX);
        if fits(&all) {
            return all;
        }
        let longest = |most: usize, made: &dyn Fn(usize) -> String| {
            // The most characters with which it fits; with none it may still be too long.
            let (mut low, mut high) = (0, most);
            while low < high {
                let middle = usize::midpoint(low, high + 1);
                if fits(&made(middle)) { low = middle } else { high = middle - 1 }
            }
            made(low)
        };
        let shortened = longest(self.text.chars().count(), &|most| self.filled(&write, most, usize::MAX));
        if fits(&shortened) {
            return shortened;
        }
        let title = self.value("title").chars().count();
        longest(title, &|most| self.filled(&write, 0, most))
    }

    fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    fn filled(&self, write: &impl Fn(Blank, &str) -> String, text: usize, title: usize) -> String {
        let named = <Blank as crate::domain::blanks::Blank>::NAMED;
        let words = self.wording.filled(|blank| {
            let name = named.iter().find(|(_, known)| *known == blank).map_or("", |(name, _)| name);
            match blank {
                Blank::Text => write(blank, &beginning(&self.text, text)),
                Blank::Title => write(blank, &beginning(self.value(name), title)),
                _ => write(blank, self.value(name)),
            }
        });
        tidy(&words)
    }
}

/// At most so many characters, the last of them an ellipsis where some are left out.
fn beginning(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    if kept.trim().is_empty() { String::new() } else { format!("{}…", kept.trim_end()) }
}

/// Without the empty lines that a blank leaves which is filled with nothing.
fn tidy(words: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in words.lines().map(str::trim_end) {
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(wording: &str, text: &str) -> Status {
        let value = |blank| match blank {
            Blank::Title => "느린 편지에 대하여".to_owned(),
            Blank::Url => "https://blog.example.com/a_b".to_owned(),
            _ => String::new(),
        };
        Status::new(wording.parse().unwrap(), value, text.to_owned())
    }

    #[test]
    fn a_message_keeps_its_address_however_little_room_there_is() {
        let long = status("{title}\n\n{text}\n\n{url}", &"가".repeat(500));
        let room = |most: usize| move |text: &str| text.chars().count() <= most;
        let plain = |text: &str| text.to_owned();
        let made = long.within(plain, room(100));
        assert_eq!(made.chars().count(), 100);
        assert!(made.starts_with("느린 편지에 대하여\n\n가") && made.ends_with("가…\n\nhttps://blog.example.com/a_b"));
        assert_eq!(long.within(plain, room(40)), "느린 편지에 대하여\n\nhttps://blog.example.com/a_b");
        assert_eq!(long.within(plain, room(35)), "느린 편…\n\nhttps://blog.example.com/a_b");
        assert_eq!(status("{title}\n{tags}\n{url}", "").within(plain, room(99)).lines().count(), 3);
    }

    #[test]
    fn values_are_escaped_and_addresses_are_not() {
        let escaped = status("{title} {text} {url}", "a_b").within(|text| text.replace('_', "\\_"), |_| true);
        assert_eq!(escaped, "느린 편지에 대하여 a\\_b https://blog.example.com/a_b");
    }
}
