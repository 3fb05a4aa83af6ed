//! What the hosts of the recipients' domains will take: so many connections and
//! so many mails. Who is over it is put off in the queue, each mail to the moment
//! at which its turn can be expected, so that the others go on. A domain whose
//! hosts say that it is too much rests, longer each time they say it again.

use super::meter::Meter;
use crate::config::DomainRule;
use crate::domain::delivery::Verdict;
use crate::domain::email_address::EmailAddress;
use crate::domain::time::Timestamp;
use crate::store::{Count, Gate};
use std::collections::HashMap;
use std::time::Duration;

/// More domains than this are forgotten when nothing goes on with them.
const KNOWN: usize = 10_000;
/// The first rest of a domain that says it is too much; each further one is twice as long.
const FIRST_REST: Duration = Duration::from_secs(30);
/// No rest is longer.
const LONGEST_REST: Duration = Duration::from_mins(30);
/// How long a mail is thought to take, before one has gone.
const FIRST_GUESS: Duration = Duration::from_millis(100);

/// What the names of their counts begin with.
const COUNTED: &str = "to ";

/// How each domain stands.
#[derive(Debug, Default)]
pub(super) struct Domains {
    rules: Vec<DomainRule>,
    known: HashMap<String, Domain>,
    /// What the database had counted of this day when it was read.
    counted: HashMap<String, u64>,
    day: i64,
    /// Those that were let in and may yet be turned back.
    admitted: Vec<String>,
    now: Timestamp,
}

#[derive(Debug, Default)]
struct Domain {
    meter: Meter,
    connections: Option<usize>,
    /// The last moment to which a mail was put off.
    put_off_to: Timestamp,
    /// How long a mail takes, of late.
    takes: Duration,
    /// Nothing goes before this.
    rests_until: Timestamp,
    /// How often it has said in a row that it is too much.
    rests: u32,
}

impl Domains {
    /// Follows the configuration.
    pub(super) fn adopt(&mut self, rules: &[DomainRule]) {
        if self.rules != rules {
            self.rules = rules.to_vec();
            for (name, domain) in &mut self.known {
                let rule = rule(rules, name);
                domain.connections = rule.and_then(|rule| rule.connections);
                domain.meter.limit(rule.map(|rule| rule.pace).unwrap_or_default(), None);
            }
        }
    }

    /// Takes up what the database has counted of a day.
    pub(super) fn count(&mut self, day: i64, counts: HashMap<String, u64>) {
        (self.day, self.counted) = (day, counts);
    }

    /// Prepares for a turn at this moment.
    pub(super) fn begin_turn(&mut self, now: Timestamp) {
        self.now = now;
        self.admitted.clear();
        if self.known.len() > KNOWN {
            self.known.retain(|_, domain| {
                let meter = &domain.meter;
                meter.under_way() > 0 || domain.put_off_to > now || domain.rests > 0 || meter.counts_days()
            });
        }
    }

    /// The turn was not written: nobody was let in.
    pub(super) fn undo_turn(&mut self) {
        for name in std::mem::take(&mut self.admitted) {
            if let Some(domain) = self.known.get_mut(&name) {
                domain.meter.end(false);
            }
        }
    }

    /// A mail that was let in was not tried.
    pub(super) fn let_go(&mut self, to: &EmailAddress) {
        if let Some(domain) = self.known.get_mut(&name(to)) {
            domain.meter.end(false);
        }
    }

    /// Learns what became of a mail, and how long it took.
    pub(super) fn give_back(&mut self, to: &EmailAddress, verdict: &Verdict, took: Duration, now: Timestamp) {
        let name = name(to);
        let too_much = matches!(verdict, Verdict::Deferred { reason } if is_too_much(reason));
        if too_much && !self.known.contains_key(&name) {
            self.know(&name, now);
        }
        let Some(domain) = self.known.get_mut(&name) else { return };
        domain.meter.end(!matches!(verdict, Verdict::RelayTrouble { .. }));
        domain.takes = (domain.takes * 3 + took) / 4;
        if too_much && now >= domain.rests_until {
            let rest = FIRST_REST.saturating_mul(1 << domain.rests.min(16)).min(LONGEST_REST);
            domain.rests += 1;
            domain.rests_until = now.plus(rest);
            tracing::warn!(domain = name, rest = %crate::domain::span::show(rest), "this domain takes no more mails for now");
        } else if matches!(verdict, Verdict::Sent { .. }) {
            domain.rests = 0;
        }
    }

    fn know(&mut self, name: &str, now: Timestamp) -> &mut Domain {
        let rule = rule(&self.rules, name);
        let counted = self.counted.get(&count_name(name)).copied().unwrap_or(0);
        self.known.entry(name.to_owned()).or_insert_with(|| {
            let mut meter = Meter::new(rule.map(|rule| rule.pace).unwrap_or_default(), None);
            meter.count(self.day, counted);
            let connections = rule.and_then(|rule| rule.connections);
            Domain { meter, connections, put_off_to: now, takes: FIRST_GUESS, ..Domain::default() }
        })
    }

    /// What is to be added to the counts in the database.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = Count> {
        self.known.iter().filter_map(|(name, domain)| {
            let (day, mails) = domain.meter.unwritten()?;
            Some(Count { name: count_name(name), day, mails })
        })
    }

    /// A count was written, and came to so many.
    pub(super) fn written(&mut self, count: &Count, total: u64) {
        let name = count.name.strip_prefix(COUNTED).unwrap_or_default();
        if let Some(domain) = self.known.get_mut(name) {
            domain.meter.written(count.day, count.mails, total);
        }
    }
}

impl Gate for Domains {
    fn admit(&mut self, to: &EmailAddress) -> Result<(), Timestamp> {
        if self.rules.is_empty() && self.known.is_empty() {
            return Ok(());
        }
        let (name, now) = (name(to), self.now);
        if !self.known.contains_key(&name) && rule(&self.rules, &name).is_none() {
            return Ok(());
        }
        let domain = self.know(&name, now);
        // Half open: after a rest one mail asks whether more may come.
        let most = if domain.rests > 0 { Some(1) } else { domain.connections };
        let busy = most.is_some_and(|most| domain.meter.under_way() >= most);
        if !busy && now >= domain.rests_until && domain.meter.room(now) > 0 {
            domain.meter.begin(now);
            self.admitted.push(name);
            return Ok(());
        }
        let free = domain.meter.free_at(now).max(domain.rests_until);
        let lanes = u32::try_from(most.unwrap_or(1)).unwrap_or(u32::MAX).max(1);
        let step = domain.meter.interval().max(if busy { domain.takes / lanes } else { Duration::ZERO });
        domain.put_off_to = domain.put_off_to.max(free).plus(step.max(Duration::from_millis(1)));
        Err(domain.put_off_to)
    }
}

/// Whether a host says that it is too much, rather than something of one mail or
/// mailbox: 421, a policy of the moment (4.7.x, RFC 3463 section 3.8), or in words.
fn is_too_much(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    reason.starts_with("said 421")
        || reason.contains(" 4.7.0 ")
        || reason.contains(" 4.7.28 ")
        || ["too many", "too much", "rate limit", "throttl", "try again more slowly"]
            .iter()
            .any(|words| reason.contains(words))
}

fn rule<'a>(rules: &'a [DomainRule], name: &str) -> Option<&'a DomainRule> {
    rules.iter().find(|rule| rule.domain.as_ref().is_none_or(|domain| domain == name))
}

fn count_name(domain: &str) -> String {
    format!("{COUNTED}{domain}")
}

/// The domain as a rule names it.
fn name(to: &EmailAddress) -> String {
    let domain = to.domain();
    if domain.is_ascii() {
        return domain.to_ascii_lowercase();
    }
    url::Host::parse(domain).map_or_else(|_| domain.to_lowercase(), |host| host.to_string())
}
