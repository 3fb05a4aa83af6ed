//! What people type, and what it means. Each command group has a file of its
//! own; nothing but these files prints.

mod bounce;
mod day;
mod delivery;
mod digest;
mod dkim;
mod ending;
mod feed;
mod find;
mod follow;
mod form;
mod generate;
mod log;
mod outlet;
mod output;
mod plan;
mod poll;
mod post;
mod publish;
mod read;
mod setting;
mod sieve;
mod source;
mod subscriber;
mod template;

pub use ending::finish;
pub use log::{LogFormat, start as start_log};
pub use output::Out;
pub use setting::Setting;

use crate::scheduler::Roles;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Follows blogs, republishes their posts as feeds, and mails them as digests:
/// each post, to each reader, once.
///
/// Without a command it runs the daemon. Begin with `syndicated demo` to see it
/// work, or with `syndicated check` to try a configuration.
#[derive(Debug, Parser)]
#[command(name = "syndicated", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 usage or configuration; a mail that `bounce` could not take in: 75, so that the mail server
keeps it.
Environment: SYNDICATED_LOG filters the log (such as `debug` or `syndicated::mail=trace`)."
)]
pub struct Cli {
    /// The configuration.
    #[arg(long, short, global = true, value_name = "PATH", default_value = "config.toml", help_heading = "Everywhere")]
    pub config: PathBuf,
    /// Write the log as `plain`, `json` or to `journald`; by itself it is plain on a terminal, goes to journald under
    /// systemd, and is JSON elsewhere.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORM",
        hide_possible_values = true,
        help_heading = "Everywhere"
    )]
    pub log: Option<LogFormat>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What is to be done, parted by who does it.
#[derive(Debug)]
pub enum Task {
    /// The daemon.
    Run(Roles),
    /// The doctor.
    Check(Json),
    /// The demonstration.
    Demo(Demo),
    /// A command of this room.
    Command(Box<Command>),
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon (the default).
    Run(Run),
    /// Try the configuration, the database and the relay, and show what comes next.
    Check(Json),
    /// List every poll and digest to come, by the clock on the wall and in UTC.
    Plan(plan::Plan),
    /// Look at sources now, whatever their schedule says.
    Poll(poll::Poll),
    /// Show what is read from a feed or page.
    Read(read::Read),
    /// Followed sources.
    #[command(subcommand)]
    Source(source::Source),
    /// Stored posts.
    #[command(subcommand)]
    Post(post::Post),
    /// Digests: mailed, and to be mailed.
    #[command(subcommand)]
    Digest(digest::Digest),
    /// Keys that sign mails (DKIM).
    #[command(subcommand)]
    Dkim(dkim::Dkim),
    /// Single mails: the ledger of what became of each.
    #[command(subcommand)]
    Delivery(delivery::Delivery),
    /// What came back: bounces and complaints. Without a command, reads a mail from a pipe.
    Bounce(bounce::Bounce),
    /// Second outlets: where posts are published again.
    #[command(subcommand)]
    Outlet(outlet::Outlet),
    /// Readers.
    #[command(subcommand)]
    Subscriber(subscriber::Subscriber),
    /// What readers see, and files of your own in its place.
    #[command(subcommand)]
    Template(template::Template),
    /// Print a newsletter's or source's feed.
    Feed(feed::Feed),
    /// Write the whole site as files: feeds, archive and assets, for any web server or object store.
    Publish(publish::Publish),
    /// Print a sign-up form for another site, as plain HTML.
    Form(form::Form),
    /// Show the whole main job on this machine: a small blog, the daemon, a mail catcher.
    Demo(Demo),
    /// Print completions for a shell.
    Completions(generate::Completions),
    /// Write the man pages into a folder.
    Man(generate::Man),
}

/// `run`.
#[derive(Debug, Default, Args)]
pub struct Run {
    /// What this node does, of several that share a PostgreSQL database; all of it when left out.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROLES")]
    roles: Vec<Role>,
}

/// A part of the daemon's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Look at sources.
    Poll,
    /// Compose and mail digests.
    Send,
    /// Serve feeds and pages.
    Web,
}

impl Run {
    fn roles(&self) -> Roles {
        let has = |role| self.roles.is_empty() || self.roles.contains(&role);
        Roles { poll: has(Role::Poll), send: has(Role::Send), web: has(Role::Web) }
    }
}

/// `demo`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Demo {
    /// Send one post through every station, check each, and end.
    #[arg(long)]
    pub once: bool,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, Args)]
pub struct Json {
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

impl Task {
    /// What the log tells unless `SYNDICATED_LOG` says otherwise: commands answer
    /// for themselves, the daemon has nothing but its log.
    #[must_use]
    pub fn usual_filter(&self) -> &'static str {
        match self {
            Self::Run(_) => "warn,syndicated=info",
            Self::Check(_) | Self::Demo(_) | Self::Command(_) => "error",
        }
    }
}

impl Cli {
    /// What is to be done.
    #[must_use]
    pub fn task(self) -> Task {
        match self.command.unwrap_or(Command::Run(Run::default())) {
            Command::Run(run) => Task::Run(run.roles()),
            Command::Check(json) => Task::Check(json),
            Command::Demo(demo) => Task::Demo(demo),
            other => Task::Command(Box::new(other)),
        }
    }
}

/// Does what a command of this room says.
pub async fn run(command: Command, setting: &Setting) -> anyhow::Result<()> {
    let out = &mut Out::standard();
    match command {
        Command::Plan(plan) => plan::run(plan, setting, out).await,
        Command::Poll(poll) => poll::run(poll, setting, out).await,
        Command::Read(read) => read::run(read, setting, out).await,
        Command::Digest(command) => digest::run(command, setting, out).await,
        Command::Dkim(command) => dkim::run(&command, setting, out),
        Command::Delivery(command) => delivery::run(command, setting, out).await,
        Command::Bounce(bounce) => bounce::run(bounce, setting, out).await,
        Command::Outlet(command) => outlet::run(command, setting, out).await,
        Command::Subscriber(command) => subscriber::run(command, setting, out).await,
        Command::Feed(feed) => feed::run(feed, setting, out).await,
        Command::Publish(publish) => publish::run(publish, setting, out).await,
        Command::Form(form) => form::run(form, setting, out).await,
        Command::Source(command) => source::run(command, setting, out).await,
        Command::Post(command) => post::run(command, setting, out).await,
        Command::Template(command) => template::run(&command, setting, out),

        Command::Completions(completions) => generate::completions(&completions, out),
        Command::Man(man) => generate::man(&man, out),
        Command::Run(_) | Command::Check(_) | Command::Demo(_) => Ok(()),
    }
}
