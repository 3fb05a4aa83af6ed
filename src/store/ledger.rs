//! The ledger of mails, read: how a digest stands, when it ends (P3), and what
//! stops it (P10).

use super::deliveries::{HELD, slug};
use super::doubts::tell_of_doubts;
use super::letters::insert_owner_letter;
use super::results::{BY_DOMAIN, by_domain};
use super::words::hold_deliveries;
use super::{Store, StoreError, Tx, each};
use crate::config::Reports;
use crate::domain::digest::{Balance, DigestState};
use crate::domain::email_address::EmailAddress;
use crate::domain::id::DigestId;
use crate::domain::picture::Picture;
use crate::domain::slug::Slug;
use crate::domain::span;
use crate::domain::time::Timestamp;
use std::fmt::Write as _;

/// So many domains stand in a report, those with the most readers.
const REPORTED: usize = 20;

/// The mail of a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestContent {
    /// The newsletter's name.
    pub newsletter: Slug,
    /// The subject.
    pub subject: String,
    /// The HTML part, with its readers' tokens.
    pub html: String,
    /// The text part, likewise.
    pub plain: String,
    /// Also the mails' date (P5).
    pub frozen_at: Timestamp,
    /// Whether a person set it going again after it had stopped by itself.
    pub resumed: bool,
    /// The pictures that come with it.
    pub pictures: Vec<Picture>,
}

/// How many mails of a digest are in each state.
const BALANCE: &str = "SELECT state, COUNT(*) FROM delivery WHERE digest_id = $1 GROUP BY state";

impl Store {
    /// When the next delivery falls due; `None` when nothing waits for the clock.
    pub async fn next_delivery_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let (next,): (Option<i64>,) = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT MIN(not_before) FROM delivery WHERE state IN ('pending', 'deferred', 'unknown') AND not_before < $1",
            )
            .bind(HELD)
            .fetch_one(db)
            .await
        })?;
        Ok(next.map(Timestamp::from_millis))
    }

    /// Ends the digests whose balance is closed (P3), and returns them. Who wants
    /// reports is told how each of them ended; of a digest whose time was over
    /// before all readers had theirs the owner is told in any case, and of one
    /// that cannot end before a person has decided on its mails in doubt (P6).
    pub async fn close_digests(&self, reports: &Reports, now: Timestamp) -> Result<Vec<DigestId>, StoreError> {
        let mut tx = self.begin().await?;
        let rows: Vec<(i64, String, i64, String)> = each!(&mut tx, |db| {
            sqlx::query_as(
                "UPDATE digest SET finished_at = $1, state = CASE WHEN state = 'cancelled' THEN state ELSE 'done' END
                 WHERE state IN ('sending', 'paused', 'cancelled') AND finished_at IS NULL AND NOT EXISTS
                     (SELECT 1 FROM delivery d WHERE d.digest_id = digest.id
                      AND d.state IN ('pending', 'attempting', 'deferred', 'unknown'))
                 RETURNING id, subject, frozen_at, state",
            )
            .bind(now.millis())
            .fetch_all(&mut **db)
            .await
        })?;
        if let Some(owner) = &reports.to {
            for (id, subject, frozen_at, state) in &rows {
                let ended = (DigestId(*id), subject.as_str(), Timestamp::from_millis(*frozen_at));
                report(&mut tx, ended, state, owner, reports.all, now).await?;
            }
        }
        tell_of_doubts(&mut tx, reports.to.as_ref(), now).await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(|(id, ..)| DigestId(id)).collect())
    }

    /// Whether any mail of a digest is under way, or due by itself now or later.
    /// Where none is, it has ended, or waits for a person.
    pub async fn goes_on(&self, digest: DigestId) -> Result<bool, StoreError> {
        let some: Option<(i64,)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT id FROM delivery WHERE digest_id = $1
                 AND state IN ('pending', 'attempting', 'deferred', 'unknown')
                 AND (state = 'attempting' OR not_before < $2) LIMIT 1",
            )
            .bind(digest.0)
            .bind(HELD)
            .fetch_optional(db)
            .await
        })?;
        Ok(some.is_some())
    }

    /// Where the deliveries of a digest stand.
    pub async fn balance(&self, digest: DigestId) -> Result<Balance, StoreError> {
        sum(each!(&self.reader, |db| sqlx::query_as(BALANCE).bind(digest.0).fetch_all(db).await)?)
    }

    /// One of the mails of a digest, 0 being its own; `None` when there is none such.
    pub async fn digest_content(&self, digest: DigestId, variant: i64) -> Result<Option<DigestContent>, StoreError> {
        let row: Option<(String, String, String, String, i64, bool)> = each!(&self.reader, |db| {
            sqlx::query_as(
                "SELECT g.newsletter, COALESCE(v.subject, g.subject), COALESCE(v.html, g.html),
                     COALESCE(v.plain, g.plain), g.frozen_at, g.trouble IS NOT NULL
                 FROM digest g LEFT JOIN digest_variant v ON v.digest_id = g.id AND v.number = $2
                 WHERE g.id = $1 AND ($2 = 0 OR v.number IS NOT NULL)",
            )
            .bind(digest.0)
            .bind(variant)
            .fetch_optional(db)
            .await
        })?;
        let Some((newsletter, subject, html, plain, frozen_at, resumed)) = row else { return Ok(None) };
        Ok(Some(DigestContent {
            newsletter: slug(&newsletter)?,
            subject,
            pictures: self.pictures_in(&html).await?,
            html,
            plain,
            frozen_at: Timestamp::from_millis(frozen_at),
            resumed,
        }))
    }

    /// Stops a digest: what is open waits for a person (P10), and the owner is told.
    pub async fn pause_digest(
        &self,
        digest: DigestId,
        trouble: &str,
        owner: Option<&EmailAddress>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let paused: Option<(String,)> = each!(&mut tx, |db| {
            sqlx::query_as(
                "UPDATE digest SET state = 'paused', trouble = $2 WHERE id = $1 AND state = 'sending' RETURNING subject",
            )
            .bind(digest.0)
            .bind(trouble)
            .fetch_optional(&mut **db)
            .await
        })?;
        let Some((subject,)) = paused else { return Ok(()) };
        hold_deliveries(&mut tx, digest).await?;
        if let Some(owner) = owner {
            let body = format!(
                "syndicated has stopped mailing digest {digest}, \"{subject}\": {trouble}.\n\n\
                 Nobody is mailed twice when it goes on:\nsyndicated digest resume {digest}\n"
            );
            insert_owner_letter(&mut tx, owner, &format!("syndicated has stopped mailing digest {digest}"), &body, now)
                .await?;
        }
        tx.commit().await
    }
}

/// Tells the owner how a digest ended, domain by domain.
async fn report(
    tx: &mut Tx,
    (digest, subject, frozen_at): (DigestId, &str, Timestamp),
    state: &str,
    owner: &EmailAddress,
    all: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let balance = balance_in(tx, digest).await?;
    if !all && balance.expired == 0 {
        return Ok(());
    }
    let domains =
        by_domain(each!(&mut *tx, |db| sqlx::query_as(BY_DOMAIN).bind(digest.0).fetch_all(&mut **db).await)?)?;
    let took = span::show(now.since(frozen_at));
    let mut body = format!("Digest {digest}, \"{subject}\", has ended after {took}: {balance}.\n\n");
    for result in domains.iter().take(REPORTED) {
        let _ = writeln!(body, "{}: {}", result.domain, result.balance);
    }
    if let Some(rest) = domains.len().checked_sub(REPORTED).filter(|rest| *rest > 0) {
        let _ = writeln!(body, "and {rest} more domains");
    }
    let _ = write!(body, "\nWhat became of each mail:\nsyndicated delivery list --digest {digest}\n");
    let how = match balance.expired {
        _ if state == DigestState::Cancelled.as_str() => "was called off".to_owned(),
        0 => "is out".to_owned(),
        expired => format!("has ended, and {expired} of its readers never got it"),
    };
    insert_owner_letter(tx, owner, &format!("Digest {digest} {how}: {subject}"), &body, now).await
}

/// Where the deliveries of a digest stand, within a transaction.
pub(super) async fn balance_in(tx: &mut Tx, digest: DigestId) -> Result<Balance, StoreError> {
    sum(each!(tx, |db| sqlx::query_as(BALANCE).bind(digest.0).fetch_all(&mut **db).await)?)
}

fn sum(rows: Vec<(String, i64)>) -> Result<Balance, StoreError> {
    let mut balance = Balance::default();
    for (state, count) in rows {
        balance.add(state.parse().map_err(StoreError::Corrupt)?, u64::try_from(count).unwrap_or(0));
    }
    Ok(balance)
}
