//! Letters that bring their reader a link, by which something may be done once or for
//! a while.

use super::token::Purpose;

/// What such a letter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkLetter {
    /// To who asks for what they get already: their choices.
    Known,
    /// Goodbye, with the way back.
    Goodbye,
    /// To the address that mails shall go to: to confirm it.
    Address,
    /// To the address that they went to before: to take that back.
    AddressBack,
    /// What is stored of the reader.
    Data,
}

impl LinkLetter {
    /// Each of them.
    pub const ALL: [Self; 5] = [Self::Known, Self::Goodbye, Self::Address, Self::AddressBack, Self::Data];

    /// What its texts in the catalogue begin with.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Goodbye => "goodbye",
            Self::Address => "address",
            Self::AddressBack => "address_back",
            Self::Data => "data",
        }
    }

    /// What its token allows.
    #[must_use]
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Known => Purpose::Preferences,
            Self::Goodbye => Purpose::Undo,
            Self::Address | Self::AddressBack => Purpose::Address,
            Self::Data => Purpose::Data,
        }
    }

    /// Where its link leads: the token comes behind.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Known => "/p/",
            Self::Goodbye => "/back/",
            Self::Address | Self::AddressBack => "/address/",
            Self::Data => "/data/",
        }
    }
}
