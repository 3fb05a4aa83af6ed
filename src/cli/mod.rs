//! What people type, and what it means. Each command group has a file of its
//! own; nothing but these files prints.

mod ending;

mod generate;
mod log;
mod output;
mod poll;
mod post;
mod setting;
mod source;

pub use ending::finish;
pub use log::{LogFormat, start as start_log};
pub use output::Out;
pub use setting::Setting;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Follows blogs, republishes their posts as feeds, and mails them as digests:
/// each post, to each reader, once.
///
/// Without a command it runs the daemon. Begin with `syndicated demo` to see it
/// work, or with `syndicated check` to try a configuration.
#[derive(Debug, Parser)]
#[command(name = "syndicated", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 usage or configuration.
Environment: SYNDICATED_LOG filters the log (such as `debug` or `syndicated::mail=trace`).")]
pub struct Cli {
    /// The configuration.
    #[arg(long, short, global = true, value_name = "PATH", default_value = "config.toml")]
    pub config: PathBuf,
    /// How the log is written; left out: for people on a terminal, to journald under systemd, else as JSON.
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    pub log: Option<LogFormat>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is to be done, parted by who does it.
#[derive(Debug)]
pub enum Task {
    /// The daemon.
    Run,
    /// The doctor.
    Check(Json),
    /// The demonstration.
    Demo {
        /// One post through every station, then the end.
        once: bool,
    },
    /// A command of this room.
    Command(Box<Command>),
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon (the default).
    Run,
    /// Try the configuration, the database and the relay, and show what comes next.
    Check(Json),
    /// Look at sources now, whatever their schedule says.
    Poll(poll::Poll),
    /// Followed sources.
    #[command(subcommand)]
    Source(source::Source),
    /// Stored posts.
    #[command(subcommand)]
    Post(post::Post),

    /// See the whole main job at work, without network or configuration.
    Demo {
        /// Send one post through, check each station, and end with 0 or 1.
        #[arg(long)]
        once: bool,
    },
    /// Print completions for a shell.
    Completions(generate::Completions),
    /// Write the man pages into a folder.
    Man(generate::Man),
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, Args)]
pub struct Json {
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

impl Cli {
    /// What is to be done.
    #[must_use]
    pub fn task(self) -> Task {
        match self.command.unwrap_or(Command::Run) {
            Command::Run => Task::Run,
            Command::Check(json) => Task::Check(json),
            Command::Demo { once } => Task::Demo { once },
            other => Task::Command(Box::new(other)),
        }
    }
}

/// Does what a command of this room says.
pub async fn run(command: Command, setting: &Setting) -> anyhow::Result<()> {
    let out = &mut Out::standard();
    match command {
        Command::Poll(poll) => poll::run(poll, setting, out).await,
        Command::Source(command) => source::run(command, setting, out).await,
        Command::Post(command) => post::run(command, setting, out).await,

        Command::Completions(completions) => generate::completions(&completions, out),
        Command::Man(man) => generate::man(&man, out),
        Command::Run | Command::Check(_) | Command::Demo { .. } => Ok(()),
    }
}
