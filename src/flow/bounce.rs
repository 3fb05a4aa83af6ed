//! The story of something that came back: a bounce, a complaint, a goodbye by
//! mail, through whichever door.
//!
//! Kept here: nobody is believed who does not know an address that only the mail
//! itself named (P18), and then only of the reader whom that mail went to; the
//! same thing twice is one; what cannot be told is kept for a person, never
//! guessed; an answer of a machine changes nothing.

mod doors;
mod events;
mod hooks;
mod sns;

pub use doors::Looked;
pub use hooks::{HOOKS, Reported};
pub use sns::Certificates;

use crate::clock::Clock;
use crate::config::{Config, Live};
use crate::domain::bounce::{BounceKind, Fate, StatusCode, reported, written};
use crate::domain::id::DeliveryId;
use crate::domain::token::{Purpose, sha256_hex};
use crate::domain::verp::Tag;
use crate::flow::subscribe::{Door, Subscriptions};
use crate::mail::returned::{OfReader, Returned, What};
use crate::store::{About, Came, Heard, Patience, Store, StoreError};
use std::sync::Arc;

/// The most tags of one mail that are looked up.
const MOST_TAGS: usize = 10;
/// The most bytes that are kept of what cannot be told,
const MOST_RAW: usize = 32 * 1024;
/// and of each further one, once so many are kept: whoever fills the mailbox with
/// rubbish must not fill the disk.
const FEW: u32 = 1_000;
const LESS_RAW: usize = 2 * 1024;

/// Takes in what comes back. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bounces {
    store: Store,
    config: Live,
    clock: Clock,
    subscriptions: Arc<Subscriptions>,
    certificates: Arc<Certificates>,
}

/// What became of something that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is kept as this.
    Kept(BounceKind, Came),
    /// A reader left by mail.
    Left,
    /// There is nothing to do; why.
    Passed(&'static str),
}

/// What a mail was judged to be, before anything is written.
enum Judged<'a> {
    Of(BounceKind, About, Option<StatusCode>, &'a str),
    Unclear(Option<About>, &'static str),
    Goodbye(String, Door),
    Passed(&'static str),
}

impl Bounces {
    /// Takes in what comes back to the readers of `store`.
    #[must_use]
    pub fn new(store: Store, config: Live, clock: Clock, subscriptions: Arc<Subscriptions>) -> Self {
        Self { store, config, clock, subscriptions, certificates: Arc::default() }
    }

    /// The same, with a way to the certificates that Amazon signs reports with.
    #[must_use]
    pub fn with_certificates(self, certificates: Certificates) -> Self {
        Self { certificates: Arc::new(certificates), ..self }
    }

    /// Takes in a mail that came by `door`; `to` is where it went, as far as the
    /// door knows better than its header. When this returns, it is durable.
    pub async fn take(&self, door: &str, raw: &[u8], to: &[String]) -> Result<Taken, StoreError> {
        let config = self.config.load_full();
        let mail = Returned::read(raw);
        let tags: Vec<Tag> = to.iter().chain(&mail.to).filter_map(|to| Tag::read(to)).take(MOST_TAGS).collect();
        let judged = match &mail.what {
            What::Report(readers) => self.judge_report(&config, readers, &tags).await?,
            What::Letter(words) => self.judge_letter(&config, words, &tags).await?,
            What::Complaint { kind, traces } => self.judge_complaint(&config, kind, traces, &tags).await?,
            What::Answer(words) => match goodbye(&config, &tags) {
                Some(token) => Judged::Goodbye(token, Door::Mail),
                None => self.judge_answer(&config, &mail.from, words, &tags).await?,
            },
            What::Other => match goodbye(&config, &tags) {
                Some(token) => Judged::Goodbye(token, Door::Mail),
                None => Judged::Unclear(None, "it is no report, and no goodbye of a reader's"),
            },
        };
        match judged {
            Judged::Of(kind, about, status, words) => self.keep(&config, door, (kind, about), status, words).await,
            Judged::Unclear(about, why) => self.keep_unclear(&config, door, about, why, (&mail, raw)).await,
            Judged::Goodbye(token, by) => match self.subscriptions.unsubscribe(&token, by).await? {
                Some(_) => Ok(Taken::Left),
                None => {
                    let why = "the goodbye is of a subscription that is no more";
                    self.keep_unclear(&config, door, None, why, (&mail, raw)).await
                }
            },
            Judged::Passed(why) => Ok(Taken::Passed(why)),
        }
    }

    /// What a report says of the reader that its address is of.
    async fn judge_report<'a>(
        &self,
        config: &Config,
        readers: &'a [OfReader],
        tags: &[Tag],
    ) -> Result<Judged<'a>, StoreError> {
        let Some(about) = self.proven(config, tags).await? else {
            return Ok(Judged::Unclear(None, "a report that came to no address that syndicated made"));
        };
        let address = about.address.key();
        let is_named = |reader: &&OfReader| reader.addresses.iter().any(|named| named.to_lowercase() == address);
        let Some(reader) = readers.iter().find(is_named).or(match readers {
            // It went on from there to another address.
            [only] => Some(only),
            _ => None,
        }) else {
            return Ok(Judged::Unclear(Some(about), "a report of several, none of whom is its reader"));
        };
        Ok(match reported(reader.action, reader.status, &reader.words) {
            Some((fate, status)) => of_fate(fate, about, status, &reader.words),
            None => Judged::Unclear(Some(about), "a report that does not say what was done"),
        })
    }

    async fn judge_letter<'a>(&self, config: &Config, words: &'a str, tags: &[Tag]) -> Result<Judged<'a>, StoreError> {
        let Some(about) = self.proven(config, tags).await? else {
            return Ok(Judged::Unclear(None, "a host's letter that came to no address that syndicated made"));
        };
        Ok(match written(words) {
            Some((fate, status)) => of_fate(fate, about, status, words),
            None => Judged::Unclear(Some(about), "a host's letter that does not say why"),
        })
    }

    /// A machine's answer is passed over, whatever it says, when it comes from the
    /// reader: they are on holiday. Another's that speaks as hosts do who refuse may
    /// be one's that calls itself by another name.
    async fn judge_answer<'a>(
        &self,
        config: &Config,
        from: &str,
        words: &str,
        tags: &[Tag],
    ) -> Result<Judged<'a>, StoreError> {
        let about = self.proven(config, tags).await?;
        let of_reader = about.as_ref().is_some_and(|about| about.address.key() == from.to_lowercase());
        Ok(if of_reader || written(words).is_none() {
            Judged::Passed("a machine's answer")
        } else {
            Judged::Unclear(about, "a machine's answer that may be a bounce")
        })
    }

    /// A complaint is believed of the reader whose mail it returns. Who can show
    /// that mail's goodbye and no more, ends what that ends.
    async fn judge_complaint<'a>(
        &self,
        config: &Config,
        kind: &'a str,
        traces: &[String],
        tags: &[Tag],
    ) -> Result<Judged<'a>, StoreError> {
        match kind {
            "abuse" | "fraud" | "opt-out" | "opt-out-list" => {}
            "not-spam" => return Ok(Judged::Passed("a reader took a complaint back")),
            _ => return Ok(Judged::Unclear(None, "a report of another kind than a complaint")),
        }
        let traced = traces.iter().filter_map(|trace| {
            let address = trace.strip_prefix("mailto:").unwrap_or(trace);
            Tag::read(address.split_once('?').map_or(address, |(address, _)| address))
        });
        let tags: Vec<Tag> = tags.iter().cloned().chain(traced).take(MOST_TAGS).collect();
        if let Some(about) = self.proven(config, &tags).await? {
            return Ok(Judged::Of(BounceKind::Complaint, about, None, kind));
        }
        let by_link = || traces.iter().find_map(|trace| Some(trace.split_once("/u/")?.1.to_owned()));
        Ok(match goodbye(config, &tags).or_else(by_link) {
            Some(token) => Judged::Goodbye(token, Door::Complaint),
            None => Judged::Unclear(None, "a complaint about a mail that syndicated did not write"),
        })
    }

    /// The reader whose mail came back to an address that this key made.
    async fn proven(&self, config: &Config, tags: &[Tag]) -> Result<Option<About>, StoreError> {
        for tag in tags {
            let Tag::Delivery { id, mac } = tag else { continue };
            if let Some(about) = self.store.reader_of(*id).await?
                && config.secret.made_return(mac, *id, &about.address)
            {
                return Ok(Some(about));
            }
        }
        Ok(None)
    }

    async fn keep(
        &self,
        config: &Config,
        door: &str,
        (kind, about): (BounceKind, About),
        status: Option<StatusCode>,
        words: &str,
    ) -> Result<Taken, StoreError> {
        // Who was proven, was so by a mail.
        let sameness = about.delivery.map(|delivery| of_mail(kind, delivery)).unwrap_or_default();
        let status = status.map(|status| status.to_string());
        let heard = Heard {
            sameness: &sameness,
            door,
            kind,
            about: Some(about),
            status: status.as_deref(),
            words,
            why: "",
            raw: None,
        };
        self.hear(config, &heard).await
    }

    async fn keep_unclear(
        &self,
        config: &Config,
        door: &str,
        about: Option<About>,
        why: &str,
        (mail, raw): (&Returned, &[u8]),
    ) -> Result<Taken, StoreError> {
        let many = self.store.has_more_bounces(BounceKind::Unclear, FEW).await?;
        let most = if many { LESS_RAW } else { MOST_RAW };
        let start = String::from_utf8_lossy(raw.get(..raw.len().min(most)).unwrap_or(raw)).replace('\0', "");
        let heard = Heard {
            sameness: &sha256_hex(raw),
            door,
            kind: BounceKind::Unclear,
            about,
            status: None,
            words: &format!("{}: {}", mail.from, mail.subject).replace('\0', ""),
            why,
            raw: Some(&start),
        };
        self.hear(config, &heard).await
    }

    pub(super) async fn hear(&self, config: &Config, heard: &Heard<'_>) -> Result<Taken, StoreError> {
        let rules = &config.bounces;
        let patience = Patience { soft: rules.soft, within: rules.within, secret: &config.secret };
        let came = self.store.hear(heard, patience, self.clock.now()).await?;
        let (kind, door, why) = (heard.kind.as_str(), heard.door, heard.why);
        match came {
            Came::Ended => tracing::info!(kind, door, status = heard.status, "a reader is not mailed any more"),
            Came::Kept => tracing::info!(kind, door, status = heard.status, why, "a mail came back"),
            Came::Again => tracing::debug!(kind, door, "a mail came back that had come before"),
        }
        Ok(Taken::Kept(heard.kind, came))
    }
}

/// What makes two reports of the same mail the same, by whatever door they came.
fn of_mail(kind: BounceKind, delivery: DeliveryId) -> String {
    format!("{} of mail {delivery}", kind.as_str())
}

fn of_fate(fate: Fate, about: About, status: Option<StatusCode>, words: &str) -> Judged<'_> {
    match fate {
        Fate::Hard => Judged::Of(BounceKind::Hard, about, status, words),
        Fate::Soft => Judged::Of(BounceKind::Soft, about, status, words),
        Fate::Blocked => Judged::Of(BounceKind::Blocked, about, status, words),
        Fate::Delayed => Judged::Passed("it is still being tried"),
        Fate::Delivered => Judged::Passed("it arrived"),
    }
}

/// The token of the subscription that is to end, when one of the tags says so and
/// this key made it.
fn goodbye(config: &Config, tags: &[Tag]) -> Option<String> {
    tags.iter().find_map(|tag| match tag {
        Tag::Goodbye { subscription, counter, mac } if config.secret.made_goodbye(mac, *subscription, *counter) => {
            Some(config.secret.token(Purpose::Unsubscribe, *subscription, *counter, ""))
        }
        _ => None,
    })
}
