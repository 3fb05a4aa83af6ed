//! A site that speaks Micropub.

use super::{Keys, address};
use crate::domain::outlet::{Kind, Micropub, Pictures};

/// A site that speaks Micropub.
pub(super) fn micropub(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    let url = keys.address("url", "https://paper.example.com/");
    let endpoint = keys.table.parsed("endpoint", address);
    let pictures = keys.pictures(Pictures::Link);
    let token = keys.secret("the token that allows to write there");
    Some(Kind::Micropub(Micropub { url: url?, endpoint, token: token?, pictures }))
}
