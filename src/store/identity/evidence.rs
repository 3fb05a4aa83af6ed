//! When a source's addresses tell its posts apart better than its guids.

use super::{Found, Matcher, Shown, path};
use crate::domain::identity::Rule;
use std::collections::HashSet;

/// So many cases are no accident.
const SEVERAL: usize = 3;

impl Matcher<'_> {
    /// Whether guids were seen to change while address and text or title stayed, or
    /// to stand for several posts, often enough to ask addresses from now on.
    pub(super) fn addresses_tell_more(&self, found: &[Option<Found>]) -> bool {
        let changed = self.changed_now(found);
        (changed > 0 && self.told.changed + changed >= SEVERAL) || self.sharing_a_guid().len() >= SEVERAL
    }

    /// How many posts the document shows at their address under another guid.
    fn changed_now(&self, found: &[Option<Found>]) -> usize {
        let by_address = |rule| matches!(rule, Rule::AddressAndText | Rule::AddressAndTitle | Rule::AddressAndDate);
        let entries = self.shown.iter().zip(found).filter_map(|(shown, found)| Some((shown, (*found)?)));
        entries
            .filter(|(shown, found)| {
                let is_other = self.known.get(found.at).is_some_and(|post| self.is_other_guid(found.rule, post, shown));
                !found.twin && by_address(found.rule) && is_other && self.address_tells(shown)
            })
            .count()
    }

    /// Whether guids are right in this document but for one: that one's post was written
    /// anew, rather than its guid given to another.
    pub(super) fn only_one_is_reused(&self) -> bool {
        let of =
            |shown: &Shown<'_>| self.by_guid.get(shown.arriving.entry.guid.as_str()).and_then(|&at| self.known.get(at));
        let (reused, right): (Vec<_>, Vec<_>) = self
            .shown
            .iter()
            .filter_map(|shown| Some(self.is_reused(of(shown)?, shown) || self.is_shared(&shown.arriving.entry.guid)))
            .partition(|reused| *reused);
        reused.len() == 1 && right.len() >= SEVERAL
    }

    /// The addresses that guids which stand for several posts stand for, in this document and before.
    fn sharing_a_guid(&self) -> HashSet<&str> {
        let mut addresses = HashSet::new();
        let mut guids = HashSet::new();
        for shown in self.shown.iter().filter(|shown| self.address_tells(shown)) {
            let guid = shown.arriving.entry.guid.as_str();
            let of_another = self.by_guid.get(guid).and_then(|&at| self.known.get(at));
            if self.is_shared(guid) || of_another.is_some_and(|post| self.is_reused(post, shown)) {
                addresses.extend(shown.arriving.url_key.as_deref());
                guids.insert(guid);
            }
        }
        // Those that were found out before stand under a guid that begins with the shared one.
        let shares =
            |own: &str| guids.contains(own) || own.rsplit_once(' ').is_some_and(|(shared, _)| guids.contains(shared));
        let before = self.known.iter().filter(|post| !guids.is_empty() && shares(&post.guid));
        addresses.extend(before.filter_map(|post| post.url_key.as_deref()).filter(|url| path(url).is_some()));
        addresses
    }
}
