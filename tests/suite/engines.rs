//! A fresh database on each engine at hand: SQLite always, PostgreSQL when
//! `SYNDICATED_TEST_POSTGRES` names a server on which databases may be made
//! (`./test` starts one).

use sqlx::Connection as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use syndicated::config::{Database, Secret};
use syndicated::store::Store;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// A database of a test's own.
pub(crate) struct Bench {
    /// Where it is.
    pub(crate) place: Database,
    /// For messages.
    pub(crate) engine: &'static str,
    /// Keeps a SQLite file until the test ends.
    pub(crate) folder: TempDir,
}

impl Bench {
    /// Opens it.
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.place).await.unwrap()
    }

    /// A column of texts that the program never asks for.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match &self.place {
            Database::Sqlite(file) => {
                let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display())).await.unwrap();
                let rows = sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap();
                pool.close().await;
                rows
            }
            Database::Postgres(url) => {
                let pool = sqlx::PgPool::connect(url.expose()).await.unwrap();
                let rows = sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap();
                pool.close().await;
                rows
            }
        }
    }

    /// How SQLite goes about a query.
    pub(crate) async fn plan(&self, sql: &str) -> String {
        let Database::Sqlite(file) = &self.place else { panic!("only SQLite is asked") };
        let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display())).await.unwrap();
        let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let rows: Vec<(i64, i64, i64, String)> = sqlx::query_as(sql).fetch_all(&pool).await.unwrap();
        pool.close().await;
        rows.into_iter().map(|(.., detail)| detail).collect::<Vec<_>>().join("; ")
    }

    /// Does something to it that the program never does.
    pub(crate) async fn execute(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match &self.place {
            Database::Sqlite(file) => {
                let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display())).await.unwrap();
                sqlx::query(sql).execute(&pool).await.unwrap();
                pool.close().await;
            }
            Database::Postgres(url) => {
                let pool = sqlx::PgPool::connect(url.expose()).await.unwrap();
                sqlx::query(sql).execute(&pool).await.unwrap();
                pool.close().await;
            }
        }
    }
}

/// A new database on each engine, with the tables of the program and nothing in them.
/// They are copies: the schema is laid out once, which takes as long as many tests.
pub(crate) async fn all() -> Vec<Bench> {
    let laid_out = LAID_OUT.get_or_init(lay_out).await;
    let (folder, file) = folder();
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .unwrap()
        .write_all(&laid_out.file)
        .unwrap();
    benches(folder, file, laid_out.database.as_deref()).await
}

/// A new database on each engine, with nothing in it at all.
pub(crate) async fn empty() -> Vec<Bench> {
    let (folder, file) = folder();
    benches(folder, file, None).await
}

/// The schema on each engine.
struct LaidOut {
    /// SQLite's file.
    file: Vec<u8>,
    /// The name of PostgreSQL's database.
    database: Option<String>,
}

static LAID_OUT: OnceCell<LaidOut> = OnceCell::const_new();

async fn lay_out() -> LaidOut {
    let mut laid_out = LaidOut { file: Vec::new(), database: None };
    for bench in empty().await {
        bench.open().await.close().await;
        match &bench.place {
            Database::Sqlite(file) => laid_out.file = std::fs::read(file).unwrap(),
            Database::Postgres(url) => {
                let url = url::Url::parse(url.expose()).unwrap();
                laid_out.database = Some(url.path().trim_start_matches('/').to_owned());
            }
        }
    }
    laid_out
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("syndicated.db");
    (folder, file)
}

async fn benches(folder: TempDir, file: PathBuf, template: Option<&str>) -> Vec<Bench> {
    let mut benches = vec![Bench { place: Database::Sqlite(file), engine: "sqlite", folder }];
    if let Ok(server) = std::env::var("SYNDICATED_TEST_POSTGRES") {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut url = url::Url::parse(&server).unwrap();
        let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name} TEMPLATE {}", template.unwrap_or("template1"));
        sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
        admin.close().await.unwrap();
        url.set_path(&name);
        benches.push(Bench {
            place: Database::Postgres(Secret::new(url.into())),
            engine: "postgres",
            folder: tempfile::tempdir().unwrap(),
        });
    }
    benches
}
