//! All that keys and the verdict hang on, in one place, and why.
//!
//! Lengths are in units: a letter of an alphabet is one, a Hangul syllable, a kana or a
//! Han character three. Likenesses were measured on the posts of `tests/likeness`: a
//! hundred by twenty authors in English and Korean, five of each author on one subject
//! and with the same words around them; each printed twice by another place, ten ways
//! and by hand (`tests/suite/likeness.rs`).
//!
//! | pairs | containment |
//! |---|---|
//! | 200, a post and its copy | 0.44 at least, 0.55 at 3 %, 0.80 in the middle |
//! | 200, posts by one author on one subject | 0.12 in the middle, 0.23 at 99 %, 0.25 at most |
//! | 4,750, posts by two authors | 0.00 in the middle, 0.02 at 99 %, 0.06 at most |
//! | 44,550, all that was printed, copies with one platform's words around them too | 0.43 at most |
//!
//! With the bounds below, 195 of the 200 copies are found and recognised, and none of the
//! other pairs; when each is compared with each, 196, and over nine seeds of the edits,
//! 98 %. Those missed are the ones that lost a paragraph, a tenth of their sentences and
//! words and their title at once.

/// What a piece weighs at least: thirteen Latin letters, five Hangul syllables. Of 1,125
/// pairs of posts by two authors in one language, one in English shares a key by chance
/// and eight in Korean; with twelve, which is four syllables, 49 do in Korean, and with
/// nine 280. Fifteen tell no more apart, and lose more at each changed word.
pub(super) const WEIGHT: u32 = 13;

/// Of one text, so many letters are looked at: a long chapter of a book.
pub(super) const MOST_LETTERS: usize = 200_000;

/// A text of less is never the same as another: twenty-odd words, forty syllables.
pub(super) const SHORTEST: u32 = 120;

/// And one of less only under the same title: "for members only" is not what a post says.
pub(super) const SHORTEST_ALONE: u32 = 240;

/// A title of less is shared by chance, and means nothing.
pub(super) const SHORTEST_TITLE: u32 = 8;

/// So many keys stand for the words of a text: each is a row on a page of its own of an
/// index, which is most of what a post costs. Of 200 copies, 199 share at least two with
/// their post; with sixteen keys all do, and each post costs a third more rows.
pub(super) const MOST_KEYS: usize = 12;

/// So many of them are of its beginning, which is so long: a teaser of a text that is ten
/// times as long shares the keys of the beginning, but one in five none of the whole.
pub(super) const KEYS_OF_OPENING: usize = 6;
/// See [`KEYS_OF_OPENING`].
pub(super) const OPENING: u32 = 400;

/// Half of the shorter text stands in the longer one. An edited copy of which every tenth
/// word is another one keeps more, and a footer is less of a post.
pub(super) const LEAST_CONTAINMENT: f64 = 0.5;

/// Part of either text's beginning is shared, of a third of the shorter one's length:
/// what is shared is not the footer alone. Copies have 0.38 and more.
pub(super) const LEAST_OPENING: f64 = 0.3;

/// Up to this ratio of lengths, the texts are as long as each other: a copy with another
/// platform's words. Three excerpts of half a post are longer than that.
pub(super) const MOST_RATIO: f64 = 1.4;

/// Beyond that ratio, with other titles, more of the shorter one stands in the longer one…
pub(super) const LEAST_CONTAINMENT_OF_PART: f64 = 0.6;

/// … and either the longer one begins with what is shared (a teaser and its post; 0.7
/// leaves room for a line from the platform), …
pub(super) const LEAST_LEAD: f64 = 0.7;
/// … looked at no further than this: a commentary's own first paragraph is as long as a
/// third of it, …
pub(super) const LONGEST_LEAD: u32 = 500;

/// … or what is shared lies all over the longer one (a post and its abridged copy). What
/// a commentary takes in whole lies together.
pub(super) const LEAST_SPREAD: f64 = 0.65;
