//! A list of readers comes in: looked through to its end first, then written step
//! by step.
//!
//! Looking through finds every row that means nothing, before anything is
//! written. Each step is durable with how far the list has come, so that an import
//! that was killed goes on where it stood when it is asked for again.

mod terms;

pub use terms::{Terms, greeting_name, resolve};

use crate::config::Config;
use crate::domain::subscriber::SubscriptionState::{self, Confirmed, Pending, Unsubscribed};
use crate::domain::time::Timestamp;
use crate::read::roster::{Format, Meaning, Place, Roster, RosterError, Row, Rules};
use crate::store::{Erased, Fate, ImportProgress, Incoming, Store, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read, Seek, SeekFrom};

/// So many rows are best written in one transaction.
pub const STEP_ROWS: usize = 10_000;
/// Or as many as stand in so many bytes.
const STEP_BYTES: u64 = 8 * 1024 * 1024;

/// What stands in a list: it is read more than once.
pub trait Input: Read + Seek + Send {}
impl<T: Read + Seek + Send> Input for T {}

/// What became of a row.
#[derive(Debug)]
pub struct Told<'a> {
    /// The list's name.
    pub list: &'a str,
    /// The line that it begins on.
    pub line: u64,
    /// What stands where its address is expected.
    pub email: &'a str,
    /// In a word: `added`, `already` and so on.
    pub what: &'static str,
    /// Why.
    pub why: &'a str,
}

/// Who follows an import.
pub trait Watcher: Send {
    /// Hears what became of a row.
    fn told(&mut self, row: &Told<'_>) -> std::io::Result<()>;

    /// Hears which of the lists is worked on, and up to which byte it is done.
    fn came_to(&mut self, list: usize, byte: u64);

    /// Makes durable what was told, and says how long the report is by now.
    fn report_bytes(&mut self) -> std::io::Result<u64> {
        Ok(0)
    }
}

/// What became of the rows of a list, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Are mailed now.
    pub added: u64,
    /// Are waiting to be confirmed, as the list says.
    pub pending: u64,
    /// Had left before, and are remembered as such.
    pub unsubscribed: u64,
    /// Were subscribed here, and are not any more.
    pub ended: u64,
    /// Were here before.
    pub already: u64,
    /// Left here, and stay so.
    pub left: u64,
    /// Left there, and confirmed here after that.
    pub kept: u64,
    /// Never asked for mails.
    pub nobody: u64,
    /// Were erased here, and no list brings them back.
    pub erased: u64,
    /// Mean nothing.
    pub bad: u64,
}

impl Counts {
    /// The sum of two lists.
    pub fn add(&mut self, other: Self) {
        self.added += other.added;
        self.pending += other.pending;
        self.unsubscribed += other.unsubscribed;
        self.ended += other.ended;
        self.already += other.already;
        self.left += other.left;
        self.kept += other.kept;
        self.nobody += other.nobody;
        self.erased += other.erased;
        self.bad += other.bad;
    }

    /// Counts a row, and says in words what became of it.
    fn count(&mut self, fate: Fate, row: &Incoming) -> (&'static str, &'static str) {
        let (count, what, why) = match (fate, row.state) {
            (Fate::Added, Confirmed) => (&mut self.added, "added", ""),
            (Fate::Added, Pending) => (&mut self.pending, "pending", "waits to be confirmed"),
            (Fate::Added, Unsubscribed) => (&mut self.unsubscribed, "unsubscribed", "had left, and is remembered so"),
            (Fate::Ended, _) => (&mut self.ended, "ended", "the list says that the reader left"),
            (Fate::Already, _) => (&mut self.already, "already", "was here before"),
            (Fate::Left, _) => (&mut self.left, "left", "unsubscribed here, and stays so"),
            (Fate::Kept, _) => (&mut self.kept, "kept", "confirmed here after leaving there"),
        };
        *count += 1;
        (what, why)
    }
}

/// Why an import ended.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A list cannot be read.
    #[error("{0}: {1}")]
    List(String, RosterError),
    /// The report cannot be written.
    #[error("cannot write the report: {0}")]
    Report(#[from] std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An import, as it was asked for.
#[derive(Debug)]
pub struct Import<'a> {
    /// Where readers are kept.
    pub store: &'a Store,
    /// Which newsletters there are.
    pub config: &'a Config,
    /// What holds for rows that do not say otherwise.
    pub terms: &'a Terms,
    /// How the lists are to be understood.
    pub rules: &'a Rules,
    /// Now.
    pub now: Timestamp,
    /// So many rows are written in one transaction, such as [`STEP_ROWS`].
    pub step_rows: usize,
}

/// A list with its name.
pub struct List {
    /// The file's name, which is kept with each reader's consent.
    pub name: String,
    /// What stands in it.
    pub input: Box<dyn Input>,
}

impl List {
    /// From its begin.
    fn open(&mut self, rules: &Rules) -> Result<Roster<&mut dyn Input>, ImportError> {
        let failed = |why: RosterError| ImportError::List(self.name.clone(), why);
        self.input.seek(SeekFrom::Start(0)).map_err(|why| failed(why.into()))?;
        Roster::open(&mut *self.input as &mut dyn Input, rules).map_err(failed)
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Rows that are written together.
#[derive(Default)]
struct Step {
    lines: Vec<u64>,
    rows: Vec<Incoming>,
    /// Rows that are not written, as they are told: line, address, what and why.
    others: Vec<(u64, String, &'static str, String)>,
    counts: Counts,
    /// Where the next one begins.
    end: Option<Place>,
    /// Nothing comes behind it in its list.
    last: bool,
}

impl Import<'_> {
    /// What tells these lists, read in this way, from others.
    pub fn key(&self, lists: &mut [List]) -> Result<String, ImportError> {
        let mut digest = Sha256::new();
        digest.update(format!("{:?}\n{:?}\n", self.terms, self.rules));
        let mut buffer = vec![0; 64 * 1024];
        for list in lists {
            let mut take_in = || {
                let mut length = 0_u64;
                list.input.seek(SeekFrom::Start(0))?;
                loop {
                    let read = list.input.read(&mut buffer)?;
                    let Some(some) = buffer.get(..read).filter(|some| !some.is_empty()) else { return Ok(length) };
                    length += read as u64;
                    digest.update(some);
                }
            };
            let length = take_in().map_err(|why: std::io::Error| ImportError::List(list.name.clone(), why.into()))?;
            digest.update(length.to_be_bytes());
        }
        Ok(crate::domain::token::hex(&digest.finalize()))
    }

    /// Looks through lists to their ends and writes nothing. What means nothing is
    /// told. Returns how many rows that is, and whose exports they are.
    pub fn look(&self, lists: &mut [List], watcher: &mut dyn Watcher) -> Result<(u64, Vec<Format>), ImportError> {
        let (mut bad, mut formats) = (0, Vec::new());
        for (number, list) in lists.iter_mut().enumerate() {
            let name = list.name.clone();
            let mut roster = list.open(self.rules)?;
            let format = roster.format();
            formats.push(format);
            loop {
                let row = roster.next_row().map_err(|why| ImportError::List(name.clone(), why))?;
                let Some(Row { line, email, meaning }) = row else { break };
                let wrong = match meaning {
                    Meaning::Reader(entry) => self.incoming(*entry, &name, format).err(),
                    Meaning::Nobody(_) => None,
                    Meaning::Bad(why) => Some(why),
                };
                if let Some(why) = wrong {
                    bad += 1;
                    watcher.told(&Told { list: &name, line, email: &email, what: "bad", why: &why })?;
                }
                watcher.came_to(number, roster.place().byte);
            }
        }
        Ok((bad, formats))
    }

    /// Says of every row what would become of it, and writes nothing.
    pub async fn foresee(&self, lists: &mut [List], watcher: &mut dyn Watcher) -> Result<Counts, ImportError> {
        let mut counts = Counts::default();
        // What stood before in a list will be here by then. Eight bytes an address are enough to tell.
        let (hasher, mut seen) = (RandomState::new(), HashMap::new());
        let erased = self.store.erased().await?;
        for (number, list) in lists.iter_mut().enumerate() {
            let name = list.name.clone();
            let mut roster = list.open(self.rules)?;
            loop {
                let step = self.gather(&mut roster, &name, &erased)?;
                let fates = self.store.foresee_import(&step.rows).await?;
                let fates = fates.into_iter().zip(&step.rows).map(|(fate, row)| {
                    let stands = seen.entry(hasher.hash_one((row.email.key(), &row.newsletter)));
                    let fate = match &stands {
                        Entry::Vacant(_) => fate,
                        Entry::Occupied(before) => once_more(*before.get(), row.state),
                    };
                    stands.insert_entry(match fate {
                        Fate::Added | Fate::Already => row.state,
                        Fate::Ended | Fate::Left => Unsubscribed,
                        Fate::Kept => Confirmed,
                    });
                    fate
                });
                let (fates, last) = (fates.collect(), step.last);
                step.tell(&name, fates, &mut counts, watcher)?;
                watcher.came_to(number, roster.place().byte);
                if last {
                    break;
                }
            }
        }
        Ok(counts)
    }

    /// Writes lists, from where `progress` says.
    pub async fn write(
        &self,
        lists: &mut [List],
        key: &str,
        mut progress: ImportProgress,
        watcher: &mut dyn Watcher,
    ) -> Result<Counts, ImportError> {
        // Counts of another version count for nothing.
        let mut counts: Counts = serde_json::from_str(&progress.counts).unwrap_or_default();
        let all = lists.len();
        let erased = self.store.erased().await?;
        let begun = usize::try_from(progress.part).unwrap_or(usize::MAX);
        for (number, list) in lists.iter_mut().enumerate().skip(begun) {
            let name = list.name.clone();
            let mut roster = list.open(self.rules)?;
            if progress.byte > 0 {
                let place = Place { byte: progress.byte, line: progress.line };
                roster.go_to(place).map_err(|why| ImportError::List(name.clone(), why))?;
            }
            loop {
                let gathered = self.gather(&mut roster, &name, &erased)?;
                let mut step = self.store.import(&gathered.rows, self.now).await?;
                let (end, last) = (gathered.end.unwrap_or_else(|| roster.place()), gathered.last);
                gathered.tell(&name, std::mem::take(&mut step.fates), &mut counts, watcher)?;
                let mut to = ImportProgress {
                    part: progress.part,
                    byte: end.byte,
                    line: end.line,
                    report_bytes: watcher.report_bytes()?,
                    counts: serde_json::to_string(&counts).unwrap_or_default(),
                    finished: last && number + 1 == all,
                };
                watcher.came_to(number, end.byte);
                if last && !to.finished {
                    (to.part, to.byte, to.line) = (progress.part + 1, 0, 0);
                }
                step.commit(key, &progress, &to, self.now).await?;
                progress = to;
                if last {
                    break;
                }
            }
        }
        Ok(counts)
    }

    /// The next rows, of which no two are of the same subscription.
    fn gather<R: Read + Seek>(&self, roster: &mut Roster<R>, name: &str, erased: &Erased) -> Result<Step, ImportError> {
        let failed = |why| ImportError::List(name.to_owned(), why);
        let (mut step, mut here) = (Step::default(), HashMap::new());
        let (format, begin) = (roster.format(), roster.place().byte);
        while step.rows.len() + step.others.len() < self.step_rows && roster.place().byte - begin < STEP_BYTES {
            let place = roster.place();
            let Some(Row { line, email, meaning }) = roster.next_row().map_err(failed)? else {
                step.last = true;
                break;
            };
            let row = match meaning {
                Meaning::Reader(entry) => self.incoming(*entry, name, format),
                Meaning::Nobody(why) => {
                    step.counts.nobody += 1;
                    step.others.push((line, email, "nobody", why));
                    continue;
                }
                Meaning::Bad(why) => Err(why),
            };
            match row {
                Err(why) => {
                    step.counts.bad += 1;
                    step.others.push((line, email, "bad", why));
                }
                Ok(row) if erased.has(&self.config.secret, &row.email) => {
                    step.counts.erased += 1;
                    step.others.push((
                        line,
                        email,
                        "erased",
                        "was erased here; comes back by the form only".to_owned(),
                    ));
                }
                Ok(row) => match here.entry((row.email.key(), row.newsletter.clone())) {
                    Entry::Vacant(free) => {
                        free.insert(row.state);
                        step.lines.push(line);
                        step.rows.push(row);
                    }
                    Entry::Occupied(stands) if *stands.get() == row.state => {
                        step.counts.already += 1;
                        step.others.push((line, email, "already", "was here before".to_owned()));
                    }
                    // What the list says last is decided when the first is written.
                    Entry::Occupied(_) => {
                        roster.go_to(place).map_err(failed)?;
                        break;
                    }
                },
            }
        }
        step.end = Some(roster.place());
        Ok(step)
    }
}

/// What becomes of a row whose subscription stands so by a row before it.
fn once_more(before: SubscriptionState, now: SubscriptionState) -> Fate {
    match (before, now) {
        (Unsubscribed, Confirmed | Pending) => Fate::Left,
        (Confirmed | Pending, Unsubscribed) => Fate::Ended,
        (Pending, Confirmed) => Fate::Added,
        _ => Fate::Already,
    }
}

impl Step {
    /// Counts and tells what becomes of the rows, in the order of the list.
    fn tell(self, list: &str, fates: Vec<Fate>, counts: &mut Counts, watcher: &mut dyn Watcher) -> std::io::Result<()> {
        counts.add(self.counts);
        let mut others = self.others.into_iter().peekable();
        for ((line, row), fate) in self.lines.into_iter().zip(&self.rows).zip(fates) {
            while let Some((line, email, what, why)) = others.next_if(|other| other.0 < line) {
                watcher.told(&Told { list, line, email: &email, what, why: &why })?;
            }
            let (what, why) = counts.count(fate, row);
            watcher.told(&Told { list, line, email: row.email.as_str(), what, why })?;
        }
        for (line, email, what, why) in others {
            watcher.told(&Told { list, line, email: &email, what, why: &why })?;
        }
        Ok(())
    }
}
