//! `subscriber import`: lists of readers. All of them are looked through before
//! any of it is written.

use super::Terms;
use crate::cli::ending::{Said, Usage};
use crate::cli::output::{Out, count, progress_of_bytes};
use crate::cli::{Json, Setting};
use crate::config::Config;
use crate::domain::subscriber::SubscriptionState;
use crate::flow::import::{Counts, Import as Lists, Input, List, STEP_ROWS, Told, Watcher};
use crate::read::roster::{Field, Format, Rules};
use crate::store::Store;
use anyhow::Context as _;
use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Cursor, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// What is read of standard input: it cannot be read twice, so it is kept.
const MOST_OF_STDIN: u64 = 64 * 1024 * 1024;

/// So many bad lines are shown; a report has all of them.
const SHOWN: usize = 20;

/// `subscriber import`.
#[derive(Debug, Args)]
pub struct Import {
    /// The files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    terms: Terms,
    /// Whose export it is: `syndicated`, `listmonk`, `mailchimp`, `substack`, `ghost`, `buttondown`, `stibee` or
    /// `csv`; told by the columns when left out.
    #[arg(long)]
    format: Option<Format>,
    /// What a column means, such as `Mail=email` or `Joined=created_at`; may be said several times.
    #[arg(long, value_name = "COLUMN=FIELD", value_parser = mapping)]
    map: Vec<(String, Field)>,
    /// What those are whose state the list does not tell: `confirmed` when left out.
    #[arg(long)]
    state: Option<SubscriptionState>,
    /// Import the good lines although others are bad.
    #[arg(long)]
    skip_bad: bool,
    /// Say what would become of each line, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write into this file what became of each line, as CSV.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
}

fn mapping(text: &str) -> Result<(String, Field), String> {
    // A column's name may hold what a field's cannot.
    let (column, field) = text.rsplit_once('=').ok_or("write COLUMN=FIELD, such as Mail=email")?;
    Ok((column.to_owned(), field.parse()?))
}

pub(super) async fn run(it: Import, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, store) = setting.open().await?;
    let mut lists = it.files.iter().map(|file| open(file)).collect::<anyhow::Result<Vec<_>>>()?;
    let lengths = lengths(&mut lists)?;
    let (terms, rules) = (it.terms.for_lists(), Rules { format: it.format, map: it.map.clone(), state: it.state });
    let (now, step_rows) = (setting.clock.now(), STEP_ROWS);
    let import = Lists { store: &store, config: &config, terms: &terms, rules: &rules, now, step_rows };
    let mut watcher = Watching::new("looking through", &lengths);
    let (bad, formats) = import.look(&mut lists, &mut watcher)?;
    let lines = watcher.finish();
    if !it.json.json {
        for (list, format) in lists.iter().zip(&formats) {
            out.line(format!("{}: {}", list.name, whose(*format)))?;
        }
        say_bad(&lines, bad, it.report.is_some(), out)?;
    }
    if it.dry_run || (bad > 0 && !it.skip_bad) {
        return dry(&it, &import, lists, &lengths, (bad, &lines), out).await;
    }
    let (resumed, counts) = write(&it, &import, &mut lists, &lengths, &store, out).await?;
    say(&it, &config, &counts, &lines, resumed, out)
}

/// Writes the lists, from where an import of theirs was stopped. Returns whether one was.
async fn write(
    it: &Import,
    import: &Lists<'_>,
    lists: &mut [List],
    lengths: &[u64],
    store: &Store,
    out: &mut Out,
) -> anyhow::Result<(bool, Counts)> {
    let key = import.key(lists)?;
    let names: Vec<_> = lists.iter().map(|list| list.name.as_str()).collect();
    let progress = store.begin_import(&key, &names.join(", "), import.now).await?;
    let resumed = progress.part > 0 || progress.byte > 0;
    if resumed && !it.json.json {
        let list = usize::try_from(progress.part).ok().and_then(|part| names.get(part)).copied().unwrap_or_default();
        out.line(format!("going on with {list}, line {}, where it was stopped", progress.line.max(1)))?;
    }
    let mut watcher = Watching::new("importing", lengths);
    if let Some(path) = &it.report {
        watcher.report = Some(Report::open(path, progress.report_bytes)?);
    }
    let counts = import.write(lists, &key, progress, &mut watcher).await?;
    watcher.finish();
    Ok((resumed, counts))
}

/// Says what would be, and writes nothing but the report.
async fn dry(
    it: &Import,
    import: &Lists<'_>,
    mut lists: Vec<List>,
    lengths: &[u64],
    (bad, lines): (u64, &[BadLine]),
    out: &mut Out,
) -> anyhow::Result<()> {
    let mut watcher = Watching::new("foreseeing", lengths);
    if let Some(path) = &it.report {
        watcher.report = Some(Report::open(path, 0)?);
    }
    let counts = import.foresee(&mut lists, &mut watcher).await?;
    watcher.report_bytes()?;
    watcher.finish();
    let refused = bad > 0 && !it.skip_bad;
    if it.json.json {
        out.json(&as_json(&counts, lines, &[("written", json!(false))]))?;
    } else {
        out.line(format!("it would be: {}", in_words(&counts)))?;
        out.line(if refused {
            "nothing was imported; mend these lines, or import the others with --skip-bad"
        } else {
            "nothing was imported: this was a dry run"
        })?;
    }
    if refused { Err(Said.into()) } else { Ok(()) }
}

fn say(
    it: &Import,
    config: &Config,
    counts: &Counts,
    lines: &[BadLine],
    resumed: bool,
    out: &mut Out,
) -> anyhow::Result<()> {
    if it.json.json {
        return Ok(out.json(&as_json(counts, lines, &[("written", json!(true)), ("resumed", json!(resumed))]))?);
    }
    out.line(in_words(counts))?;
    let pending = counts.pending > 0;
    if pending && config.newsletters.iter().any(|newsletter| !newsletter.cadences.is_empty()) {
        out.line("who waits to be confirmed gets no mail; nothing asks them by itself")?;
    }
    Ok(())
}

/// A line that means nothing, with its list and why.
struct BadLine {
    list: String,
    line: u64,
    why: String,
}

fn say_bad(lines: &[BadLine], bad: u64, has_report: bool, out: &mut Out) -> std::io::Result<()> {
    for BadLine { list, line, why } in lines {
        out.line(format!("{list}, line {line}: {why}"))?;
    }
    let more = bad.saturating_sub(lines.len() as u64);
    if more > 0 {
        let others = if has_report { "the report has them all" } else { "--report FILE writes them all" };
        out.line(format!("and {more} more bad lines; {others}"))?;
    }
    Ok(())
}

fn whose(format: Format) -> String {
    match format {
        Format::Own => "our own export".to_owned(),
        Format::Csv | Format::Addresses => format.to_string(),
        other => format!("an export of {other}"),
    }
}

fn in_words(counts: &Counts) -> String {
    let added = usize::try_from(counts.added).unwrap_or(usize::MAX);
    let mut parts = vec![format!("{} added", count(added, "address", "addresses"))];
    parts.push(format!("{} here before", counts.already));
    for (number, words) in [
        (counts.pending, "waiting to be confirmed"),
        (counts.unsubscribed, "remembered as having left"),
        (counts.ended, "ended, as the list says"),
        (counts.left, "had unsubscribed here and stay so"),
        (counts.kept, "confirmed here after leaving there"),
        (counts.nobody, "never subscribed"),
        (counts.erased, "erased here and left out"),
        (counts.bad, "bad"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {words}"));
        }
    }
    parts.join(", ")
}

fn as_json(counts: &Counts, lines: &[BadLine], more: &[(&str, Value)]) -> Value {
    let mut whole = json!(counts);
    if let Some(object) = whole.as_object_mut() {
        let lines: Vec<_> =
            lines.iter().map(|BadLine { list, line, why }| json!({ "file": list, "line": line, "why": why })).collect();
        object.insert("bad_lines".to_owned(), json!(lines));
        object.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
    whole
}

fn open(file: &Path) -> anyhow::Result<List> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().take(MOST_OF_STDIN + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
        if bytes.len() as u64 > MOST_OF_STDIN {
            return Err(Usage("that is too long for standard input: name the file".to_owned()).into());
        }
        return Ok(List { name: "standard input".to_owned(), input: Box::new(Cursor::new(bytes)) });
    }
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let input: Box<dyn Input> = Box::new(File::open(file).with_context(|| format!("cannot read {}", file.display()))?);
    Ok(List { name, input })
}

fn lengths(lists: &mut [List]) -> anyhow::Result<Vec<u64>> {
    let length = |list: &mut List| {
        list.input
            .seek(SeekFrom::End(0))
            .with_context(|| format!("{}: it cannot be read twice; name a file", list.name))
    };
    lists.iter_mut().map(length).collect()
}

/// Follows an import on the terminal, and writes its report.
struct Watching {
    bar: ProgressBar,
    /// How many bytes lie before each list.
    before: Vec<u64>,
    bad: Vec<BadLine>,
    report: Option<Report>,
}

impl Watching {
    fn new(what: &str, lengths: &[u64]) -> Self {
        let sums = lengths.iter().scan(0, |sum, length| {
            let before = *sum;
            *sum += length;
            Some(before)
        });
        let bar = progress_of_bytes(lengths.iter().sum(), what);
        Self { bar, before: sums.collect(), bad: Vec::new(), report: None }
    }

    fn finish(self) -> Vec<BadLine> {
        self.bar.finish_and_clear();
        self.bad
    }
}

impl Watcher for Watching {
    fn told(&mut self, row: &Told<'_>) -> std::io::Result<()> {
        if row.what == "bad" && self.bad.len() < SHOWN {
            self.bad.push(BadLine { list: row.list.to_owned(), line: row.line, why: row.why.to_owned() });
        }
        match &mut self.report {
            Some(report) => report.write(row),
            None => Ok(()),
        }
    }

    fn came_to(&mut self, list: usize, byte: u64) {
        self.bar.set_position(self.before.get(list).copied().unwrap_or(0) + byte);
    }

    fn report_bytes(&mut self) -> std::io::Result<u64> {
        self.report.as_mut().map_or(Ok(0), Report::keep)
    }
}

/// How each report begins.
const REPORT_HEAD: &str = "file,line,email,what,why\n";

/// What became of each line, as CSV.
struct Report(csv::Writer<BufWriter<File>>);

impl Report {
    /// Begins a report, or goes on behind so many bytes of one.
    fn open(path: &Path, length: u64) -> anyhow::Result<Self> {
        let open = || {
            // Addresses of readers are for nobody else.
            let mut file = private().open(path)?;
            let there = file.metadata()?.len();
            if there < length {
                return Err(std::io::Error::other(
                    "it is shorter than the report was when this import was stopped; name that one, or none",
                ));
            }
            // A slip of the hand does not cost anybody the list itself.
            if length == 0 && there > 0 && !begins_as_report(&file)? {
                return Err(std::io::Error::other("it is there already, and is no report; name another file"));
            }
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let file = open().with_context(|| format!("cannot write {}", path.display()))?;
        let mut writer = csv::Writer::from_writer(BufWriter::new(file));
        if length == 0 {
            writer.write_record(REPORT_HEAD.trim_end().split(','))?;
        }
        Ok(Self(writer))
    }

    fn write(&mut self, row: &Told<'_>) -> std::io::Result<()> {
        let line = row.line.to_string();
        self.0.write_record([row.list, &line, row.email, row.what, row.why]).map_err(std::io::Error::from)
    }

    /// Brings it onto the disk, and says how long it is.
    fn keep(&mut self) -> std::io::Result<u64> {
        self.0.flush()?;
        let file = self.0.get_ref().get_ref();
        file.sync_data()?;
        Ok(file.metadata()?.len())
    }
}

fn begins_as_report(file: &File) -> std::io::Result<bool> {
    let mut head = Vec::new();
    file.take(REPORT_HEAD.len() as u64).read_to_end(&mut head)?;
    Ok(head == REPORT_HEAD.as_bytes())
}

/// How a file is opened that only this user may read.
fn private() -> std::fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true).mode(0o600);
    options
}
