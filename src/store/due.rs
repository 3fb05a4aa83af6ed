//! Which deliveries are due, and what each would mail to whom, as consent stands
//! in the transaction that asks (P9).

use super::deliveries::{Content, slug};
use super::{StoreError, Tx, each};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{DigestId, LetterId, SubscriberId, SubscriptionId};
use crate::domain::letter::LinkLetter;
use crate::domain::slug::Slug;
use crate::domain::time::Timestamp;

/// A delivery whose turn has come.
pub(super) struct Candidate {
    pub(super) id: i64,
    pub(super) expires_at: i64,
    pub(super) fence: i64,
    pub(super) attempts: i64,
    /// What it mails and to whom; `None` when its reader no longer wants it (P9).
    pub(super) wanted: Option<(EmailAddress, Content)>,
}

#[derive(sqlx::FromRow)]
struct DigestRow {
    id: i64,
    digest_id: i64,
    subscription_id: Option<i64>,
    expires_at: i64,
    fence: i64,
    attempts: i64,
    variant: i64,
    subscription_state: Option<String>,
    paused_until: Option<i64>,
    counter: Option<i64>,
    subscriber_id: Option<i64>,
    email: Option<String>,
    name: Option<String>,
    dated_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct LetterRow {
    id: i64,
    letter_id: i64,
    subscription_id: Option<i64>,
    expires_at: i64,
    fence: i64,
    attempts: i64,
    newsletter: Option<String>,
    counter: Option<i64>,
    confirm_nonce: Option<String>,
    subscription_state: Option<String>,
    ended_at: Option<i64>,
    name: Option<String>,
    address_nonce: Option<String>,
    takes_back: Option<bool>,
    kind: String,
    recipient: String,
    language: String,
    subject: String,
    body: String,
    html: String,
    of_digest: Option<i64>,
    written_at: i64,
}

/// Finds the deliveries whose turn has come, with what is needed to take them;
/// on PostgreSQL those that another node looks at are passed over.
macro_rules! due {
    ($tx:expr, $row:ty, $limit:expr, $now:expr, $columns:literal, $joins:literal, $which:literal) => {{
        let sql = match $tx {
            Tx::Sqlite(_) => due!(@text $columns, $joins, $which, ""),
            Tx::Postgres(_) => due!(@text $columns, $joins, $which, " FOR UPDATE OF d SKIP LOCKED"),
        };
        let limit = i64::try_from($limit).unwrap_or(i64::MAX);
        let rows: Vec<$row> =
            each!($tx, |db| { sqlx::query_as(sql).bind($now.millis()).bind(limit).fetch_all(&mut **db).await })?;
        rows
    }};
    (@text $columns:literal, $joins:literal, $which:literal, $lock:literal) => {
        concat!(
            "SELECT d.id, d.subscription_id, d.expires_at, d.fence, d.attempts, s.counter, ", $columns,
            " FROM delivery d LEFT JOIN subscription s ON s.id = d.subscription_id ", $joins,
            " WHERE d.", $which, " IS NOT NULL AND d.state IN ('pending', 'deferred', 'unknown')
                AND d.not_before <= $1
              ORDER BY d.not_before, d.id LIMIT $2",
            $lock
        )
    };
}

/// Letters whose turn has come.
pub(super) async fn letters(tx: &mut Tx, limit: usize, now: Timestamp) -> Result<Vec<Candidate>, StoreError> {
    let rows = due!(
        tx,
        LetterRow,
        limit,
        now,
        "d.letter_id, s.newsletter, s.confirm_nonce, s.state AS subscription_state, s.ended_at, b.name,
         a.nonce AS address_nonce, a.takes_back, l.kind, l.recipient, l.language, l.subject, l.body, l.html,
         l.digest_id AS of_digest, l.created_at AS written_at",
        "LEFT JOIN subscriber b ON b.id = s.subscriber_id JOIN letter l ON l.id = d.letter_id
         LEFT JOIN address_change a ON a.subscriber_id = s.subscriber_id AND a.email = l.recipient",
        "letter_id"
    );
    rows.into_iter().map(LetterRow::candidate).collect()
}

/// Mails of digests whose turn has come.
pub(super) async fn digests(tx: &mut Tx, limit: usize, now: Timestamp) -> Result<Vec<Candidate>, StoreError> {
    let rows = due!(
        tx,
        DigestRow,
        limit,
        now,
        "d.digest_id, d.variant, d.dated_at, s.state AS subscription_state, s.paused_until, b.id AS subscriber_id, b.email, b.name",
        "LEFT JOIN subscriber b ON b.id = s.subscriber_id",
        "digest_id"
    );
    Ok(rows.into_iter().map(|row| row.candidate(now)).collect())
}

impl DigestRow {
    fn candidate(self, now: Timestamp) -> Candidate {
        let Self { id, expires_at, fence, attempts, .. } = self;
        Candidate { id, expires_at, fence, attempts, wanted: self.wanted(now) }
    }

    fn wanted(self, now: Timestamp) -> Option<(EmailAddress, Content)> {
        let paused = self.paused_until.is_some_and(|until| until > now.millis());
        if paused || self.subscription_state.as_deref() != Some("confirmed") {
            return None;
        }
        let content = Content::Digest {
            digest: DigestId(self.digest_id),
            subscriber: SubscriberId(self.subscriber_id?),
            subscription: SubscriptionId(self.subscription_id?),
            counter: self.counter?,
            variant: self.variant,
            name: self.name,
            dated: self.dated_at.map(Timestamp::from_millis),
        };
        Some((self.email?.parse().ok()?, content))
    }
}

impl LetterRow {
    fn candidate(self) -> Result<Candidate, StoreError> {
        let Self { id, expires_at, fence, attempts, .. } = self;
        Ok(Candidate { id, expires_at, fence, attempts, wanted: self.wanted()? })
    }

    fn wanted(self) -> Result<Option<(EmailAddress, Content)>, StoreError> {
        let Ok(to) = self.recipient.parse() else { return Ok(None) };
        let (letter, written) = (LetterId(self.letter_id), Timestamp::from_millis(self.written_at));
        let content = match self.kind.as_str() {
            "owner" => Content::Owner { letter, written, subject: self.subject, body: self.body },
            "preview" => Content::Preview {
                letter,
                written,
                digest: self.of_digest.map(DigestId),
                language: self.language.parse().unwrap_or_default(),
                subject: self.subject,
                html: self.html,
                plain: self.body,
            },
            kind => {
                let (Some(subscription), Some(counter), Some(newsletter)) =
                    (self.subscription_id.map(SubscriptionId), self.counter, self.newsletter)
                else {
                    return Ok(None);
                };
                let language = self.language.parse().unwrap_or_default();
                let state = self.subscription_state.as_deref();
                let (what, nonce) = match (kind, state, self.confirm_nonce, self.address_nonce) {
                    ("confirm", Some("pending"), Some(nonce), _) => {
                        let newsletters = slugs(&self.body)?;
                        let content =
                            Content::Confirm { letter, written, subscription, counter, nonce, newsletters, language };
                        return Ok(Some((to, content)));
                    }
                    ("welcome" | "renewal", Some("confirmed"), ..) => {
                        let content = Content::Written {
                            letter,
                            written,
                            subscription,
                            counter,
                            newsletter: slug(&newsletter)?,
                            language,
                            name: self.name,
                            subject: self.subject,
                            html: self.html,
                            plain: self.body,
                        };
                        return Ok(Some((to, content)));
                    }
                    ("confirm", Some("confirmed"), ..) => (LinkLetter::Known, String::new()),
                    // Who came back meanwhile needs no way back.
                    ("goodbye", Some("unsubscribed"), ..) if self.ended_at == Some(self.written_at) => {
                        (LinkLetter::Goodbye, self.written_at.to_string())
                    }
                    ("data", ..) => (LinkLetter::Data, self.written_at.to_string()),
                    // One that was asked for later takes its place.
                    ("address", .., Some(nonce)) if self.takes_back == Some(true) => (LinkLetter::AddressBack, nonce),
                    ("address", .., Some(nonce)) => (LinkLetter::Address, nonce),
                    _ => return Ok(None),
                };
                let newsletters = if what == LinkLetter::Known { slugs(&self.body)? } else { vec![slug(&newsletter)?] };
                Content::Link { letter, written, what, subscription, counter, nonce, newsletters, language }
            }
        };
        Ok(Some((to, content)))
    }
}

fn slugs(names: &str) -> Result<Vec<Slug>, StoreError> {
    names.split(' ').map(slug).collect()
}
