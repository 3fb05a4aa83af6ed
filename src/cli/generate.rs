//! Completions and man pages, generated from the commands themselves.

use super::{Cli, Out};
use anyhow::Context as _;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use std::path::PathBuf;

/// `completions SHELL`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// `man FOLDER`.
#[derive(Debug, Args)]
pub struct Man {
    /// Where the pages go; made when it is not there.
    folder: PathBuf,
}

/// Prints the completions.
pub(super) fn completions(completions: &Completions, out: &mut Out) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Cli::command(), "syndicated", &mut script);
    Ok(out.text(&String::from_utf8_lossy(&script))?)
}

/// Writes a page for the program and one for each of its commands.
pub(super) fn man(man: &Man, out: &mut Out) -> anyhow::Result<()> {
    let shown = man.folder.display().to_string();
    std::fs::create_dir_all(&man.folder).with_context(|| format!("cannot make the folder {shown}"))?;
    clap_mangen::generate_to(Cli::command(), &man.folder).with_context(|| format!("cannot write into {shown}"))?;
    Ok(out.line(format!("wrote the man pages to {shown}; read them with `man -l {shown}/syndicated.1`"))?)
}
