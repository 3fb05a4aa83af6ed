//! The log: for people on a terminal, for journald under systemd, as JSON
//! otherwise. Always on standard error; standard output is for answers.

use crate::config::Environment;
use clap::ValueEnum;
use std::io::IsTerminal as _;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Plain,
    /// One JSON object a line.
    Json,
    /// Lines that begin with their level, as journald reads them from a service.
    Journald,
}

/// Starts the log. `usual` is the filter when `SYNDICATED_LOG` names none.
pub fn start(format: Option<LogFormat>, usual: &str, environment: &Environment) -> anyhow::Result<()> {
    let filter = match environment.get("SYNDICATED_LOG") {
        Some(text) => EnvFilter::try_new(text)
            .map_err(|why| super::ending::Usage(format!("SYNDICATED_LOG=`{text}` is not a log filter: {why}")))?,
        None => EnvFilter::try_new(usual)?,
    };
    let terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or_else(|| {
        if terminal {
            LogFormat::Plain
        } else if environment.logs_to_journald() {
            LogFormat::Journald
        } else {
            LogFormat::Json
        }
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer: Box<dyn Layer<Layered<EnvFilter, Registry>> + Send + Sync> = match format {
        LogFormat::Plain => {
            Box::new(lines.with_target(false).with_ansi(terminal && environment.get("NO_COLOR").is_none()))
        }
        LogFormat::Json => Box::new(lines.json().flatten_event(true)),
        LogFormat::Journald => Box::new(lines.with_ansi(false).event_format(Journal)),
    };
    // The filter stands before the layer and is not the layer's own: one of those remembers, for each
    // thread, what it last said to a question without an event (sqlx asks such), and drops the next line.
    tracing_subscriber::registry().with(filter).with(layer).try_init()?;
    Ok(())
}

/// One line an event, its fields where `journalctl` shows them; the level as
/// sd-daemon(3) has it, the time as journald adds it.
struct Journal;

impl<S, N> FormatEvent<S, N> for Journal
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(line, "<{level}>")?;
        context.format_fields(line.by_ref(), event)?;
        writeln!(line)
    }
}
