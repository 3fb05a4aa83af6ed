//! What git is asked to do with files that were written: to commit these and no
//! others, and to push. It asks nobody for a password.

use crate::domain::outlet::Git;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// The longest that one step may take; a push goes over the network.
const PATIENCE: Duration = Duration::from_mins(2);

/// Commits `paths` in the repository of `folder`, and pushes if that is wanted. What is committed already is no
/// trouble: the same may be asked for twice.
pub(super) async fn record(folder: &Path, wanted: Git, paths: &[PathBuf], words: &str) -> Result<(), String> {
    if wanted == Git::None {
        return Ok(());
    }
    let paths: Vec<PathBuf> = paths.iter().filter_map(|path| std::path::absolute(path).ok()).collect();
    let named = |arguments: &[&str]| {
        let own = arguments.iter().map(|argument| OsStr::new(argument).to_owned());
        own.chain([OsStr::new("--").to_owned()]).chain(paths.iter().map(|path| path.clone().into())).collect::<Vec<_>>()
    };
    git(folder, named(&["add", "--all", "--ignore-errors", "--force"])).await?;
    let changed = !git(folder, named(&["status", "--porcelain"])).await?.trim().is_empty();
    if changed {
        git(folder, named(&["commit", "--quiet", "--message", words])).await?;
    }
    if wanted == Git::Push {
        git(folder, vec!["push".into(), "--quiet".into()]).await?;
    }
    Ok(())
}

/// Whether git could do what is wanted; in words that go on a sentence.
pub(super) async fn try_out(folder: &Path, wanted: Git) -> Result<String, String> {
    if wanted == Git::None {
        return Ok(String::new());
    }
    git(folder, vec!["rev-parse".into(), "--is-inside-work-tree".into()]).await?;
    if wanted == Git::Commit {
        return Ok(" and is in a repository".to_owned());
    }
    git(folder, vec!["push".into(), "--dry-run".into(), "--quiet".into()]).await?;
    Ok(" and its repository can be pushed".to_owned())
}

async fn git(folder: &Path, arguments: Vec<std::ffi::OsString>) -> Result<String, String> {
    let step = arguments.first().map(|step| step.to_string_lossy().into_owned()).unwrap_or_default();
    let child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, child)
        .await
        .map_err(|_| format!("git {step} took longer than {} s", PATIENCE.as_secs()))?
        .map_err(|why| format!("git cannot be run: {why}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    // A remote's address may hold a password: what git says of where is left out.
    let said = said.lines().map(str::trim).find(|line| !line.is_empty() && !line.contains("://"));
    Err(format!("git {step} failed: {}", said.unwrap_or("it does not say why")))
}
