//! How a command ends: its error once on standard error, and its exit code.

use super::output::count;
use crate::config::Faults;
use crate::config::edit::EditError;
use crate::render::TemplateFaults;
use std::io::ErrorKind;
use std::process::ExitCode;

/// Asked for what is not there, or in a way that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

/// It failed, and what there was to say has been said.
#[derive(Debug, thiserror::Error)]
#[error("failed")]
pub(super) struct Said;

/// A mail that was not taken in, and that its mail server is to bring again
/// (`EX_TEMPFAIL` of sysexits.h).
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub(super) struct TryLater(pub(super) anyhow::Error);

/// Prints the error, if there is one, and gives the exit code: 0 done, 1 failed,
/// 2 usage or configuration, 75 when a mail server is to try again.
#[must_use]
#[expect(clippy::print_stderr, reason = "the one place where a command's error is printed")]
pub fn finish(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    // Who closed the pipe has seen enough (`syndicated post list | head`).
    if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    if let Some(TryLater(why)) = error.downcast_ref::<TryLater>() {
        eprintln!("syndicated: the mail was not taken in: {why:#}");
        return ExitCode::from(75);
    }
    if let Some(faults) = faults(&error) {
        eprintln!("{faults}\nsyndicated: {} in the configuration", count(faults.count(), "fault", "faults"));
        return ExitCode::from(2);
    }
    if let Some(faults) = error.downcast_ref::<TemplateFaults>() {
        eprintln!("{faults}\nsyndicated: {} in the templates", count(faults.0.len(), "fault", "faults"));
        return ExitCode::from(2);
    }
    if error.downcast_ref::<Said>().is_none() {
        eprintln!("syndicated: {error:#}");
    }
    let usage = error.downcast_ref::<Usage>().is_some() || error.downcast_ref::<EditError>().is_some_and(is_usage);
    ExitCode::from(if usage { 2 } else { 1 })
}

fn faults(error: &anyhow::Error) -> Option<&Faults> {
    match error.downcast_ref::<EditError>() {
        Some(EditError::Faults(faults)) => Some(faults),
        _ => error.downcast_ref::<Faults>(),
    }
}

fn is_usage(error: &EditError) -> bool {
    matches!(error, EditError::Exists(_) | EditError::NoSource(_) | EditError::NoNewsletter(_) | EditError::LastOf(_))
}
