//! A desk, or an address at which mails become posts.

use super::Keys;
use crate::config::raw::Located;
use crate::domain::email_address::EmailAddress;
use crate::domain::outlet::{Kind, Letter, Mail};
use crate::domain::secret::Secret;

/// A mailbox.
pub(super) fn mail(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    let has_to = keys.table.holds("to");
    let to = keys.table.parsed("to", |text| text.parse::<EmailAddress>().map_err(|why| why.to_string()));
    let to = if has_to { to } else { hidden(keys) };
    let form = keys.table.parsed("form", str::parse::<Letter>);
    let embed = keys.table.parsed("images", |text| match text {
        "link" => Ok(false),
        "embed" => Ok(true),
        other => Err(format!("`{other}` is neither \"link\" nor \"embed\"")),
    });
    let relay = relay(keys);
    Some(Kind::Mail(Mail {
        to: Secret::new(to?),
        is_secret: !has_to,
        form: form.unwrap_or(if has_to { Letter::Desk } else { Letter::Post }),
        relay,
        embed: embed.unwrap_or(false),
    }))
}

/// An address that is a secret, since whoever knows it can publish.
fn hidden(keys: &mut Keys<'_, '_>) -> Option<EmailAddress> {
    let text = keys.secret("the address that mails go to (or write `to = \"desk@example.com\"`)")?;
    let Ok(address) = text.expose().trim().parse() else {
        let spot = keys.table.spot.clone();
        keys.table.faults().add(&spot, "its secret is not an address that mails go to");
        return None;
    };
    Some(address)
}

/// A relay by its name.
fn relay(keys: &mut Keys<'_, '_>) -> Option<String> {
    let Located { spot, value } = keys.table.text("relay")?;
    if keys.relays.is_some_and(|relays| relays.iter().all(|relay| relay.name != value)) {
        keys.table.faults().add(&spot, format_args!("there is no [[relay]] `{value}`"));
    }
    Some(value.to_owned())
}
