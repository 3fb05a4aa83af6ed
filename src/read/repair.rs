//! What had to be put right before a document could be read, in words that the
//! owner of the feed can act on.

use std::fmt;

/// One kind of fault that was put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    /// It was compressed once more than its headers say.
    Compressed,
    /// It is not in the encoding that it or its server declares.
    Encoding,
    /// It holds text in more than one encoding.
    MixedEncodings,
    /// Its text was encoded twice.
    EncodedTwice,
    /// Something else stands before it.
    Junk,
    /// Something else stands behind it.
    Trailing,
    /// It holds control characters that XML forbids.
    ControlCharacters,
    /// It uses HTML's entities without declaring them.
    Entities,
    /// It writes `&` where `&amp;` is due.
    Ampersands,
    /// It uses prefixes without declaring their namespaces.
    Namespaces,
    /// Its JSON breaks the rules of JSON.
    Json,
    /// Its tags do not match, or `<` stands where `&lt;` is due.
    Markup,
    /// Its end is missing; entries that were whole were kept.
    Truncated,
}

impl Repair {
    /// In a few words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compressed => "compressed twice",
            Self::Encoding => "wrong encoding declared",
            Self::MixedEncodings => "mixed encodings",
            Self::EncodedTwice => "encoded twice",
            Self::Junk => "something before the feed",
            Self::Trailing => "something behind the feed",
            Self::ControlCharacters => "control characters",
            Self::Entities => "HTML entities",
            Self::Ampersands => "bare ampersands",
            Self::Namespaces => "undeclared namespaces",
            Self::Json => "broken JSON",
            Self::Markup => "broken markup",
            Self::Truncated => "cut short",
        }
    }
}

/// The faults that were put right, each named once, in the order of [`Repair`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repairs(Vec<Repair>);

impl Repairs {
    pub(super) fn note(&mut self, repair: Repair) {
        if let Err(place) = self.0.binary_search(&repair) {
            self.0.insert(place, repair);
        }
    }

    pub(super) fn note_all(&mut self, others: &Self) {
        for repair in others.iter() {
            self.note(repair);
        }
    }

    /// Whether the document was sound.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Repair> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for Repairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, repair) in self.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { ", " })?;
            f.write_str(repair.as_str())?;
        }
        Ok(())
    }
}
