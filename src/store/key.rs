//! Which secret key a database was used with. Tokens and Message-IDs follow from
//! the key, so that a database and a key that do not belong together are never
//! opened together.

use super::{Store, StoreError, each};
use crate::config::{Config, KeyTrouble};

const CHECK: &str = "key_check";

/// Why a database was not opened with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key is not the right one, or cannot be kept.
    #[error(transparent)]
    Trouble(#[from] KeyTrouble),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// The check value of the key that this database was used with.
    pub async fn key_check(&self) -> Result<Option<String>, StoreError> {
        self.meta(CHECK).await
    }

    /// Makes sure that the configured key is this database's; a database that
    /// has seen none takes it, and a fresh one is written to its file first.
    pub async fn accept_key(&self, config: &Config) -> Result<(), KeyError> {
        let known = self.key_check().await?;
        config.keep_key(known.as_deref())?;
        if known.is_none() {
            // Two first starts may come here at once: one of them decides.
            each!(&self.writer, |db| {
                sqlx::query("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING")
                    .bind(CHECK)
                    .bind(config.secret.check_value())
                    .execute(db)
                    .await
                    .map(drop)
            })
            .map_err(StoreError::from)?;
            let decided = self.key_check().await?;
            if decided.as_deref() != Some(config.secret.check_value().as_str()) {
                return Err(KeyTrouble::Other(config.database.to_string()).into());
            }
        }
        if let Some(known) = known.filter(|known| *known != config.secret.check_value()) {
            // The key was changed; from now on the database is used with the new one.
            each!(&self.writer, |db| {
                sqlx::query("UPDATE meta SET value = $2 WHERE key = $1 AND value = $3")
                    .bind(CHECK)
                    .bind(config.secret.check_value())
                    .bind(known)
                    .execute(db)
                    .await
                    .map(drop)
            })
            .map_err(StoreError::from)?;
        }
        Ok(())
    }
}
