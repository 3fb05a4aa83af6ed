//! What a command works with: the configuration, the database, time and chance.

use crate::clock::{Chance, Clock};
use crate::config::{Config, Environment, Faults};
use crate::domain::schedule;
use crate::domain::time::Timestamp;
use crate::store::Store;
use chrono_tz::Tz;
use std::path::PathBuf;

/// Where a command runs.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The configuration's path.
    pub path: PathBuf,
    /// The environment.
    pub environment: Environment,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub chance: Chance,
}

impl Setting {
    /// The configuration at `path`, on this machine.
    #[must_use]
    pub fn of_process(path: PathBuf) -> Self {
        Self { path, environment: Environment::of_process(), clock: Clock::system(), chance: Chance::system() }
    }

    /// Loads the configuration.
    pub fn config(&self) -> Result<Config, Faults> {
        Config::load(&self.path, &self.environment, &self.chance)
    }

    /// Who is logged in, also behind `sudo`.
    pub(super) fn editor(&self) -> &str {
        ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| self.environment.get(name)).unwrap_or("unknown")
    }

    /// Loads the configuration and opens its database.
    pub async fn open(&self) -> anyhow::Result<(Config, Store)> {
        let config = self.config()?;
        let store = Store::open(&config.database).await?;
        store.accept_key(&config).await?;
        Ok((config, store))
    }
}

/// `at` on the site's wall clock, for people.
pub(super) fn local(zone: Tz, at: Timestamp) -> String {
    schedule::local(zone, at)
}
