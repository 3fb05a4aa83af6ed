//! An account at an instance of Mastodon.

use super::Keys;
use crate::domain::outlet::{Kind, Mastodon, Pictures, Visibility};

/// An account.
pub(super) fn mastodon(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    let url = keys.address("url", "https://mastodon.social/");
    let token = keys.secret("the account's access token");
    let visibility = keys.table.parsed("visibility", str::parse::<Visibility>);
    let pictures = keys.pictures(Pictures::Link);
    Some(Kind::Mastodon(Mastodon {
        url: url?,
        token: token?,
        visibility: visibility.unwrap_or(Visibility::Public),
        pictures,
    }))
}
