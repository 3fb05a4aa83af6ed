//! What comes of handing a post to an outlet, and where that stands.

use crate::domain::url::HttpUrl;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What an outlet said of a post that it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// What it calls the post.
    pub id: String,
    /// Where the post stands there, when that is on the web.
    pub url: Option<HttpUrl>,
}

/// What came of asking an outlet to take, change or take down a post: data, and not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Done(Receipt),
    /// It did not, and will perhaps later.
    Later {
        /// Why, in plain words.
        why: String,
        /// How long it wants to be left alone.
        after: Option<Duration>,
    },
    /// It was asked, and the answer was lost.
    InDoubt(String),
    /// It will not, for this reason in plain words.
    Refused(String),
}

/// What came of looking whether an outlet has a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It has.
    There(Receipt),
    /// It has not.
    Missing,
    /// It knows a post by its number when that comes again: there is no need to look.
    Known,
    /// It cannot be asked.
    CannotTell,
    /// It could not be asked now.
    Later {
        /// Why, in plain words.
        why: String,
        /// How long it wants to be left alone.
        after: Option<Duration>,
    },
}

/// What would be sent, for people: named parts in their order. Secrets are left out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Draft(pub Vec<(String, String)>);

/// The words of an enum that stands in the database and in JSON.
macro_rules! stored {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// The word in the database and in JSON.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!("`{other}` is none of {}", [$(concat!("\"", $word, "\"")),+].join(", "))),
                }
            }
        }
    };
}

stored! {
    /// Where a post stands with an outlet.
    State {
        /// To be handed over.
        Intent = "intent",
        /// Being handed over now.
        Attempting = "attempting",
        /// The outlet has it.
        Published = "published",
        /// Perhaps the outlet has it: that is looked up before anything else.
        Unknown = "unknown",
        /// The outlet will not take it.
        Refused = "refused",
        /// It was tried for long enough, or a person ended it.
        GivenUp = "given up",
        /// It was there, and was taken down.
        Deleted = "deleted",
        /// It was not to go there, and why is written down.
        Passed = "passed over",
    }
}

stored! {
    /// What the outlet is asked for.
    Task {
        /// To take the post.
        Post = "post",
        /// To change it to what it is now.
        Update = "update",
        /// To take it down.
        Delete = "delete",
    }
}
