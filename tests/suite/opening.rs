//! Opening the database: creation, migration, one owner.

use crate::engines;

#[tokio::test]
async fn a_database_is_made_on_first_use_and_found_again() {
    for bench in engines::empty().await {
        let store = bench.open().await;
        store.set_meta("greeting", "안녕").await.unwrap();
        store.close().await;
        let store = bench.open().await;
        assert_eq!(store.meta("greeting").await.unwrap().as_deref(), Some("안녕"), "{}", bench.engine);
        assert_eq!(store.meta("nothing").await.unwrap(), None);
    }
}

#[tokio::test]
async fn two_first_starts_at_once_both_succeed() {
    for bench in engines::empty().await {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let place = bench.place.clone();
                tokio::spawn(async move {
                    syndicated::store::Store::open(&place).await.map(drop).map_err(|e| e.to_string())
                })
            })
            .collect();
        for start in starts {
            assert_eq!(start.await.unwrap(), Ok(()), "{}", bench.engine);
        }
    }
}

/// P7 on SQLite; on PostgreSQL a second node is welcome under another name.
#[tokio::test]
async fn one_owner_on_sqlite_and_named_nodes_on_postgres() {
    for bench in engines::all().await {
        let (one, two) = (bench.open().await, bench.open().await);
        let lock = one.lock().await.unwrap();
        match (bench.engine, two.lock().await) {
            ("sqlite", Err(error)) => assert!(error.to_string().contains("another syndicated is running"), "{error}"),
            ("postgres", Ok(second)) => assert_ne!(lock.name(), second.name()),
            (engine, other) => panic!("{engine}: {other:?}"),
        }
        drop(lock);
        assert!(two.lock().await.is_ok());
    }
}

/// The addresses of readers are nobody else's business.
#[tokio::test]
async fn only_its_owner_may_read_a_database_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = engines::empty().await.remove(0);
    let store = bench.open().await;
    store.set_meta("greeting", "안녕").await.unwrap();
    let _lock = store.lock().await.unwrap();
    let files: Vec<_> = std::fs::read_dir(bench.folder.path()).unwrap().flatten().collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", file.path().display());
    }
}
