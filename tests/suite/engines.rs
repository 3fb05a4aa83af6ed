//! A fresh database on each engine at hand: SQLite always, PostgreSQL when
//! `SYNDICATED_TEST_POSTGRES` names a server on which databases may be made
//! (`./test` starts one).

use std::sync::atomic::{AtomicU32, Ordering};
use syndicated::config::{Database, Secret};
use syndicated::store::Store;
use tempfile::TempDir;

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

/// A new, empty database on each engine.
pub(crate) async fn all() -> Vec<Bench> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("syndicated.db");
    let mut benches = vec![Bench { place: Database::Sqlite(file), engine: "sqlite", folder }];
    if let Ok(server) = std::env::var("SYNDICATED_TEST_POSTGRES") {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut url = url::Url::parse(&server).unwrap();
        let admin = sqlx::PgPool::connect(&server).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.unwrap();
        admin.close().await;
        url.set_path(&name);
        benches.push(Bench {
            place: Database::Postgres(Secret::new(url.into())),
            engine: "postgres",
            folder: tempfile::tempdir().unwrap(),
        });
    }
    benches
}
