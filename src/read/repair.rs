//! How a document had to be mended before it could be read.

use std::fmt;

/// One kind of mending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    /// Something stood before the feed.
    Junk,
    /// Bytes that are no characters in the encoding that was declared.
    Charset,
    /// Control characters that XML forbids.
    Control,
    /// `<` that begins no tag.
    Angle,
    /// `&` that begins no reference, or one that nobody knows.
    Ampersand,
    /// HTML's entities, which XML does not know.
    Entity,
    /// Attributes that are not `name="value"`.
    Attribute,
    /// End tags that are missing, or that end nothing.
    EndTag,
    /// The document ends in the middle; what was whole is kept.
    Truncated,
    /// It was not JSON to its end; what was whole is kept.
    Json,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Junk => "something stood before the feed",
            Self::Charset => "bytes that its encoding does not have",
            Self::Control => "control characters",
            Self::Angle => "< that begins no tag",
            Self::Ampersand => "& that begins no reference",
            Self::Entity => "HTML entities in XML",
            Self::Attribute => "broken attributes",
            Self::EndTag => "end tags missing or too many",
            Self::Truncated => "it ends in the middle",
            Self::Json => "broken JSON",
        })
    }
}

/// What was mended in one document: each kind once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repairs(Vec<Repair>);

impl Repairs {
    pub(super) fn note(&mut self, repair: Repair) {
        if !self.0.contains(&repair) {
            self.0.push(repair);
        }
    }

    /// Whether a part of the document is missing.
    #[must_use]
    pub fn cut_off(&self) -> bool {
        self.0.iter().any(|repair| matches!(repair, Repair::Truncated | Repair::Json))
    }

    /// Each kind once, in the order in which it was met; empty for a sound document.
    #[must_use]
    pub fn kinds(&self) -> &[Repair] {
        &self.0
    }
}

impl fmt::Display for Repairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, repair) in self.0.iter().enumerate() {
            write!(f, "{}{repair}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
