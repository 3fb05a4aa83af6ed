//! Row identities as types of their own, so that a post's number is never taken
//! for a subscriber's.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// A followed source.
    SourceId,
    /// A stored post.
    PostId,
    /// A reader, whatever they subscribe to.
    SubscriberId,
    /// One reader's subscription to one newsletter.
    SubscriptionId,
    /// A frozen digest.
    DigestId,
    /// One mail of a digest, or one letter.
    DeliveryId,
    /// A source's subscription at a hub.
    HubId,
    /// Something that came back.
    BounceId,
    /// A mail outside any digest: a confirmation, a note to the owner.
    LetterId,
}
