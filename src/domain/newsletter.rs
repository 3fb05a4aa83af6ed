//! What readers subscribe to.

use super::composition::{Composition, Deliver, Topic};
use super::filter::Filter;
use super::language::Language;
use super::piece::Scope;
use super::schedule::Schedule;
use super::slug::Slug;
use super::time::Timestamp;
use super::url::HttpUrl;
use chrono_tz::Tz;
use std::time::Duration;

/// A newsletter as configured.
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own in the configuration")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newsletter {
    /// Its name, unique in the configuration; stands in URLs and `List-Id`.
    pub name: Slug,
    /// What readers see.
    pub title: String,
    /// One sentence for the index page and the feeds; may be empty.
    pub description: String,
    /// The language of its pages and mails.
    pub language: Language,
    /// The names of its sources; `None` is all of them, later ones included.
    pub sources: Option<Vec<Slug>>,
    /// Whose copy of a piece that stands at several of them is the original, the first one first; of others the earliest is.
    pub prefer: Vec<Slug>,
    /// Which of their posts it takes.
    pub filter: Filter,
    /// Whether new posts of its sources wait until an editor lets them out.
    pub review_posts: bool,
    /// Whether a digest tells of posts that were corrected after they were mailed.
    pub corrections: bool,
    /// How often it is mailed, by name, in the configuration's order. The first
    /// is what the form proposes.
    pub cadences: Vec<Cadence>,
    /// What readers may choose of it; empty when each gets all.
    pub topics: Vec<Topic>,
    /// The clock that its slots and dates go by.
    pub timezone: Tz,
    /// How long a post must have stood unchanged before it is mailed.
    pub settle: Duration,
    /// A post that never stands still is mailed this long after it was first seen.
    pub settle_max: Duration,
    /// How many posts its feeds hold, and each document of their archives.
    pub feed_items: u32,
    /// How old a post may be that its feeds hold; its archive holds older ones.
    pub feed_age: Option<Duration>,
    /// The picture that stands for its feeds; the site's when it has none of its own.
    pub image: Option<HttpUrl>,
    /// Whose its feeds are; as the site says when it says nothing of its own.
    pub copyright: Option<String>,
    /// What it must say when the law takes it for advertising (Korea's Network Act, Article 50).
    pub commercial: Option<Commercial>,
    /// Whether a reader who confirms is mailed the newest posts.
    pub welcome: bool,
    /// Whether who leaves gets a letter that says so, with the way back.
    pub goodbye: bool,
    /// Whether its digests stand on the site, for everybody to read.
    pub web: bool,
}

/// What must be said in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertising {
    /// Who sends it.
    pub sender: String,
    /// Their address for mail.
    pub email: String,
    /// Their telephone and address.
    pub contact: String,
}

/// A subject with what advertising must begin with (Korea's Network Act, Article 50,
/// paragraph 4, and the annex of its decree).
#[must_use]
pub fn mark(subject: &str) -> String {
    format!("(광고) {subject}")
}

/// What stands in an advertising mail, besides who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commercial {
    /// The sender's telephone and address.
    pub contact: String,
}

impl Newsletter {
    /// Among which posts it shows a piece once.
    #[must_use]
    pub fn scope(&self) -> Scope<'_> {
        Scope { sources: self.sources.as_deref(), prefer: &self.prefer }
    }

    /// Whether `source` feeds this newsletter.
    #[must_use]
    pub fn takes(&self, source: &Slug) -> bool {
        self.sources.as_ref().is_none_or(|names| names.contains(source))
    }

    /// The same for somebody who cannot wait until its posts stand still.
    #[must_use]
    pub fn settled(&self) -> Self {
        Self { settle: Duration::ZERO, ..self.clone() }
    }

    /// Whether the reader's own clock makes a difference to any of its mails.
    #[must_use]
    pub fn goes_by_local_time(&self) -> bool {
        self.cadences.iter().any(|cadence| cadence.composition.deliver == Deliver::Local)
    }

    /// Whether it is mailed at all: one without a cadence has feeds, and nobody signs up for it.
    #[must_use]
    pub fn is_mailed(&self) -> bool {
        !self.cadences.is_empty()
    }

    /// The cadence that comes next less often than the one of that name, as their
    /// schedules are from `now` on.
    #[must_use]
    pub fn less_often_than(&self, name: &str, now: Timestamp) -> Option<&Cadence> {
        let now_and_then = self.cadence(name)?.how_often(now);
        let rarer = self.cadences.iter().filter(|cadence| cadence.how_often(now) < now_and_then);
        // The configuration's order among those that come as often.
        rarer.rev().max_by_key(|cadence| cadence.how_often(now))
    }

    /// The cadence of that name.
    #[must_use]
    pub fn cadence(&self, name: &str) -> Option<&Cadence> {
        self.cadences.iter().find(|cadence| cadence.name.as_str() == name)
    }
}

/// One rhythm of a newsletter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cadence {
    /// `daily`, `weekly`, or any name the operator likes.
    pub name: Slug,
    /// When its digests go out.
    pub rhythm: Rhythm,
    /// How its digests look.
    pub composition: Composition,
}

impl Cadence {
    /// How many mails it may bring in the twelve weeks from `now`, to compare it by.
    fn how_often(&self, now: Timestamp) -> usize {
        let until = now.plus(Duration::from_hours(12 * 7 * 24));
        match &self.rhythm {
            Rhythm::Instant => usize::MAX,
            // Once an hour is often enough to be the most.
            Rhythm::Slots(schedule) => {
                schedule.slots_after(now).take(2016).take_while(|slot| slot.due <= until).count()
            }
        }
    }
}

/// When a cadence mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rhythm {
    /// Each post by itself, as soon as it has settled.
    Instant,
    /// On the slots of a schedule.
    Slots(Schedule),
}
