//! Whether two posts are one text, whatever blog, platform or editor they came through.
//!
//! A text is what its author wrote: without what stands in block quotations, without
//! case, punctuation, spaces and markup, code included. It is taken apart into
//! overlapping pieces of the weight of thirteen Latin letters or five Hangul syllables
//! (`bounds` says why), and each piece is hashed. From the hashes come
//!
//! - up to thirteen keys, which are kept in an index: posts with a key in common are
//!   worth a closer look, those with the most in common first. Most keys of two
//!   copies are the same, and hardly a pair of other posts shares one, except those of
//!   one author with the same words around each post;
//! - the verdict, from all pieces of both texts: how much of the shorter stands in the
//!   longer, and where.
//!
//! The same are: a copy that was edited, abridged or put into another order; one with
//! another platform's words around it; a beginning with "read more". Not the same are:
//! posts on one subject by one author with one footer; a post that takes another one in
//! and says more about it than it took; one that quotes the beginnings of several. Texts
//! of a few sentences are the same only under the same title, and still shorter ones
//! never: a notice for subscribers may stand in place of many posts.
//!
//! What cannot be told from the text alone: two posts whose own words are fewer than a
//! third of the footer that they share, or two beginnings in one post. Nor is a
//! translation the same text.

mod bounds;
mod letters;
mod shingles;

use super::html::CleanHtml;
use super::text::own_words;
use bounds::{
    KEYS_OF_OPENING, LEAST_CONTAINMENT, LEAST_CONTAINMENT_OF_PART, LEAST_LEAD, LEAST_OPENING, LEAST_SPREAD,
    LONGEST_LEAD, MOST_KEYS, MOST_RATIO, OPENING, SHORTEST, SHORTEST_ALONE, SHORTEST_TITLE,
};
use letters::Letters;
use shingles::Shingle;

/// What an author's text says and what it is called, made ready for comparing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The hash of a title that is long enough to mean something.
    title: Option<u32>,
    /// In units: what a letter of an alphabet weighs.
    length: u32,
    /// In the order of their hashes.
    shingles: Vec<Shingle>,
}

/// How much two texts have in common. Shares are of their length, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// So much of the shorter text stands in the longer one.
    pub containment: f64,
    /// So many times is the longer one as long as the shorter one: 1 or more.
    pub ratio: f64,
    /// So much of the longer one's beginning is shared, of as much as they share in all.
    pub lead: f64,
    /// How wide what is shared lies in the longer one: 1 where it lies evenly over all of it.
    pub spread: f64,
    /// So much of either text's beginning is shared, of a third of the shorter one's length;
    /// of the text that has more of it.
    pub opening: f64,
    /// Whether both have the same title, which is long enough to mean something.
    pub is_titled_alike: bool,
    /// How long the shorter one is, in units.
    shorter: u32,
}

impl Text {
    /// Reads what a post says, and its title, which is plain text.
    #[must_use]
    pub fn new(title: &str, html: &CleanHtml) -> Self {
        let (title, words) = (Letters::of(title), Letters::of(&own_words(html)));
        Self {
            title: (title.length() >= SHORTEST_TITLE).then(|| shingles::of_title(&title)),
            length: words.length(),
            shingles: shingles::of(&words),
        }
    }

    /// What the text is found by: the smallest hashes of its beginning and of the whole
    /// (`MinHash` with one permutation), at most twelve, and its title's. A short beginning
    /// of a long text would miss the smallest of the whole.
    #[must_use]
    pub fn keys(&self) -> Vec<u32> {
        let mut keys = Vec::with_capacity(MOST_KEYS + 1);
        if self.length >= SHORTEST {
            let opening = self.shingles.iter().filter(|shingle| shingle.at < OPENING);
            add_smallest(&mut keys, opening, KEYS_OF_OPENING);
            add_smallest(&mut keys, self.shingles.iter(), MOST_KEYS);
        }
        keys.extend(self.title);
        keys
    }

    /// That of the keys which is the title's.
    #[must_use]
    pub fn title_key(&self) -> Option<u32> {
        self.title
    }

    /// Compares two texts, whichever comes first.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Likeness {
        let (shorter, longer) = if self.length <= other.length { (self, other) } else { (other, self) };
        let (of_shorter, of_longer) = shingles::shared(shorter, longer);
        Likeness {
            containment: of_shorter.share(shorter.length),
            ratio: f64::from(longer.length) / f64::from(shorter.length.max(1)),
            lead: of_longer.share(of_longer.total().min(LONGEST_LEAD)),
            spread: of_longer.spread(),
            opening: of_shorter.share(shorter.length / 3).max(of_longer.share(shorter.length / 3)),
            is_titled_alike: self.title.is_some() && self.title == other.title,
            shorter: shorter.length,
        }
    }
}

impl Likeness {
    /// Whether both have text enough to be compared.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.shorter >= if self.is_titled_alike { SHORTEST } else { SHORTEST_ALONE }
    }

    /// The verdict; see `bounds`.
    #[must_use]
    pub fn is_same_text(&self) -> bool {
        let is_of_one_size = self.ratio <= MOST_RATIO;
        let is_in_place = self.lead >= LEAST_LEAD || self.spread >= LEAST_SPREAD;
        let is_part = self.is_titled_alike || (is_in_place && self.containment >= LEAST_CONTAINMENT_OF_PART);
        self.is_judged()
            && self.containment >= LEAST_CONTAINMENT
            && self.opening >= LEAST_OPENING
            && (is_of_one_size || is_part)
    }
}

/// Adds the smallest hashes that are not there yet, up to so many in all.
fn add_smallest<'a>(keys: &mut Vec<u32>, shingles: impl Iterator<Item = &'a Shingle>, most: usize) {
    for shingle in shingles {
        if keys.len() >= most {
            break;
        }
        if !keys.contains(&shingle.hash) {
            keys.push(shingle.hash);
        }
    }
}

#[cfg(test)]
mod tests;
