//! Opening the database, and being its only owner (P7).

use super::ahead::Ahead;
use super::migrate::migrate;
use super::together::Together;
use super::{Db, Engine, StoreError, Tx, each};
use crate::config::{Database, Secret};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Connections are kept as long as they live. What closes idle ones in sqlx 0.9 reads a counter that another thread may
/// have brought below zero for a moment, and then counts up to the highest number there is: a thread is gone for ever.
const KEPT: Option<Duration> = None;

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    /// On SQLite one connection, so that writers queue here and not on a busy file.
    pub(crate) writer: Db,
    /// On SQLite connections that cannot write, so that feeds stay up while the
    /// writer is stuck (P16); on PostgreSQL the same pool.
    pub(crate) reader: Db,
    /// Ends of polls that wait to be written with others.
    pub(super) together: Arc<Together>,
    /// On SQLite the mails that the courier will come to next.
    pub(super) ahead: Arc<Ahead>,
    place: Database,
}

/// Why a database was not opened. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or written.
    #[error("cannot create the folder {0} for the database: {1}; create it, or give this user the right to")]
    Folder(PathBuf, std::io::Error),
    /// A network file system does not keep SQLite's locks.
    #[error(
        "{0} is on a network file system ({1}), where SQLite's locks do not hold: put it on a local disk, or use PostgreSQL"
    )]
    NetworkDisk(PathBuf, &'static str),
    /// The library that was linked is too old.
    #[error("SQLite {0} has a bug that can corrupt a WAL database; syndicated needs 3.51.3 or newer")]
    OldSqlite(String),
    /// `synchronous_commit` is off.
    #[error(
        "PostgreSQL runs with synchronous_commit = {0}, so acknowledged writes could be lost: set it to on for this database"
    )]
    LazyCommit(String),
    /// Another daemon owns it.
    #[error("another syndicated is running on {0}: stop it first (systemctl stop syndicated)")]
    Owned(String),
    /// Anything the engine said.
    #[error("cannot open the database {0}: {1}")]
    Store(String, StoreError),
    /// A file of the database cannot be opened or created.
    #[error("cannot write {0}: {1}; give this user the right to")]
    File(PathBuf, std::io::Error),
    /// The lock file cannot be used.
    #[error("cannot lock {0}: {1}")]
    Lock(PathBuf, std::io::Error),
}

/// The right to be the daemon on this database, held until dropped. On
/// PostgreSQL, where several nodes share one database, each holds a name of its
/// own; attempts that a dead node left behind go by that name.
#[derive(Debug)]
pub struct NodeLock {
    name: String,
    held: Held,
}

#[derive(Debug)]
enum Held {
    File(#[expect(dead_code, reason = "held for its lock, which ends when it is dropped")] File),
    Session(PgConnection),
}

impl NodeLock {
    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Store {
    /// Opens the database, creating a SQLite file that is not there, and brings
    /// it to this program's schema.
    pub async fn open(place: &Database) -> Result<Self, OpenError> {
        let failed = |error: StoreError| OpenError::Store(place.to_string(), error);
        match place {
            Database::Sqlite(path) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                std::fs::create_dir_all(folder).map_err(|why| OpenError::Folder(folder.to_owned(), why))?;
                refuse_network_disk(path, folder)?;
                // SQLite's migrator takes no lock of its own; two first starts must queue.
                let path_of_lock = beside(path, ".migrate.lock");
                let lock = open_private(&path_of_lock)?;
                let _queue = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock))
                    .await
                    .map_err(std::io::Error::other)
                    .flatten()
                    .map_err(|why| OpenError::Lock(path_of_lock, why))?;
                // Addresses of readers are for nobody else; SQLite gives its side files the same mode.
                open_private(path)?;
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_secs(5));
                // What undoes one statement of many: in a file of its own, SQLite writes each page twice.
                // Keys of texts lie all over their index: with SQLite's own 2 MB, each is a page read anew.
                let writing = options.clone().pragma("temp_store", "memory").pragma("cache_size", "-16384");
                let writer = SqlitePoolOptions::new()
                    .max_connections(1)
                    .acquire_timeout(Duration::from_mins(1))
                    // No network lies between: a file does not hang up.
                    .test_before_acquire(false)
                    .idle_timeout(KEPT)
                    .max_lifetime(KEPT)
                    // SQLite rolls back by itself when a write fails (a full disk); sqlx 0.9 then
                    // fails to, and would count this connection as in a transaction for ever.
                    .before_acquire(|connection, _| {
                        let usable = !connection.is_in_transaction();
                        Box::pin(async move { Ok(usable) })
                    })
                    .connect_with(writing)
                    .await
                    .map_err(|error| failed(error.into()))?;
                refuse_old_sqlite(&writer).await.map_err(failed)??;
                let writer = Engine::Sqlite(writer);
                migrate(&writer).await.map_err(failed)?;
                let reader = SqlitePoolOptions::new()
                    .max_connections(4)
                    .test_before_acquire(false)
                    .idle_timeout(KEPT)
                    .max_lifetime(KEPT)
                    .connect_with(options.pragma("query_only", "on"))
                    .await
                    .map_err(|error| failed(error.into()))?;
                Ok(Self {
                    writer,
                    reader: Engine::Sqlite(reader),
                    together: Arc::default(),
                    ahead: Arc::default(),
                    place: place.clone(),
                })
            }
            Database::Postgres(url) => {
                let pool = PgPoolOptions::new()
                    .max_connections(16)
                    .acquire_timeout(Duration::from_secs(30))
                    .idle_timeout(KEPT)
                    .max_lifetime(KEPT)
                    .connect_with(postgres_options(url.expose()).map_err(failed)?)
                    .await
                    .map_err(|error| failed(error.into()))?;
                let (mode,): (String,) = sqlx::query_as("SELECT current_setting('synchronous_commit')")
                    .fetch_one(&pool)
                    .await
                    .map_err(|error| failed(error.into()))?;
                if mode == "off" {
                    return Err(OpenError::LazyCommit(mode));
                }
                let writer = Engine::Postgres(pool);
                migrate(&writer).await.map_err(failed)?;
                Ok(Self {
                    reader: writer.clone(),
                    writer,
                    together: Arc::default(),
                    ahead: Arc::default(),
                    place: place.clone(),
                })
            }
        }
    }

    /// Takes the right to be the daemon, or says who has it.
    pub async fn lock(&self) -> Result<NodeLock, OpenError> {
        match &self.place {
            Database::Sqlite(path) => {
                let path = beside(path, ".lock");
                let file = open_private(&path)?;
                match file.try_lock() {
                    Ok(()) => Ok(NodeLock { name: "local".to_owned(), held: Held::File(file) }),
                    Err(TryLockError::WouldBlock) => Err(OpenError::Owned(self.place.to_string())),
                    Err(TryLockError::Error(why)) => Err(OpenError::Lock(path, why)),
                }
            }
            Database::Postgres(url) => {
                let failed = |error: StoreError| OpenError::Store(self.place.to_string(), error);
                let mut session = session(url).await.map_err(failed)?;
                let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
                // Names are taken from the lowest free number, so that a node that was
                // killed finds its own attempts again when it comes back.
                for number in 1..=64 {
                    let name = format!("{host}-{number}");
                    let free = take_name(&mut session, &name).await.map_err(failed)?;
                    if free {
                        return Ok(NodeLock { name, held: Held::Session(session) });
                    }
                }
                // Closing is a courtesy here; the server drops the session either way.
                let _ = session.close().await;
                Err(OpenError::Owned(self.place.to_string()))
            }
        }
    }

    /// Makes sure that the right still holds: a server that restarted has
    /// forgotten it. Then it is taken again, unless another has it by now: that is
    /// [`OpenError::Owned`], and this node must go.
    pub async fn keep(&self, lock: &mut NodeLock) -> Result<(), OpenError> {
        let (Database::Postgres(url), Held::Session(held)) = (&self.place, &mut lock.held) else { return Ok(()) };
        if sqlx::query("SELECT 1").execute(&mut *held).await.is_ok() {
            return Ok(());
        }
        let failed = |error: StoreError| OpenError::Store(self.place.to_string(), error);
        let mut anew = session(url).await.map_err(failed)?;
        if !take_name(&mut anew, &lock.name).await.map_err(failed)? {
            return Err(OpenError::Owned(self.place.to_string()));
        }
        *held = anew;
        Ok(())
    }

    /// Begins a transaction that will write.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match &self.writer {
            Engine::Sqlite(pool) => Engine::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Engine::Postgres(pool) => Engine::Postgres(pool.begin().await?),
        })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        each!(&self.reader, |db| sqlx::query("SELECT 1").execute(db).await.map(drop))?;
        Ok(())
    }

    /// Closes every connection; on SQLite this folds the write-ahead log into the file.
    pub async fn close(&self) {
        each!(&self.reader, |db| db.close().await);
        each!(&self.writer, |db| db.close().await);
    }

    /// What `key` was set to.
    pub async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = each!(&self.reader, |db| {
            sqlx::query_as("SELECT value FROM meta WHERE key = $1").bind(key).fetch_optional(db).await
        })?;
        Ok(row.map(|(value,)| value))
    }

    /// Sets `key` to `value`.
    pub async fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        each!(&self.writer, |db| {
            sqlx::query(
                "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )
            .bind(key)
            .bind(value)
            .execute(db)
            .await
            .map(drop)
        })?;
        Ok(())
    }
}

/// A connection of its own, outside the pool.
async fn session(url: &Secret) -> Result<PgConnection, StoreError> {
    Ok(postgres_options(url.expose())?.connect().await?)
}

/// Takes a node's name, for as long as the session lives, unless another has it.
async fn take_name(session: &mut PgConnection, name: &str) -> Result<bool, StoreError> {
    let (free,): (bool,) = sqlx::query_as("SELECT pg_try_advisory_lock(hashtextextended(current_database() || $1, 7))")
        .bind(name)
        .fetch_one(session)
        .await?;
    Ok(free)
}

fn postgres_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = url.parse().map_err(StoreError::from)?;
    Ok(options.application_name("syndicated").disable_statement_logging())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens a file that only this user may read, created when it is not there.
fn open_private(path: &Path) -> Result<File, OpenError> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|why| OpenError::File(path.to_owned(), why))
}

async fn refuse_old_sqlite(pool: &sqlx::SqlitePool) -> Result<Result<(), OpenError>, StoreError> {
    let (version,): (String,) = sqlx::query_as("SELECT sqlite_version()").fetch_one(pool).await?;
    let numbers: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    Ok(if numbers.as_slice() < [3, 51, 3].as_slice() { Err(OpenError::OldSqlite(version)) } else { Ok(()) })
}

/// Numbers of file systems that are on another machine (statfs(2)).
const NETWORK_DISKS: [(u32, &str); 6] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x5346_414f, "AFS"),
];

fn refuse_network_disk(path: &Path, folder: &Path) -> Result<(), OpenError> {
    let disk = rustix::fs::statfs(folder).map_err(|why| OpenError::Folder(folder.to_owned(), why.into()))?;
    // The kernel's number has 32 bits; wider types carry it sign-extended.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number has 32 bits")]
    let number = disk.f_type as u32;
    match NETWORK_DISKS.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => Err(OpenError::NetworkDisk(path.to_owned(), name)),
        None => Ok(()),
    }
}
