//! Which deliveries are due, and what each would mail to whom, as consent stands
//! in the transaction that asks (P9).

use super::deliveries::{Content, slug};
use super::{StoreError, Tx, each};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{DigestId, LetterId, SubscriberId, SubscriptionId};
use crate::domain::time::Timestamp;

#[derive(sqlx::FromRow)]
pub(super) struct Candidate {
    pub(super) id: i64,
    digest_id: Option<i64>,
    letter_id: Option<i64>,
    subscription_id: Option<i64>,
    pub(super) expires_at: i64,
    pub(super) fence: i64,
    pub(super) attempts: i64,
    subscription_state: Option<String>,
    newsletter: Option<String>,
    counter: Option<i64>,
    confirm_nonce: Option<String>,
    subscriber_id: Option<i64>,
    email: Option<String>,
    kind: Option<String>,
    recipient: Option<String>,
    language: Option<String>,
    subject: Option<String>,
    body: Option<String>,
    html: Option<String>,
    of_digest: Option<i64>,
    written_at: Option<i64>,
    variant: i64,
    dated_at: Option<i64>,
    name: Option<String>,
}

/// Finds the deliveries whose turn has come, with what is needed to take them;
/// on PostgreSQL those that another node looks at are passed over.
macro_rules! due {
    ($tx:expr, $which:literal) => {
        match $tx {
            Tx::Sqlite(_) => due!(@text $which, ""),
            Tx::Postgres(_) => due!(@text $which, " FOR UPDATE OF d SKIP LOCKED"),
        }
    };
    (@text $which:literal, $lock:literal) => {
        concat!(
            "SELECT d.id, d.digest_id, d.letter_id, d.subscription_id, d.expires_at, d.fence, d.attempts,
                    s.state AS subscription_state, s.newsletter, s.counter, s.confirm_nonce,
                    b.id AS subscriber_id, b.email, b.name, d.variant, d.dated_at,
                    l.kind, l.recipient, l.language, l.subject, l.body, l.html, l.digest_id AS of_digest,
                    l.created_at AS written_at
             FROM delivery d
             LEFT JOIN subscription s ON s.id = d.subscription_id
             LEFT JOIN subscriber b ON b.id = s.subscriber_id
             LEFT JOIN letter l ON l.id = d.letter_id
             WHERE d.",
            $which,
            " IS NOT NULL AND d.state IN ('pending', 'deferred', 'unknown') AND d.not_before <= $1
             ORDER BY d.not_before, d.id LIMIT $2",
            $lock
        )
    };
}

/// Letters whose turn has come.
pub(super) async fn letters(tx: &mut Tx, limit: usize, now: Timestamp) -> Result<Vec<Candidate>, StoreError> {
    let sql = due!(&*tx, "letter_id");
    look(tx, sql, limit, now).await
}

/// Mails of digests whose turn has come.
pub(super) async fn digests(tx: &mut Tx, limit: usize, now: Timestamp) -> Result<Vec<Candidate>, StoreError> {
    let sql = due!(&*tx, "digest_id");
    look(tx, sql, limit, now).await
}

async fn look(tx: &mut Tx, sql: &'static str, limit: usize, now: Timestamp) -> Result<Vec<Candidate>, StoreError> {
    Ok(each!(tx, |db| {
        sqlx::query_as(sql).bind(now.millis()).bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&mut **db).await
    })?)
}

/// What a delivery mails and to whom; `None` when its reader no longer wants it (P9).
pub(super) fn wanted(candidate: Candidate) -> Result<Option<(EmailAddress, Content)>, StoreError> {
    let corrupt = |what: &str| StoreError::Corrupt(format!("delivery {}: {what}", candidate.id));
    let address = |text: Option<String>| text.and_then(|text| text.parse::<EmailAddress>().ok());
    if let Some(digest) = candidate.digest_id {
        if candidate.subscription_state.as_deref() != Some("confirmed") {
            return Ok(None);
        }
        let (Some(to), Some(subscriber), Some(subscription), Some(counter)) =
            (address(candidate.email), candidate.subscriber_id, candidate.subscription_id, candidate.counter)
        else {
            return Ok(None);
        };
        let content = Content::Digest {
            digest: DigestId(digest),
            subscriber: SubscriberId(subscriber),
            subscription: SubscriptionId(subscription),
            counter,
            variant: candidate.variant,
            name: candidate.name,
            dated: candidate.dated_at.map(Timestamp::from_millis),
        };
        return Ok(Some((to, content)));
    }
    let letter = LetterId(candidate.letter_id.ok_or_else(|| corrupt("it is neither of a digest nor a letter"))?);
    let Some(to) = address(candidate.recipient) else { return Ok(None) };
    let written = Timestamp::from_millis(candidate.written_at.unwrap_or(0));
    if candidate.kind.as_deref() == Some("owner") {
        let content = Content::Owner {
            letter,
            written,
            subject: candidate.subject.unwrap_or_default(),
            body: candidate.body.unwrap_or_default(),
        };
        return Ok(Some((to, content)));
    }
    if candidate.kind.as_deref() == Some("preview") {
        let content = Content::Preview {
            letter,
            written,
            digest: candidate.of_digest.map(DigestId),
            language: candidate.language.and_then(|tag| tag.parse().ok()).unwrap_or_default(),
            subject: candidate.subject.unwrap_or_default(),
            html: candidate.html.unwrap_or_default(),
            plain: candidate.body.unwrap_or_default(),
        };
        return Ok(Some((to, content)));
    }
    let (Some(subscription), Some(counter), Some(nonce), Some(newsletter)) =
        (candidate.subscription_id, candidate.counter, candidate.confirm_nonce, candidate.newsletter)
    else {
        return Ok(None);
    };
    let content = Content::Confirm {
        letter,
        written,
        subscription: SubscriptionId(subscription),
        counter,
        nonce,
        newsletter: slug(&newsletter)?,
        language: candidate.language.and_then(|tag| tag.parse().ok()).unwrap_or_default(),
    };
    Ok(Some((to, content)))
}
