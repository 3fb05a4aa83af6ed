//! The only room that knows SQL.
//!
//! One SQL text serves two engines through their native drivers: [`each!`]
//! expands a body once for SQLite and once for PostgreSQL, so that the compiler
//! checks binds and rows for each. Not in both, and so never used: writing CTEs,
//! `= ANY(array)`, JSON functions, the server's clock, `INSERT OR IGNORE`.
//!
//! Invariants kept here: entries and their source's validators commit together
//! (P1); a digest, its posts and its deliveries commit together (P3); an attempt
//! is durable before anyone may mail it (P4); a result is written only with the
//! fence it was taken with (P7). No transaction is open across a network call,
//! and no future of this room is ever dropped half-way: callers run it in tasks
//! that are never cancelled.

mod absences;
mod address_change;
mod admit;
mod ahead;
mod aliases;
mod announcing;
mod archive;
mod asking;
mod beside;
mod bounces;
mod by_hand;
mod changed_posts;
mod choices;
mod claims;
mod confirming;
mod consent;
mod corrections;
mod counts;
mod cross_posts;
mod deliveries;
mod digests;
mod doubts;
mod due;
mod editing;
mod erase;
mod feeds;
mod filtered;
mod freeze;
mod health;
mod hub_choice;
mod hubs;
mod identity;
mod import;
mod import_rows;
mod key;
mod known;
mod labels;
mod leaving;
mod ledger;
mod letters;
mod listing;
mod many;
mod migrate;
mod moves;
mod new_posts;
mod notes;
mod open;
mod outlet_claims;
mod outlet_copies;
mod outlet_intents;
mod outlets;
mod outlines;
mod own_data;
mod pictures;
mod pieces;
mod posts;
mod renewing;
mod results;
mod retention;
mod retractions;
mod search;
mod shingles;
mod sources;
mod subscribers;
mod suppression;
mod tags;
mod together;
mod turns;
mod versions;
mod words;

pub use absences::Absences;
pub use address_change::Moving;
pub use admit::{Admitted, Arrival, Arriving};
pub use aliases::Alias;
pub use announcing::{TellClaim, Told, ToldHub};
pub use archive::{Neighbour, SentDigest};
pub use asking::{Ask, Requested, Want};
pub use beside::Beside;
pub use bounces::{About, BounceFilter, BounceRow, Came, Heard, Patience};
pub use by_hand::Meant;
pub use choices::Change;
pub use claims::{PollEnd, SourceClaim};
pub use confirming::{Confirmed, Open};
pub use corrections::Corrected;
pub use counts::Count;
pub use deliveries::{Attempt, Coming, Content, Courier, Gate, Results, Settled, Settlement, Turn};
pub use digests::{Due, Frozen, Progress, Selection};
pub use editing::{Act, Acted, Logged};
pub use feeds::Chosen;
pub use filtered::{LeftOut, PassedOver};
pub use freeze::{Freeze, Readers, Review, Variant};
pub use hubs::{HubClaim, Push};
pub use identity::Finding;
pub use import::{Fate, ImportProgress, ImportStep, Incoming};
pub use key::KeyError;
pub use leaving::{Ended, UNDO_WITHIN};
pub use ledger::DigestContent;
pub use listing::SubscriptionFilter;
pub use moves::{Moved, MovedReader, MovedStamp};
pub use notes::{Note, NotePlace};
pub use open::{NodeLock, OpenError, Store};
pub use outlet_claims::{OutletClaim, OutletSettlement, Urge};
pub use outlet_intents::Candidate;
pub use outlets::{HandedOn, OutletRow};
pub use outlines::SourceFace;
pub use own_data::{OwnData, OwnMail, OwnSubscription};
pub use pieces::Tied;
pub use posts::PostFilter;
pub use renewing::Renewal;
pub use results::{DeliveryRow, DomainResult, LedgerFilter};
pub use retention::Swept;
pub use retractions::{Judgement, Retraction, Suspect};
pub use search::{Found, Hit};
pub use sources::{Plan, SourceRow, Stored};
pub use subscribers::{Added, CONFIRM_WITHIN, Own, Wish};
pub use suppression::{ERASED, Erased};
pub use versions::PostVersion;
pub use words::Cancelled;

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

/// One of two things, by engine.
#[derive(Debug, Clone)]
pub(crate) enum Engine<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// A pool of connections.
pub(crate) type Db = Engine<SqlitePool, PgPool>;

/// A transaction; on SQLite it holds the writer's lock from its beginning.
pub(crate) type Tx = Engine<Transaction<'static, Sqlite>, Transaction<'static, Postgres>>;

/// Runs one body for the engine at hand: `each!(&store.reader, |db| query.fetch_all(db).await)`,
/// or in a transaction `each!(&mut tx, |db| query.execute(&mut **db).await)`.
macro_rules! each {
    ($engine:expr, |$db:ident| $body:expr) => {
        match $engine {
            $crate::store::Engine::Sqlite($db) => $body,
            $crate::store::Engine::Postgres($db) => $body,
        }
    };
}
pub(crate) use each;

impl Tx {
    /// Makes the transaction's writes durable (P12).
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Engine::Sqlite(tx) => tx.commit().await?,
            Engine::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// What can go wrong with the database; each a decision for the caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room: nothing was written; try again when there is some.
    #[error("the disk that holds the database is full")]
    Full,
    /// The server or the file cannot be reached now: try again later.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// A row says something that this program never writes.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(String),
    /// Anything else the engine said.
    #[error("the database refused: {0}")]
    Refused(String),
}

const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_IOERR: u32 = 10;
const SQLITE_FULL: u32 = 13;
const SQLITE_CANTOPEN: u32 = 14;

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Self::Unavailable(error.to_string())
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Corrupt(error.to_string()),
            sqlx::Error::Database(refusal) => {
                let (code, said) = (refusal.code().unwrap_or_default(), refusal.message().to_owned());
                // PostgreSQL's codes have five characters: 53100 is disk_full, class 57P its
                // shutting down, class 08 a lost connection, 40P01 and 40001 a transaction that
                // gave way to another. SQLite's are numbers, the last
                // byte being the kind (sqlite.org/rescode.html).
                match code.parse::<u32>().ok().filter(|_| code.len() < 5).map(|code| code & 0xff) {
                    Some(SQLITE_FULL) => Self::Full,
                    Some(SQLITE_BUSY | SQLITE_LOCKED | SQLITE_IOERR | SQLITE_CANTOPEN) => Self::Unavailable(said),
                    None if code == "53100" => Self::Full,
                    None if code.starts_with("57P") || code.starts_with("08") => Self::Unavailable(said),
                    None if code == "40P01" || code == "40001" => Self::Unavailable(said),
                    _ => Self::Refused(said),
                }
            }
            _ => Self::Refused(error.to_string()),
        }
    }
}
