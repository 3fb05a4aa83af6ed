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
    fn is_open(&self) -> bool {
        self.rules.is_empty() && self.known.is_empty()
    }

    fn admit(&mut self, to: &EmailAddress) -> Result<(), Timestamp> {
        if self.is_open() {
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

/// Whether a host says that it is too much, rather than something of one mail,
/// mailbox or connection: a policy of the moment (4.7.0, 4.7.28: RFC 3463 section
/// 3.8), or in words.
///
/// A 421 alone does not say so, whatever it answers: it closes the channel between
/// the relay and us (RFC 5321 sections 3.8 and 4.2.3), which is the relay's affair
/// and no domain's. Nor does greylisting, which wants each mail to come again.
fn is_too_much(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    let status = reason.split([' ', ':']).find(|word| word.split('.').count() == 3 && word.starts_with("4."));
    let said = |some: &[&str]| some.iter().any(|words| reason.contains(words));
    // Of one address, or of one mailbox (RFC 3463 sections 3.2 and 3.3).
    let of_one = status.is_some_and(|status| status.starts_with("4.1.") || status.starts_with("4.2."));
    if of_one || said(&["greylist", "graylist"]) {
        return false;
    }
    matches!(status, Some("4.7.0" | "4.7.28"))
        || said(&["too many", "too much", "rate limit", "throttl", "try again more slowly"])
}

/// A domain's own rule, or that for every other, in whatever order they stand.
fn rule<'a>(rules: &'a [DomainRule], name: &str) -> Option<&'a DomainRule> {
    let own = rules.iter().find(|rule| rule.domain.as_deref() == Some(name));
    own.or_else(|| rules.iter().find(|rule| rule.domain.is_none()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_its_own_rule_wherever_the_one_for_all_others_stands() {
        let of = |domain: Option<&str>, most| DomainRule {
            domain: domain.map(str::to_owned),
            connections: Some(most),
            pace: crate::config::Pace::default(),
        };
        let (all, one) = (of(None, 1), of(Some("example.org"), 9));
        for rules in [[all.clone(), one.clone()], [one.clone(), all.clone()]] {
            assert_eq!(rule(&rules, "example.org"), Some(&one));
            assert_eq!(rule(&rules, "example.com"), Some(&all));
        }
        assert_eq!(rule(std::slice::from_ref(&one), "example.com"), None);
    }

    #[test]
    fn a_domain_says_that_it_is_too_much_by_its_policy_or_in_words() {
        for (reason, expected) in [
            ("said 421: 4.7.0 [192.0.2.1 15] our system has detected an unusual rate of mail", true),
            ("said 450: 4.7.28 gmail has detected an unusual rate", true),
            ("said 421: 4.7.0", true),
            ("said 452: 4.5.3 too many recipients", true),
            ("said 421: too many concurrent SMTP connections; please try again later.", true),
            ("said 451: 4.4.1 Rate limit exceeded", true),
            ("said 450: 4.7.1 THROTTLED", true),
            // The relay's own channel.
            ("said 421: 4.3.2 shutting down", false),
            ("said 421: service not available, closing transmission channel", false),
            ("said 421", false),
            ("closed the connection", false),
            // One mailbox, one mail.
            ("said 452: 4.2.2 mailbox full: too many messages", false),
            ("said 450: 4.2.1 the user is receiving too much mail right now", false),
            ("said 450: 4.7.0 greylisted, come again in 300 seconds", false),
            ("said 451: 4.7.1 greylisting in action", false),
            ("said 451: 4.3.0 try again", false),
        ] {
            assert_eq!(is_too_much(reason), expected, "{reason}");
        }
    }
}
