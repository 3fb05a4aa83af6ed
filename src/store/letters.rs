//! Letters: mails outside any digest. A letter and its delivery are one write,
//! inside the transaction of what it tells of.

use super::pictures::insert_picture;
use super::{Store, StoreError, Tx, each};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{DigestId, LetterId, SubscriptionId};
use crate::domain::language::Language;
use crate::domain::picture::Found;
use crate::domain::time::Timestamp;
use std::time::Duration;

/// So many letters in a month does a mailbox get that a stranger may have asked for (S5).
pub(super) const LETTERS_A_MONTH: usize = 3;
pub(super) const MONTH: Duration = Duration::from_hours(30 * 24);

/// How long a letter is tried: as long as a confirmation's link holds.
pub(super) const LIFETIME: Duration = Duration::from_hours(48);

/// Tells the owner something that needs a person.
pub(super) async fn insert_owner_letter(
    tx: &mut Tx,
    owner: &EmailAddress,
    subject: &str,
    body: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (id,): (i64,) = each!(&mut *tx, |db| {
        sqlx::query_as(
            "INSERT INTO letter (kind, recipient, language, subject, body, created_at)
             VALUES ('owner', $1, 'en', $2, $3, $4) RETURNING id",
        )
        .bind(owner.as_str())
        .bind(subject)
        .bind(body)
        .bind(now.millis())
        .fetch_one(&mut **db)
        .await
    })?;
    insert_delivery(tx, LetterId(id), None, now).await
}

/// Shows a digest, frozen or not, to somebody who is to judge it, in the words of
/// its readers' language: subject, HTML and text with a reader's tokens in them.
pub(super) async fn insert_preview_letter(
    tx: &mut Tx,
    (to, language): (&EmailAddress, Language),
    digest: Option<DigestId>,
    (subject, html, plain): (&str, &str, &str),
    now: Timestamp,
) -> Result<(), StoreError> {
    let (id,): (i64,) = each!(&mut *tx, |db| {
        sqlx::query_as(
            "INSERT INTO letter (kind, recipient, language, subject, body, html, digest_id, created_at)
             VALUES ('preview', $1, $2, $3, $4, $5, $6, $7) RETURNING id",
        )
        .bind(to.as_str())
        .bind(language.tag())
        .bind(subject)
        .bind(plain)
        .bind(html)
        .bind(digest.map(|id| id.0))
        .bind(now.millis())
        .fetch_one(&mut **db)
        .await
    })?;
    insert_delivery(tx, LetterId(id), None, now).await
}

impl Store {
    /// Writes a test mail into the ledger, for the courier to deliver: subject,
    /// HTML and text with a reader's tokens in them, and its pictures. `language`
    /// is that of its readers.
    pub async fn write_test_mail(
        &self,
        to: &EmailAddress,
        language: Language,
        mail: (&str, &str, &str),
        pictures: &[Found],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for Found { address, picture, .. } in pictures.iter().filter(|found| found.is_new) {
            insert_picture(&mut tx, address, picture, now).await?;
        }
        insert_preview_letter(&mut tx, (to, language), None, mail, now).await?;
        tx.commit().await
    }
}

/// A letter to a reader about a subscription. Its links are made when it is sent.
pub(super) struct Letter<'a> {
    /// `confirm`, `welcome` or `renewal`; or one of a link, which says no more: `goodbye`, `address` or `data`.
    pub(super) kind: &'static str,
    pub(super) recipient: &'a EmailAddress,
    pub(super) language: Language,
    pub(super) subscription: SubscriptionId,
    /// The keyed hash of the mailbox, when this letter counts for what that is sent unasked.
    pub(super) mailbox: Option<&'a str>,
    /// Empty where what it says depends on how things stand when it is sent.
    pub(super) subject: &'a str,
    /// Its text part; of a `confirm`, the names of the newsletters with a space between each two.
    pub(super) plain: &'a str,
    /// Its HTML part.
    pub(super) html: &'a str,
}

/// Writes a letter that goes out at `at`.
pub(super) async fn insert_letter(tx: &mut Tx, letter: &Letter<'_>, at: Timestamp) -> Result<(), StoreError> {
    let (id,): (i64,) = each!(&mut *tx, |db| {
        sqlx::query_as(
            "INSERT INTO letter (kind, recipient, language, subscription_id, mailbox, subject, body, html, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
        )
        .bind(letter.kind)
        .bind(letter.recipient.as_str())
        .bind(letter.language.tag())
        .bind(letter.subscription.0)
        .bind(letter.mailbox)
        .bind(letter.subject)
        .bind(letter.plain)
        .bind(letter.html)
        .bind(at.millis())
        .fetch_one(&mut **db)
        .await
    })?;
    insert_delivery(tx, LetterId(id), Some(letter.subscription), at).await
}

impl<'a> Letter<'a> {
    /// One that brings its reader a link.
    pub(super) fn of_link(
        kind: &'static str,
        recipient: &'a EmailAddress,
        language: Language,
        subscription: SubscriptionId,
    ) -> Self {
        Self { kind, recipient, language, subscription, mailbox: None, subject: "", plain: "", html: "" }
    }
}

/// When a mailbox was sent letters that a stranger may have asked for, the newest first;
/// one that waits counts. `mailboxes` are its hashes, by each key of the site.
pub(super) async fn sent_to(tx: &mut Tx, mailboxes: &[String], since: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
    let mut sent = Vec::new();
    for mailbox in mailboxes {
        let rows: Vec<(i64,)> = each!(&mut *tx, |db| {
            sqlx::query_as("SELECT created_at FROM letter WHERE mailbox = $1 AND created_at > $2")
                .bind(mailbox)
                .bind(since.millis())
                .fetch_all(&mut **db)
                .await
        })?;
        sent.extend(rows.into_iter().map(|(at,)| Timestamp::from_millis(at)));
    }
    sent.sort_unstable_by_key(|at| std::cmp::Reverse(at.millis()));
    Ok(sent)
}

/// How many letters of a kind were written for a subscription since then.
pub(super) async fn letters_since(
    tx: &mut Tx,
    subscription: SubscriptionId,
    kind: &'static str,
    since: Timestamp,
) -> Result<i64, StoreError> {
    let (count,): (i64,) = each!(tx, |db| {
        sqlx::query_as("SELECT COUNT(*) FROM letter WHERE subscription_id = $1 AND kind = $2 AND created_at > $3")
            .bind(subscription.0)
            .bind(kind)
            .bind(since.millis())
            .fetch_one(&mut **db)
            .await
    })?;
    Ok(count)
}

async fn insert_delivery(
    tx: &mut Tx,
    letter: LetterId,
    subscription: Option<SubscriptionId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    each!(tx, |db| {
        sqlx::query("INSERT INTO delivery (letter_id, subscription_id, not_before, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(letter.0)
            .bind(subscription.map(|id| id.0))
            .bind(now.millis())
            .bind(now.plus(LIFETIME).millis())
            .execute(&mut **db)
            .await
            .map(drop)
    })?;
    Ok(())
}
