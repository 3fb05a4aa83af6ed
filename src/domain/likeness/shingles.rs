//! Overlapping pieces of a text, hashed, and what two texts share of them.

use super::Text;
use super::bounds::WEIGHT;
use super::letters::{Letters, weight};

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shingle {
    pub(super) hash: u32,
    /// Where it begins, in units.
    pub(super) at: u32,
}

/// All pieces of a text, in the order of their hashes.
pub(super) fn of(letters: &Letters) -> Vec<Shingle> {
    let letters = letters.as_slice();
    let mut shingles = Vec::with_capacity(letters.len());
    let (mut end, mut inside, mut at) = (0, 0, 0);
    for (start, first) in letters.iter().enumerate() {
        while inside < WEIGHT
            && let Some(next) = letters.get(end)
        {
            inside += weight(*next);
            end += 1;
        }
        if inside < WEIGHT {
            break;
        }
        shingles.push(Shingle { hash: hash(WORDS, letters.get(start..end).unwrap_or_default()), at });
        inside -= weight(*first);
        at += weight(*first);
    }
    shingles.sort_unstable();
    shingles
}

/// The hash of a title as a whole.
pub(super) fn of_title(title: &Letters) -> u32 {
    hash(TITLE, title.as_slice())
}

/// What a hash is of: the same letters give another one for the other.
const WORDS: u64 = 0xcbf2_9ce4_8422_2325;
const TITLE: u64 = 0x8422_2325_cbf2_9ce4;

/// FNV-1a over code points, and the last step of `MurmurHash3`, whose upper half is taken.
/// It stands in databases: it must never change.
fn hash(of: u64, letters: &[char]) -> u32 {
    let mut hash =
        letters.iter().fold(of, |hash, letter| (hash ^ u64::from(*letter)).wrapping_mul(0x0000_0100_0000_01b3));
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    u32::try_from((hash ^ (hash >> 33)) >> 32).unwrap_or_default()
}

/// The pieces that say the same, wherever they stand, together.
fn alike(shingles: &[Shingle]) -> impl Iterator<Item = &[Shingle]> {
    shingles.chunk_by(|one, next| one.hash == next.hash)
}

/// Which units of a text stand in the other one.
pub(super) struct Shared(Vec<bool>);

impl Shared {
    /// Of the first `length` units, so much: 0 to 1.
    pub(super) fn share(&self, length: u32) -> f64 {
        let shared = self.0.iter().take(length as usize).map(|shared| u32::from(*shared)).sum::<u32>();
        f64::from(shared) / f64::from(length.max(1))
    }

    /// How far the middle three fifths of what is shared reach over the text, beside three
    /// fifths of the text. The ends are left out: a footer, or a phrase by chance.
    pub(super) fn spread(&self) -> f64 {
        let fifth = self.total() / 5;
        let places = || (0_u32..).zip(&self.0).filter(|(_, shared)| **shared).map(|(at, _)| at);
        let (first, last) = (places().nth(fifth as usize), places().nth(4 * fifth as usize));
        let reach = first.zip(last).map_or(0, |(first, last)| last - first);
        f64::from(reach * 5) / (3.0 * f64::from(u32::try_from(self.0.len().max(1)).unwrap_or(u32::MAX)))
    }

    /// So many units.
    pub(super) fn total(&self) -> u32 {
        self.0.iter().map(|shared| u32::from(*shared)).sum()
    }
}

/// What two texts share: where in the one, and where in the other.
pub(super) fn shared(one: &Text, other: &Text) -> (Shared, Shared) {
    let (mut in_one, mut in_other) = (vec![false; one.length as usize], vec![false; other.length as usize]);
    let mut others = alike(&other.shingles).peekable();
    for ours in alike(&one.shingles) {
        let hash = |group: &&[Shingle]| group.first().map(|shingle| shingle.hash);
        while others.next_if(|theirs| hash(theirs) < hash(&ours)).is_some() {}
        if let Some(theirs) = others.next_if(|theirs| hash(theirs) == hash(&ours)) {
            mark(&mut in_one, ours);
            mark(&mut in_other, theirs);
        }
    }
    (Shared(widened(in_one)), Shared(widened(in_other)))
}

fn mark(units: &mut [bool], shingles: &[Shingle]) {
    for shingle in shingles {
        if let Some(unit) = units.get_mut(shingle.at as usize) {
            *unit = true;
        }
    }
}

/// From where pieces begin to all that they take in.
fn widened(mut units: Vec<bool>) -> Vec<bool> {
    let mut left = 0;
    for unit in &mut units {
        left = if *unit { WEIGHT } else { left.saturating_sub(1) };
        *unit = left > 0;
    }
    units
}
