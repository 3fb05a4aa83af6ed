//! Whether two texts are one.

mod letters;
mod shingles;

use super::html::CleanHtml;
use super::text::own_words;
use letters::{Letters, SHORTEST_TITLE};
use shingles::Shingle;

/// How many keys stand for the words of a text.
const MOST_KEYS: usize = 16;

/// What an author's text says, and what it is called, made ready for comparing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    title: Option<u32>,
    /// In units; see [`letters::weight`].
    length: u32,
    /// In the order of their hashes.
    shingles: Vec<Shingle>,
}

/// How much two texts have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// Of the shorter text, so much stands in the longer one: 0 to 1.
    pub containment: f64,
    /// Of the longer text, so much stands in the shorter one: 0 to 1.
    pub coverage: f64,
    /// So many times is the longer one as long as the shorter one: at least 1.
    pub ratio: f64,
    /// Of the longer text's beginning, which is as long as what they share, so much is shared.
    pub lead: f64,
    /// Of the first third of either text, so much stands in the other; the greater of both.
    pub opening: f64,
    /// Both have the same title, which is long enough to mean something.
    pub same_title: bool,
    /// Both are long enough to be judged.
    pub judged: bool,
}

impl Text {
    /// Reads a post's title, plain text, and its text.
    #[must_use]
    pub fn new(title: &str, html: &CleanHtml) -> Self {
        let letters = Letters::of(&own_words(html));
        let title = Letters::of(title);
        Self {
            title: (title.length() >= SHORTEST_TITLE).then(|| shingles::of_title(&title)),
            length: letters.length(),
            shingles: shingles::of(&letters),
        }
    }

    /// The smallest hashes.
    #[must_use]
    pub fn keys(&self) -> Vec<u32> {
        let mut keys: Vec<u32> = Vec::with_capacity(MOST_KEYS + 1);
        if self.length >= SHORTEST {
            let opening = self.shingles.iter().filter(|shingle| shingle.at < OPENING);
            take(&mut keys, opening, KEYS_OF_OPENING);
            take(&mut keys, self.shingles.iter(), MOST_KEYS);
        }
        keys.extend(self.title);
        keys
    }

    /// Compares.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Likeness {
        let (shorter, longer) = if self.length <= other.length { (self, other) } else { (other, self) };
        let (of_shorter, of_longer) = shingles::shared(shorter, longer);
        let shared = of_longer.total().min(of_shorter.total());
        Likeness {
            containment: of_shorter.share(shorter.length),
            coverage: of_longer.share(longer.length),
            ratio: f64::from(longer.length) / f64::from(shorter.length.max(1)),
            lead: of_longer.share(shared),
            opening: of_shorter.share(shorter.length / 3).max(of_longer.share(longer.length / 3)),
            same_title: self.title.is_some() && self.title == other.title,
            judged: shorter.length >= SHORTEST,
        }
    }
}

const SHORTEST: u32 = 120;
const KEYS_OF_OPENING: usize = 10;
const OPENING: u32 = 600;

/// Adds the smallest hashes that are not there yet, up to so many in all.
fn take<'a>(keys: &mut Vec<u32>, shingles: impl Iterator<Item = &'a Shingle>, most: usize) {
    for shingle in shingles {
        if keys.len() >= most {
            break;
        }
        if !keys.contains(&shingle.hash) {
            keys.push(shingle.hash);
        }
    }
}

/// Of the shorter text, at least this share stands in the longer one.
const SAME: f64 = 0.6;

impl Likeness {
    /// Whether the texts are one.
    #[must_use]
    pub fn is_same_text(&self) -> bool {
        self.judged && self.containment >= SAME
    }
}
