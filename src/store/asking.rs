//! Signing up, from the request to the confirmation.
//!
//! A request and the letter that asks to confirm it are one transaction (P12).
//! Nobody's mailbox can be filled by the form: letters are counted by mailbox,
//! also when their reader's rows are gone (S5). What an unknown person asks for
//! changes nothing of a subscription that stands.

use super::choices::topics_text;
use super::consent::record_consent;
use super::letters::{LETTERS_A_MONTH, Letter, MONTH, insert_letter, sent_to};
use super::subscribers::{CONFIRM_WITHIN, Own, Wish, insert_subscription, subscriber};
use super::{Store, StoreError, Tx, each};
use crate::domain::consent::{Act, Given};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{SubscriberId, SubscriptionId};
use crate::domain::language::Language;
use crate::domain::slug::Slug;
use crate::domain::subscriber::SubscriptionState;
use crate::domain::time::Timestamp;
use chrono_tz::Tz;
use std::time::Duration;

/// One confirmation mail to an address in a day (S5).
const DAY: Duration = Duration::from_hours(24);

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// Where the mails shall go.
    pub email: &'a EmailAddress,
    /// The keyed hashes of that mailbox by every key that it may have been written to under, the present one's first.
    pub mailboxes: &'a [String],
    /// The reader's language.
    pub language: Language,
    /// Whose clock shows the reader's morning.
    pub timezone: Option<Tz>,
    /// What is wanted, at least one newsletter.
    pub wants: &'a [Want<'a>],
    /// What a confirmation's token is bound to: 256 random bits.
    pub nonce: &'a str,
}

/// One newsletter that is asked for.
#[derive(Debug, Clone)]
pub struct Want<'a> {
    /// Its name.
    pub newsletter: &'a Slug,
    /// The cadence's name.
    pub cadence: &'a Slug,
    /// The topics; none is everything.
    pub topics: &'a [Slug],
    /// By which form, in which words.
    pub given: Given<'a>,
}

/// What a request did. The outside sees no difference (S8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// A confirmation mail is on its way.
    Letter,
    /// It goes out when the address may get another.
    Later(Timestamp),
    /// The mail that the address has got already serves for this, too.
    Joined,
    /// All of it was subscribed already, and a mail says so.
    Already,
    /// The address has had its share of mails.
    Limited,
}

/// A subscription of the same reader.
struct Known {
    id: SubscriptionId,
    newsletter: String,
    state: SubscriptionState,
    open: Option<(String, i64)>,
}

/// Row, newsletter, state, nonce and its end.
type KnownRow = (i64, String, String, Option<String>, Option<i64>);

impl Store {
    /// Takes a request: pending subscriptions bound to the nonce, and the letter
    /// that asks to confirm them, in one transaction.
    pub async fn ask(&self, ask: &Ask<'_>, now: Timestamp) -> Result<Requested, StoreError> {
        let Some(first) = ask.wants.first() else { return Ok(Requested::Limited) };
        let mut tx = self.begin().await?;
        let wish = Wish {
            email: ask.email,
            newsletter: first.newsletter,
            cadence: first.cadence,
            language: ask.language,
            consent: first.given.words,
            own: Own { name: None, timezone: ask.timezone, topics: first.topics },
        };
        let reader = subscriber(&mut tx, &wish, now).await?;
        let known = known(&mut tx, reader).await?;
        let stands = |want: &&Want<'_>| {
            let same = |known: &&Known| known.newsletter == want.newsletter.as_str();
            known.iter().find(same).is_some_and(|known| known.state == SubscriptionState::Confirmed)
        };
        let fresh: Vec<&Want<'_>> = ask.wants.iter().filter(|want| !stands(want)).collect();
        let sent = sent_to(&mut tx, ask.mailboxes, now.minus(MONTH)).await?;
        let rests_until = sent.first().map(|last| last.plus(DAY)).filter(|until| *until > now);
        let open = known
            .iter()
            .filter(|known| known.state == SubscriptionState::Pending)
            .filter_map(|known| known.open.as_ref())
            .filter(|(_, expires)| *expires > now.millis())
            .max_by_key(|(_, expires)| *expires);
        // No confirmed reader is changed by whoever knows their address.
        if known.iter().all(|known| known.state != SubscriptionState::Confirmed) {
            keep_own(&mut tx, reader, ask).await?;
        }
        let share_is_left = sent.len() < LETTERS_A_MONTH;
        let fresh_ones = (known.as_slice(), fresh.as_slice());
        let requested = match (rests_until, open) {
            (None, _) if share_is_left && fresh.is_empty() => {
                let standing = known.iter().find(|known| known.newsletter == first.newsletter.as_str());
                let Some(standing) = standing else { return Ok(Requested::Limited) };
                write_letter(&mut tx, ask, ask.wants.iter(), standing.id, now).await?;
                Requested::Already
            }
            _ if fresh.is_empty() => return Ok(Requested::Limited),
            (None, _) if share_is_left => {
                let expires = now.plus(CONFIRM_WITHIN).millis();
                let id = write_pending(&mut tx, ask, reader, fresh_ones, (ask.nonce, expires), now).await?;
                write_letter(&mut tx, ask, fresh.iter().copied(), id, now).await?;
                Requested::Letter
            }
            (_, Some((nonce, expires))) => {
                write_pending(&mut tx, ask, reader, fresh_ones, (nonce, *expires), now).await?;
                Requested::Joined
            }
            (Some(until), None) if share_is_left => {
                let expires = until.plus(CONFIRM_WITHIN).millis();
                let id = write_pending(&mut tx, ask, reader, fresh_ones, (ask.nonce, expires), now).await?;
                write_letter(&mut tx, ask, fresh.iter().copied(), id, until).await?;
                Requested::Later(until)
            }
            _ => return Ok(Requested::Limited),
        };
        tx.commit().await?;
        Ok(requested)
    }
}

/// Keeps what a reader says of themselves, while nothing of theirs stands.
async fn keep_own(tx: &mut Tx, reader: SubscriberId, ask: &Ask<'_>) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query(
            "UPDATE subscriber SET language = $2, timezone = CASE WHEN $3 <> '' THEN $3 ELSE timezone END WHERE id = $1",
        )
        .bind(reader.0)
        .bind(ask.language.tag())
        .bind(ask.timezone.map_or("", |zone| zone.name()))
        .execute(&mut **db)
        .await
        .map(drop)
    })?;
    Ok(())
}

/// The reader's subscriptions.
async fn known(tx: &mut Tx, reader: SubscriberId) -> Result<Vec<Known>, StoreError> {
    let rows: Vec<KnownRow> = each!(tx, |db| {
        sqlx::query_as(
            "SELECT id, newsletter, state, confirm_nonce, confirm_expires_at FROM subscription
             WHERE subscriber_id = $1 ORDER BY id",
        )
        .bind(reader.0)
        .fetch_all(&mut **db)
        .await
    })?;
    rows.into_iter()
        .map(|(id, newsletter, state, nonce, expires)| {
            let state = state.parse().map_err(StoreError::Corrupt)?;
            Ok(Known { id: SubscriptionId(id), newsletter, state, open: nonce.zip(expires) })
        })
        .collect()
}

/// Makes each of `fresh` wait for its confirmation. Returns the first of them.
async fn write_pending(
    tx: &mut Tx,
    ask: &Ask<'_>,
    reader: SubscriberId,
    (known, fresh): (&[Known], &[&Want<'_>]),
    (nonce, expires): (&str, i64),
    now: Timestamp,
) -> Result<SubscriptionId, StoreError> {
    let mut first = None;
    for want in fresh {
        let id = match known.iter().find(|known| known.newsletter == want.newsletter.as_str()) {
            Some(known) => {
                each!(&mut *tx, |db| {
                    sqlx::query(
                        "UPDATE subscription SET state = 'pending', confirm_nonce = $3, confirm_expires_at = $4,
                             moved_at = CASE WHEN cadence <> $2 THEN $5 ELSE moved_at END, cadence = $2, topics = $6
                         WHERE id = $1",
                    )
                    .bind(known.id.0)
                    .bind(want.cadence.as_str())
                    .bind(nonce)
                    .bind(expires)
                    .bind(now.millis())
                    .bind(topics_text(want.topics))
                    .execute(&mut **db)
                    .await
                    .map(drop)
                })?;
                known.id
            }
            None => {
                let wish = Wish {
                    email: ask.email,
                    newsletter: want.newsletter,
                    cadence: want.cadence,
                    language: ask.language,
                    consent: want.given.words,
                    own: Own { name: None, timezone: ask.timezone, topics: want.topics },
                };
                insert_subscription(tx, reader, &wish, Some((nonce, expires)), now).await?
            }
        };
        record_consent(tx, id, Act::Asked, &want.given, now).await?;
        first.get_or_insert(id);
    }
    first.ok_or_else(|| StoreError::Refused("a request for nothing".to_owned()))
}

/// The letter, which names what it is about.
async fn write_letter<'w>(
    tx: &mut Tx,
    ask: &Ask<'_>,
    wants: impl Iterator<Item = &'w Want<'w>>,
    subscription: SubscriptionId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let names: Vec<&str> = wants.map(|want| want.newsletter.as_str()).collect();
    let letter = Letter {
        kind: "confirm",
        recipient: ask.email,
        language: ask.language,
        subscription,
        mailbox: ask.mailboxes.first().map(String::as_str),
        subject: "",
        plain: &names.join(" "),
        html: "",
    };
    insert_letter(tx, &letter, at).await
}
