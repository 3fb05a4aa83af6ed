//! The rules by which an entry is taken for a post that its source has shown
//! before, in the order in which they are asked. `docs/identity.md` has the same
//! names, words and order; a test holds the two together.

use serde::Serialize;

/// A reason to take an entry for a stored post, or not to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A person's word.
    Apart,
    /// The guid.
    Guid,
    /// A guid by which the post was known again before.
    OtherGuid,
    /// One item, listed twice or under another guid.
    AddressAndText,
    /// The address alone, at sources where it tells more than the guid.
    Address,
    /// An edited text.
    AddressAndTitle,
    /// An edited title.
    AddressAndDate,
    /// A post that moved.
    Text,
    /// A short one.
    TextAndDate,
    /// A blog that moved to another domain.
    PathAndText,
    /// One that moved and edited a text.
    PathAndTitle,
    /// One that moved and edited a title.
    PathAndDate,
    /// A feed that was rebuilt.
    TitleAndDate,
}

impl Rule {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 13] = [
        Self::Apart,
        Self::Guid,
        Self::OtherGuid,
        Self::AddressAndText,
        Self::Address,
        Self::AddressAndTitle,
        Self::AddressAndDate,
        Self::Text,
        Self::TextAndDate,
        Self::PathAndText,
        Self::PathAndTitle,
        Self::PathAndDate,
        Self::TitleAndDate,
    ];

    /// Its name in the database, in JSON and in what people read.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apart => "apart",
            Self::Guid => "guid",
            Self::OtherGuid => "other-guid",
            Self::AddressAndText => "address-and-text",
            Self::Address => "address",
            Self::AddressAndTitle => "address-and-title",
            Self::AddressAndDate => "address-and-date",
            Self::Text => "text",
            Self::TextAndDate => "text-and-date",
            Self::PathAndText => "path-and-text",
            Self::PathAndTitle => "path-and-title",
            Self::PathAndDate => "path-and-date",
            Self::TitleAndDate => "title-and-date",
        }
    }

    /// What it says.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Apart => "A person said that this guid is not that post: then no rule below takes it for that post.",
            Self::Guid => "The guid is the same, and stands for this post alone.",
            Self::OtherGuid => "The post was known again under this guid before.",
            Self::AddressAndText => "Address and text are the same: one item, under whatever guid.",
            Self::Address => "The address is the same, at a source whose posts are told apart by it.",
            Self::AddressAndTitle => "Address and title are the same.",
            Self::AddressAndDate => "Address and date of publication are the same.",
            Self::Text => "The text is the same, and long enough to be told from another.",
            Self::TextAndDate => "Text and date of publication are the same.",
            Self::PathAndText => "The address is the same but for its host, and so is the text.",
            Self::PathAndTitle => "The address is the same but for its host, and so is the title.",
            Self::PathAndDate => "The address is the same but for its host, and so is the date of publication.",
            Self::TitleAndDate => "Title and date of publication are the same.",
        }
    }

    /// Whether it leaves no doubt: then a second entry that fits is the same item
    /// once more. The others find one post, that nothing else in the document is.
    #[must_use]
    pub fn is_sure(self) -> bool {
        matches!(self, Self::Guid | Self::OtherGuid | Self::AddressAndText)
    }
}

impl std::str::FromStr for Rule {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == name).ok_or_else(|| format!("unknown rule `{name}`"))
    }
}
