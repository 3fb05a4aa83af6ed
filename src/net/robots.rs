//! What a host's robots.txt lets programs read (RFC 9309), and how long it wants
//! them to pause. Asked for once a day and kept in memory; while it cannot be
//! had, nothing of its host is read.

use super::{Client, FetchError, Outcome, Request};
use crate::domain::time::Timestamp;
use crate::domain::url::HttpUrl;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::Position;

/// The name by which a robots.txt speaks to us.
const NAME: &str = "syndicated";
/// How long what it says is believed (RFC 9309 section 2.4).
const FRESH: Duration = Duration::from_hours(24);
/// When one that could not be had is asked for again.
const AGAIN: Duration = Duration::from_mins(15);
/// No longer pause is kept: a request a minute burdens nobody.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// So much of it is read (RFC 9309 section 2.5 asks for 500 KiB at least).
const MOST_BYTES: usize = 512 * 1024;
/// So many rules are kept; of more, the first.
const MOST_RULES: usize = 5_000;
/// When the table has grown to this, what is no longer fresh is dropped.
const TIDY_AT: usize = 1024;

/// What regard is paid to a host's robots.txt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manners {
    /// None: what is asked for is there for programs.
    Invited,
    /// Its pauses are kept.
    Paced,
    /// Only what it lets programs read is read, and its pauses are kept.
    Guest,
}

/// What is known of the hosts, by origin.
#[derive(Debug, Default)]
pub(super) struct Robots(Mutex<HashMap<String, Known>>);

#[derive(Debug, Clone)]
struct Known {
    /// `None` while it cannot be had.
    rules: Option<Arc<Rules>>,
    until: Timestamp,
    /// When the host may be asked for the next page.
    next: Timestamp,
}

impl Client {
    /// Fetches a page as a program that was invited by nobody does: on every hop
    /// only what the host's robots.txt lets it read, at the pace that it asks for.
    pub async fn fetch_page(&self, request: Request<'_>) -> Result<Outcome, FetchError> {
        self.fetch_with(request, Manners::Guest).await
    }

    /// Fetches a page to which a feed leads, at the pace that the host's
    /// robots.txt asks for: whoever publishes a feed invites programs, but not all
    /// at once.
    pub async fn fetch_at_pace(&self, request: Request<'_>) -> Result<Outcome, FetchError> {
        self.fetch_with(request, Manners::Paced).await
    }

    /// Waits until a page may be asked for; an error says why it may not.
    pub(super) async fn mind(&self, url: &HttpUrl, manners: Manners) -> Result<(), FetchError> {
        let rules = match manners {
            Manners::Invited => return Ok(()),
            Manners::Guest => self.rules_of(url).await?,
            Manners::Paced => match self.rules_of(url).await {
                Err(busy @ FetchError::NotAsked { .. }) => return Err(busy),
                // Who says nothing asks for no pauses.
                rules => rules.unwrap_or_default(),
            },
        };
        if manners == Manners::Guest && !rules.allow(target(url)) {
            let why = "its robots.txt asks programs such as syndicated not to read it".to_owned();
            return Err(FetchError::Disallowed(why));
        }
        let now = self.clock.now();
        let turn = match rules.pause {
            Some(pause) => self.robots.turn(&origin(url), now, pause),
            None => now,
        };
        if turn.since(now) > LONGEST_PAUSE {
            let why = "not asked yet, since its robots.txt asks for pauses, and other requests come first".to_owned();
            return Err(FetchError::NotAsked { why, rest: Some(turn.since(now)) });
        }
        self.clock.sleep_until(turn).await;
        Ok(())
    }

    async fn rules_of(&self, url: &HttpUrl) -> Result<Arc<Rules>, FetchError> {
        let origin = origin(url);
        let now = self.clock.now();
        let known = self.robots.known(&origin);
        let fresh = known.as_ref().filter(|known| known.until > now);
        if let Some(known) = fresh {
            return known.rules.clone().ok_or_else(|| withheld("it could not be had a short while ago"));
        }
        let Some(place) = url.join("/robots.txt") else { return Ok(Arc::default()) };
        let request = Request { url: &place, etag: None, last_modified: None };
        // Through every guard of the others, but not by its own leave.
        let (rules, until, trouble) = match Box::pin(self.fetch_with(request, Manners::Invited)).await {
            Ok(Outcome::Fresh(file)) => (Some(Arc::new(Rules::parse(&file.bytes))), FRESH, None),
            // There is none, or none for us: all may be read (RFC 9309 section 2.3.1.3).
            Ok(_) | Err(FetchError::Permanent(_) | FetchError::Refused(_) | FetchError::Disallowed(_)) => {
                (Some(Arc::default()), FRESH, None)
            }
            Err(busy @ FetchError::NotAsked { .. }) => return Err(busy),
            // What it said the last time still holds.
            Err(error @ FetchError::Temporary { .. }) => (known.and_then(|known| known.rules), AGAIN, Some(error)),
        };
        self.robots.learn(origin, rules.clone(), now.plus(until), now);
        rules.ok_or_else(|| withheld(&trouble.map(|error| error.to_string()).unwrap_or_default()))
    }
}

fn withheld(why: &str) -> FetchError {
    FetchError::temporary(format!("its robots.txt cannot be had, and until it can nothing is read there ({why})"))
}

/// Scheme, host and port: each has a robots.txt of its own.
fn origin(url: &HttpUrl) -> String {
    url.as_url().origin().ascii_serialization()
}

/// What rules are matched against.
fn target(url: &HttpUrl) -> &str {
    &url.as_url()[Position::BeforePath..Position::AfterQuery]
}

impl Robots {
    fn known(&self, origin: &str) -> Option<Known> {
        self.table().get(origin).cloned()
    }

    fn learn(&self, origin: String, rules: Option<Arc<Rules>>, until: Timestamp, now: Timestamp) {
        let mut table = self.table();
        if table.len() >= TIDY_AT {
            table.retain(|_, known| known.until > now);
        }
        let next = table.get(&origin).map_or(now, |known| known.next);
        table.insert(origin, Known { rules, until, next });
    }

    /// Takes the next turn to ask a host, unless it is too far away to wait for.
    fn turn(&self, origin: &str, now: Timestamp, pause: Duration) -> Timestamp {
        let mut table = self.table();
        let Some(known) = table.get_mut(origin) else { return now };
        let turn = known.next.max(now);
        if turn.since(now) <= LONGEST_PAUSE {
            known.next = turn.plus(pause);
        }
        turn
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of a robots.txt is meant for us; without any, all may be read.
#[derive(Debug, Default)]
struct Rules {
    rules: Vec<Rule>,
    pause: Option<Duration>,
}

#[derive(Debug)]
struct Rule {
    allows: bool,
    pattern: String,
}

/// A line that means something.
enum Line<'a> {
    Agent(&'a str),
    Rule { allows: bool, pattern: &'a str },
    Pause(Option<Duration>),
}

impl Rules {
    /// Reads it: the groups that name us, or else those for all.
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes.get(..MOST_BYTES).unwrap_or(bytes));
        let lines: Vec<Line<'_>> =
            text.trim_start_matches('\u{feff}').split(['\n', '\r']).filter_map(Line::parse).collect();
        let names_us = |agent: &str| {
            let name = agent.split(|c: char| !(c.is_ascii_alphabetic() || matches!(c, '-' | '_'))).next();
            name.is_some_and(|name| name.eq_ignore_ascii_case(NAME))
        };
        let ours = lines.iter().any(|line| matches!(line, Line::Agent(agent) if names_us(agent)));
        let meant = |agent: &str| if ours { names_us(agent) } else { agent == "*" };
        let mut found = Self::default();
        // Names that follow one another begin a group together.
        let (mut in_group, mut naming) = (false, false);
        for line in &lines {
            match line {
                Line::Agent(agent) => {
                    in_group = meant(agent) || (naming && in_group);
                    naming = true;
                    continue;
                }
                Line::Rule { allows, pattern } if in_group && found.rules.len() < MOST_RULES => {
                    found.rules.push(Rule { allows: *allows, pattern: encoded(pattern) });
                }
                Line::Pause(pause) if in_group => found.pause = found.pause.max(*pause),
                Line::Rule { .. } | Line::Pause(_) => {}
            }
            naming = false;
        }
        found
    }

    /// Whether a path with its query may be read: the longest pattern that
    /// matches decides, of two as long the one that allows (RFC 9309 section 2.2.2).
    fn allow(&self, path: &str) -> bool {
        if path == "/robots.txt" {
            return true;
        }
        let path = encoded(path);
        let matching = self.rules.iter().filter(|rule| matches(&rule.pattern, &path));
        matching.max_by_key(|rule| (rule.pattern.len(), rule.allows)).is_none_or(|rule| rule.allows)
    }
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let line = line.split('#').next().unwrap_or_default();
        let (key, value) = line.split_once(':')?;
        let (key, value) = (key.trim(), value.trim());
        let is = |name: &str| key.eq_ignore_ascii_case(name);
        if is("user-agent") {
            Some(Self::Agent(value))
        } else if is("allow") || is("disallow") {
            // An empty one forbids nothing.
            (!value.is_empty()).then_some(Self::Rule { allows: is("allow"), pattern: value })
        } else if is("crawl-delay") {
            let seconds = value.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds > 0.0);
            Some(Self::Pause(seconds.map(|seconds| Duration::from_secs_f64(seconds.min(3_600.0)).min(LONGEST_PAUSE))))
        } else {
            None
        }
    }
}

/// Percent-encoding in one form: decoded where it says the same without, in
/// capitals where it does not, and done where a URL has it done (RFC 9309
/// section 2.2.2). An encoded `*` stays what no pattern means by `*`.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind.get(..2).filter(|_| byte == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let meant = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = if meant.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
        let plain = match meant {
            Some(meant) => meant.is_ascii_alphanumeric() || matches!(meant, b'-' | b'.' | b'_' | b'~'),
            None => byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'{' | b'}'),
        };
        let byte = meant.unwrap_or(byte);
        if plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(percent_encoding::percent_encode_byte(byte));
        }
    }
    encoded
}

/// Whether a pattern matches the beginning of a path; `*` is anything, `$` at
/// its end is the path's end.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, whole) = pattern.strip_suffix('$').map_or((pattern, false), |pattern| (pattern, true));
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| path.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return !whole || rest.is_empty() };
    for piece in middle {
        // The first place is the best: it leaves the most for what follows.
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap_or_default();
    }
    if whole { rest.ends_with(last) } else { rest.contains(last) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(file: &str, path: &str) -> bool {
        let url: HttpUrl = format!("https://a.example{path}").parse().unwrap();
        Rules::parse(file.as_bytes()).allow(target(&url))
    }

    #[test]
    fn the_longest_rule_decides_and_allows_on_a_tie() {
        let file = "User-agent: *\nDisallow: /p\nAllow: /p/open\nAllow: /p/open/*.html$\nDisallow: /p/open/x*y\nDisallow: /q\nAllow: /q\n\
                    Disallow: /*.pdf$\nDisallow: /글\nDisallow: /a%3cb\nDisallow: /tilde/%7ejoe\nDisallow: /list?sort=\n\
                    Disallow: /star%2a/x\nDisallow: /quote<";
        for (path, answer) in [
            ("/", true),
            ("/p", false),
            ("/page", false),
            ("/P", true),
            ("/p/open/1", true),
            ("/p/open/x1y", false),
            ("/q/1", true),
            ("/a.pdf", false),
            ("/a.pdf?x", true),
            ("/글/1", false),
            ("/%EA%B8%80", false),
            ("/a%3Cb", false),
            ("/tilde/~joe", false),
            ("/list?sort=x", false),
            ("/list?page=2", true),
            ("/star%2A/x", false),
            ("/starry/x", true),
            ("/quote%3C", false),
            ("/robots.txt", true),
        ] {
            assert_eq!(allowed(file, path), answer, "{path}");
        }
    }

    #[test]
    fn the_group_that_names_us_is_the_only_one_that_counts() {
        let file = "\u{feff}# hello\nUSER-AGENT: *\nDisallow: /\nCrawl-delay: 9\n\nUser-agent: other\nUser-agent: Syndicated/1.0 # us\n\
                    Disallow: /private\nCrawl-delay: 2.5\n\nUser-agent: another\nDisallow: /\n\nUser-agent: syndicated\nDisallow: /too\n";
        assert!(allowed(file, "/essay") && !allowed(file, "/private/1") && !allowed(file, "/too"));
        assert_eq!(Rules::parse(file.as_bytes()).pause, Some(Duration::from_millis(2_500)));
        assert!(!allowed("User-agent: syndicatedbot\nDisallow:\nUser-agent: *\nDisallow: /", "/"));
        assert!(allowed("User-agent: *\nSitemap: /x\nDisallow:\n", "/"));
        assert!(!allowed("User-agent: *\r\nDisallow: /a\rDisallow: /b", "/b"));
        assert!(allowed("Disallow: /\n<html><body>Not found</body></html>", "/"));
        assert!(allowed("", "/") && allowed("\u{0}\u{fffd}: :::", "/"));
        for (delay, pause) in [("1e999", None), ("-1", None), ("nan", None), ("soon", None), ("86400", Some(60))] {
            let rules = Rules::parse(format!("User-agent: *\nCrawl-delay: {delay}").as_bytes());
            assert_eq!(rules.pause, pause.map(Duration::from_secs), "{delay}");
        }
    }

    #[test]
    fn turns_are_given_a_pause_apart_and_not_far_ahead() {
        let (robots, now) = (Robots::default(), Timestamp::from_millis(0));
        robots.learn("https://a.example".to_owned(), Some(Arc::default()), now.plus(FRESH), now);
        let turn = || robots.turn("https://a.example", now, Duration::from_secs(25)).since(now).as_secs();
        assert_eq!([turn(), turn(), turn(), turn(), turn()], [0, 25, 50, 75, 75], "what is too far away is not taken");
        // Learnt anew, the host keeps its pauses.
        robots.learn("https://a.example".to_owned(), None, now.plus(AGAIN), now);
        assert_eq!(turn(), 75);
    }

    #[test]
    fn a_hostile_pattern_costs_no_time() {
        let file = format!("User-agent: *\nDisallow: /{}b", "*a".repeat(100_000));
        assert!(allowed(&file, &format!("/{}", "a".repeat(60_000))));
    }
}
