//! The ledger of mails, looked through: delivery by delivery, and by the domains
//! of the recipients.

use super::deliveries::HELD;
use super::{Store, StoreError, each};
use crate::domain::delivery::DeliveryState;
use crate::domain::digest::Balance;
use crate::domain::email_address::EmailAddress;
use crate::domain::id::{DeliveryId, DigestId};
use crate::domain::time::Timestamp;
use serde::Serialize;
use std::collections::HashMap;

/// Which lines of the ledger are wanted.
#[derive(Debug, Clone, Default)]
pub struct LedgerFilter {
    /// Of this digest only; else the newest lines of all, letters among them.
    pub digest: Option<DigestId>,
    /// In this state only.
    pub state: Option<DeliveryState>,
    /// To this domain only, in lower case.
    pub domain: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its row.
    pub id: DeliveryId,
    /// Of which digest; `None` for a letter.
    pub digest: Option<DigestId>,
    /// The reader's address, all but its first letter hidden.
    pub to: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts there were.
    pub attempts: u32,
    /// The relay's last words.
    pub reply: Option<String>,
    /// When it is tried next; `None` when it is not, or only when a person says so.
    pub due: Option<Timestamp>,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
}

/// How a digest fares at one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DomainResult {
    /// The domain, in lower case; `(erased)` for readers who are gone.
    pub domain: String,
    /// Where its deliveries stand.
    #[serde(flatten)]
    pub balance: Balance,
}

#[derive(sqlx::FromRow)]
struct LedgerRow {
    id: i64,
    digest_id: Option<i64>,
    email: Option<String>,
    recipient: Option<String>,
    state: String,
    attempts: i64,
    reply: Option<String>,
    not_before: i64,
    settled_at: Option<i64>,
}

macro_rules! lines {
    ($order:literal) => {
        concat!(
            "SELECT d.id, d.digest_id, s.email, l.recipient, d.state, d.attempts, d.reply, d.not_before, d.settled_at
             FROM delivery d LEFT JOIN subscriber s ON s.id = d.subscriber_id LEFT JOIN letter l ON l.id = d.letter_id
             WHERE ($1 = 0 OR d.digest_id = $1) AND ($2 = '' OR d.state = $2)
               AND ($3 = '' OR s.email_key LIKE '%@' || $3 OR LOWER(l.recipient) LIKE '%@' || $3)
             ORDER BY d.id ",
            $order,
            " LIMIT $4"
        )
    };
}

impl Store {
    /// The ledger of a digest, in a state or in all, addresses masked.
    pub async fn deliveries(
        &self,
        digest: DigestId,
        state: Option<DeliveryState>,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        self.ledger(&LedgerFilter { digest: Some(digest), state, domain: None, limit }).await
    }

    /// Lines of the ledger, addresses masked: in the order of a digest, or of all
    /// digests and letters the newest first.
    pub async fn ledger(&self, filter: &LedgerFilter) -> Result<Vec<DeliveryRow>, StoreError> {
        let sql = if filter.digest.is_some() { lines!("ASC") } else { lines!("DESC") };
        let rows: Vec<LedgerRow> = each!(&self.reader, |db| {
            sqlx::query_as(sql)
                .bind(filter.digest.map_or(0, |digest| digest.0))
                .bind(filter.state.map_or("", DeliveryState::as_str))
                .bind(filter.domain.as_deref().unwrap_or(""))
                .bind(i64::from(filter.limit))
                .fetch_all(db)
                .await
        })?;
        rows.into_iter().map(DeliveryRow::try_from).collect()
    }

    /// How a digest fares at each domain, the domain with the most readers first.
    pub async fn domain_results(&self, digest: DigestId) -> Result<Vec<DomainResult>, StoreError> {
        by_domain(each!(&self.reader, |db| sqlx::query_as(BY_DOMAIN).bind(digest.0).fetch_all(db).await)?)
    }
}

/// How many mails of a digest stand where, by domain. What is behind the @, in
/// words that both engines know: the key without the part that is left when
/// everything but an @ is taken off its end.
pub(super) const BY_DOMAIN: &str =
    "SELECT COALESCE(REPLACE(s.email_key, RTRIM(s.email_key, REPLACE(s.email_key, '@', '')), ''), '(erased)'),
            d.state, COUNT(*)
     FROM delivery d LEFT JOIN subscriber s ON s.id = d.subscriber_id
     WHERE d.digest_id = $1 GROUP BY 1, 2";

/// Sums what [`BY_DOMAIN`] gives, the domain with the most readers first.
pub(super) fn by_domain(rows: Vec<(String, String, i64)>) -> Result<Vec<DomainResult>, StoreError> {
    let mut balances: HashMap<String, Balance> = HashMap::new();
    for (domain, state, count) in rows {
        let state = state.parse().map_err(StoreError::Corrupt)?;
        balances.entry(domain).or_default().add(state, u64::try_from(count).unwrap_or(0));
    }
    let mut results: Vec<_> = balances.into_iter().map(|(domain, balance)| DomainResult { domain, balance }).collect();
    results.sort_by(|a, b| b.balance.recipients.cmp(&a.balance.recipients).then_with(|| a.domain.cmp(&b.domain)));
    Ok(results)
}

impl TryFrom<LedgerRow> for DeliveryRow {
    type Error = StoreError;

    fn try_from(row: LedgerRow) -> Result<Self, StoreError> {
        let to = row.email.or(row.recipient).and_then(|email| email.parse::<EmailAddress>().ok());
        let state: DeliveryState = row.state.parse().map_err(StoreError::Corrupt)?;
        let waits = matches!(state, DeliveryState::Pending | DeliveryState::Deferred | DeliveryState::Unknown);
        Ok(Self {
            id: DeliveryId(row.id),
            digest: row.digest_id.map(DigestId),
            to: to.map_or_else(|| "(erased)".to_owned(), |email| email.masked()),
            state,
            attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            reply: row.reply,
            due: (waits && row.not_before != HELD).then(|| Timestamp::from_millis(row.not_before)),
            settled_at: row.settled_at.map(Timestamp::from_millis),
        })
    }
}
