//! Which sources fail, and whether their owner knows: told once when a source
//! has failed for a day, or its page no longer shows what it used to, and once
//! when it is well again.

use super::letters::insert_owner_letter;
use super::{Store, StoreError, each};
use crate::domain::email_address::EmailAddress;
use crate::domain::time::Timestamp;
use std::fmt::Write as _;
use std::time::Duration;

/// A source that fails for less may be well again before anybody reads of it.
const WORTH_TELLING: Duration = Duration::from_hours(24);

impl Store {
    /// Tells the owner, in one letter, of the sources that have failed for a day,
    /// of those whose page broke, and of those that are well again; each once.
    /// Returns of how many.
    pub async fn tell_of_health(&self, owner: Option<&EmailAddress>, now: Timestamp) -> Result<usize, StoreError> {
        // Nobody is told, and nobody counts as told: an owner may be named later.
        let Some(owner) = owner else { return Ok(0) };
        let mut tx = self.begin().await?;
        // What is marked here is marked with its letter, or not at all. Of a source that
        // is due nothing is known: it may be well since the daemon was stopped, or the
        // source was.
        let failing: Vec<(String, Option<String>, bool)> = each!(&mut tx, |db| {
            sqlx::query_as(
                "UPDATE source SET told = TRUE
                 WHERE NOT told AND NOT removed AND state = 'active' AND (broken OR failing_since <= $1)
                   AND next_poll_at > $2
                 RETURNING name, trouble, broken",
            )
            .bind(now.minus(WORTH_TELLING).millis())
            .bind(now.millis())
            .fetch_all(&mut **db)
            .await
        })?;
        let well: Vec<(String,)> = each!(&mut tx, |db| {
            sqlx::query_as(
                "UPDATE source SET told = FALSE
                 WHERE told AND NOT removed AND state = 'active' AND failing_since IS NULL AND ok_at IS NOT NULL
                 RETURNING name",
            )
            .fetch_all(&mut **db)
            .await
        })?;
        let told = failing.len() + well.len();
        if told > 0 {
            let (subject, body) = letter(&failing, &well);
            insert_owner_letter(&mut tx, owner, &subject, &body, now).await?;
        }
        tx.commit().await?;
        Ok(told)
    }
}

fn letter(failing: &[(String, Option<String>, bool)], well: &[(String,)]) -> (String, String) {
    let subject = match (failing, well) {
        ([(name, ..)], []) => format!("syndicated cannot read {name}"),
        ([], [(name,)]) => format!("syndicated can read {name} again"),
        ([], well) => format!("syndicated can read {} sources again", well.len()),
        (failing, _) => format!("syndicated cannot read {} sources", failing.len()),
    };
    let mut body = String::new();
    for (name, trouble, broken) in failing {
        let trouble = trouble.as_deref().unwrap_or("no reason is known");
        let what = if *broken { "is not what it was" } else { "has failed for a day" };
        // Writing to a string cannot fail.
        let _ = writeln!(body, "The source {name} {what}: {trouble}.\n");
    }
    for (name,) in well {
        let _ = writeln!(body, "The source {name} is well again.\n");
    }
    body.push_str("See: syndicated source list\n");
    (subject, body)
}
