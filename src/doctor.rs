//! The body of `check`: whether everything that the configuration names can be
//! reached, and what would be polled and sent next. Changes nothing.

use crate::clock::{Chance, Clock};
use crate::config::{Bounces, Config, Database, Environment, Relay};
use crate::domain::newsletter::Rhythm;
use crate::domain::schedule;
use crate::domain::source::SourceState;
use crate::domain::span;
use crate::domain::time::Timestamp;
use crate::flow::digest::sift;
use crate::mail::imap::Mailbox;
use crate::mail::{self, Deadlines};
use crate::render::Renderer;
use crate::store::{Selection, Store};
use rustix::fs::{Access, access};
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Database and relay.
    pub stations: Vec<Station>,
    /// What a careful person would change.
    pub notes: Vec<String>,
    /// The sources by their next poll.
    pub polls: Vec<Next>,
    /// The cadences by their next slot.
    pub digests: Vec<Next>,
}

/// Something that must be there.
#[derive(Debug, Serialize)]
pub struct Station {
    /// What it is.
    pub name: &'static str,
    /// Where it is, without passwords.
    pub place: String,
    /// Whether it will do.
    pub ok: bool,
    /// How it is, or what is wrong.
    pub finding: String,
}

/// Something that comes.
#[derive(Debug, Serialize)]
pub struct Next {
    /// What.
    pub name: String,
    /// When; `None` when it does not.
    pub at: Option<Timestamp>,
    /// When by the clock on the wall, and what is to be said about it.
    pub shown: String,
}

/// Checks the configuration at `path` and prints what was found.
pub async fn check(
    path: &Path,
    environment: &Environment,
    (clock, chance): (&Clock, &Chance),
    json: bool,
    to: &mut (dyn Write + Send),
) -> anyhow::Result<()> {
    let config = Config::load(path, environment, chance)?;
    let report = examine(&config, clock.now()).await;
    if json {
        serde_json::to_writer_pretty(&mut *to, &report)?;
        writeln!(to)?;
    } else {
        print(&report, path, &config, to)?;
    }
    match report.stations.iter().filter(|station| !station.ok).count() {
        0 => Ok(()),
        _ => anyhow::bail!("the configuration is good, but not everything that it names can be used"),
    }
}

/// Reaches for everything that the configuration names.
pub async fn examine(config: &Config, now: Timestamp) -> Report {
    let (database, store) = reach_database(config).await;
    let mut stations = vec![database];
    for lane in &config.mail.lanes {
        stations.push(reach_relay(&lane.relay).await);
    }
    stations.extend(reach_doors(&config.bounces).await);
    stations.extend(try_templates(config));
    let polls = polls(config, store.as_ref(), now).await;
    let digests = digests(config, store.as_ref(), now).await;
    if let Some(store) = store {
        store.close().await;
    }
    Report { stations, notes: notes(config), polls, digests }
}

async fn reach_database(config: &Config) -> (Station, Option<Store>) {
    let station = |ok, finding: String| Station { name: "database", place: config.database.to_string(), ok, finding };
    if let Database::Sqlite(path) = &config.database
        && !path.exists()
    {
        return match unwritable(path) {
            None => (station(true, "will be made at the first start".to_owned()), None),
            Some(why) => (station(false, why), None),
        };
    }
    let store = match Store::open(&config.database).await {
        Ok(store) => store,
        Err(why) => return (station(false, why.to_string()), None),
    };
    match store.key_check().await {
        Ok(Some(known)) if config.secret.took_the_place_of(&known) => (
            station(true, "answers; a new secret key takes the place of its own at the next start".to_owned()),
            Some(store),
        ),
        // With a known check value nothing is written, whatever the answer.
        Ok(Some(known)) => match config.keep_key(Some(&known)) {
            Ok(()) => (station(true, "answers".to_owned()), Some(store)),
            Err(why) => (station(false, why.to_string()), Some(store)),
        },
        Ok(None) => (station(true, "answers; it is new".to_owned()), Some(store)),
        Err(why) => (station(false, why.to_string()), Some(store)),
    }
}

async fn reach_relay(relay: &Relay) -> Station {
    let (place, found) = match relay {
        Relay::Maildir(folder) => {
            let found = unwritable(&folder.join("new")).map_or(Ok("can be written".to_owned()), Err);
            (format!("maildir:{}", folder.display()), found)
        }
        Relay::Smtp { host, port, login, .. } => {
            let patience = Duration::from_secs(10);
            let deadlines = Deadlines { connect: patience, command: patience, ..Deadlines::default() };
            let opened = match mail::transport(relay, deadlines).open().await {
                Ok(session) => {
                    session.close().await;
                    Ok(if login.is_some() { "answers, and takes the login" } else { "answers" }.to_owned())
                }
                Err(why) => Err(why),
            };
            (format!("{host}:{port}"), opened)
        }
    };
    let ok = found.is_ok();
    let (Ok(finding) | Err(finding)) = found;
    Station { name: "relay", place, ok, finding }
}

/// The folder and the mailbox that bounces come to, where they are named.
async fn reach_doors(bounces: &Bounces) -> Vec<Station> {
    let mut stations = Vec::new();
    if let Some(folder) = &bounces.maildir {
        let new = folder.join("new");
        let found = if new.is_dir() { unwritable(&new) } else { Some("has no folder `new` yet".to_owned()) };
        let ok = found.is_none();
        let finding = found.unwrap_or_else(|| "can be read and filed".to_owned());
        stations.push(Station { name: "bounces", place: format!("maildir:{}", folder.display()), ok, finding });
    }
    if let Some(imap) = &bounces.imap {
        let (ok, finding) = match Mailbox::open(imap).await {
            Ok(mailbox) => {
                mailbox.close().await;
                (true, "answers, and opens the folder".to_owned())
            }
            Err(why) => (false, why),
        };
        stations.push(Station { name: "bounces", place: format!("{}:{}", imap.host, imap.port), ok, finding });
    }
    stations
}

/// The operator's own templates, where there are some.
fn try_templates(config: &Config) -> Option<Station> {
    let folder = config.site.templates.as_ref()?;
    let faults = Renderer::with(Some(folder)).map_or_else(|faults| faults.0, |renderer| renderer.trial());
    let finding = if faults.is_empty() { "render".to_owned() } else { faults.join("; ") };
    Some(Station { name: "templates", place: folder.display().to_string(), ok: faults.is_empty(), finding })
}

/// Why `path` could not be made or written by this user.
fn unwritable(path: &Path) -> Option<String> {
    let mut nearest = path;
    while !nearest.as_os_str().is_empty() && !nearest.exists() {
        nearest = nearest.parent()?;
    }
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    access(nearest, Access::WRITE_OK).err().map(|why| format!("{} cannot be written: {why}", nearest.display()))
}

async fn polls(config: &Config, store: Option<&Store>, now: Timestamp) -> Vec<Next> {
    let rows = match store {
        Some(store) => store.source_rows().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let mut polls: Vec<Next> = config
        .sources
        .iter()
        .map(|source| {
            let row = rows.iter().find(|row| row.name == source.name && row.url == source.url.as_str());
            let (at, state) = match row {
                None => (Some(now), "at the first start".to_owned()),
                Some(row) if row.state != SourceState::Active => (None, row.state.as_str().to_owned()),
                Some(row) => (Some(row.next_poll_at.max(now)), when(config.site.timezone, row.next_poll_at, now)),
            };
            let trouble = row.and_then(|row| row.trouble.as_ref()).map(|why| format!("; last time: {why}"));
            Next { name: source.name.to_string(), at, shown: state + &trouble.unwrap_or_default() }
        })
        .collect();
    polls.sort_by_key(|next| next.at.map_or(i64::MAX, Timestamp::millis));
    polls
}

async fn digests(config: &Config, store: Option<&Store>, now: Timestamp) -> Vec<Next> {
    let mut digests = Vec::new();
    for newsletter in &config.newsletters {
        for cadence in &newsletter.cadences {
            let waiting = match store {
                Some(store) => match store.cadence_progress(&newsletter.name, &cadence.name).await {
                    Ok(Some(progress)) => {
                        let selection = Selection { newsletter, cadence: &cadence.name, since: progress.since, now };
                        sift(store, &selection).await.ok().map(|posts| posts.taken.len())
                    }
                    _ => None,
                },
                None => None,
            };
            let waiting = match waiting {
                None | Some(0) => String::new(),
                Some(1) => ", 1 post is waiting".to_owned(),
                Some(posts) => format!(", {posts} posts are waiting"),
            };
            let (at, shown) = match &cadence.rhythm {
                Rhythm::Instant => (None, "each post by itself, once it has settled".to_owned()),
                Rhythm::Slots(slots) => match slots.next_after(now) {
                    Some(slot) => (Some(slot.due), when(slots.zone(), slot.due, now)),
                    None => (None, "never again".to_owned()),
                },
            };
            digests.push(Next { name: format!("{} / {}", newsletter.name, cadence.name), at, shown: shown + &waiting });
        }
    }
    digests.sort_by_key(|next| next.at.map_or(i64::MAX, Timestamp::millis));
    digests
}

fn when(zone: chrono_tz::Tz, at: Timestamp, now: Timestamp) -> String {
    if at <= now {
        return "now".to_owned();
    }
    format!("{} (in {})", schedule::local(zone, at), span::show(at.since(now)))
}

fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    let host = config.site.base_url.host();
    let here = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    if here {
        notes.push(format!("site.base_url is {}: links in mails will work on this machine only", config.site.base_url));
    } else if config.site.base_url.as_url().scheme() == "http" {
        notes.push("site.base_url is http: mailbox providers take one-click unsubscribing by https only".to_owned());
    }
    if config.site.owner.is_none() {
        notes.push("site.owner is not set: nobody is told when something needs a person".to_owned());
    }
    for lane in &config.mail.lanes {
        if let Relay::Maildir(folder) = &lane.relay {
            notes.push(format!("mail.relay is the folder {}: mails are kept there and reach nobody", folder.display()));
        }
    }
    let by_smtp = config.mail.lanes.iter().any(|lane| matches!(lane.relay, Relay::Smtp { .. }));
    if by_smtp && config.bounces.address.is_none() && config.bounces.hooks.is_empty() {
        notes.push(
            "bounces.address is not set: what comes back is not taken in, and gone readers are mailed on".to_owned(),
        );
    }
    if config.sources.is_empty() {
        notes.push("there is no source: add one with `syndicated source add URL`".to_owned());
    }
    if config.newsletters.is_empty() {
        notes.push("there is no newsletter: add a [[newsletter]] to have feeds and mails".to_owned());
    }
    for newsletter in &config.newsletters {
        if newsletter.cadences.is_empty() {
            notes.push(format!("newsletter `{}` has no cadence: it has feeds, and is not mailed", newsletter.name));
        }
        for cadence in &newsletter.cadences {
            let composition = &cadence.composition;
            for file in composition.note_before.iter().chain(&composition.note_after).filter(|file| !file.exists()) {
                let (newsletter, cadence, file) = (&newsletter.name, &cadence.name, file.display());
                notes.push(format!("{newsletter} / {cadence}: there is no file {file}; its digests have no such note"));
            }
        }
    }
    notes
}

/// So many sources are named.
const NAMED: usize = 20;

fn print(report: &Report, path: &Path, config: &Config, to: &mut (dyn Write + Send)) -> std::io::Result<()> {
    let (sources, newsletters) = (config.sources.len(), config.newsletters.len());
    let outlets = match config.outlets.len() {
        0 => String::new(),
        outlets => format!(", outlets {outlets}"),
    };
    writeln!(to, "ok      configuration {}: sources {sources}, newsletters {newsletters}{outlets}", path.display())?;
    for Station { name, place, ok, finding } in &report.stations {
        writeln!(to, "{}  {name} {place}: {finding}", if *ok { "ok    " } else { "FAILED" })?;
    }
    for note in &report.notes {
        writeln!(to, "note    {note}")?;
    }
    for (head, list) in [("Polled next", &report.polls), ("Sent next", &report.digests)] {
        if list.is_empty() {
            continue;
        }
        writeln!(to, "\n{head}:")?;
        let width = list.iter().take(NAMED).map(|next| next.name.len()).max().unwrap_or(0);
        for next in list.iter().take(NAMED) {
            let shown: String = next.shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            writeln!(to, "  {:width$}  {shown}", next.name)?;
        }
        if list.len() > NAMED {
            writeln!(to, "  … and {} more", list.len() - NAMED)?;
        }
    }
    Ok(())
}
