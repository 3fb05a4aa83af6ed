//! Query parameters that say where a reader came from, not what they read. The
//! list stands in `tracking_parameters.txt`.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

static LIST: LazyLock<List> = LazyLock::new(|| List::read(include_str!("../tracking_parameters.txt")));

/// The list, made ready to be asked.
#[derive(Debug, Default)]
struct List {
    names: HashSet<&'static str>,
    prefixes: Vec<&'static str>,
    /// For some names, the values that give them away: each, and whether it only begins so.
    values: HashMap<&'static str, Vec<(&'static str, bool)>>,
}

impl List {
    fn read(text: &'static str) -> Self {
        let mut list = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (begin, open) = line.strip_suffix('*').map_or((line, false), |begin| (begin, true));
            match begin.split_once('=') {
                Some((name, value)) => list.values.entry(name).or_default().push((value, open)),
                None if open => list.prefixes.push(begin),
                None => _ = list.names.insert(begin),
            }
        }
        list
    }
}

/// Whether this parameter only tells where a reader came from.
pub(super) fn is_tracking(name: &str, value: &str) -> bool {
    let (name, value) = (name.to_ascii_lowercase(), value.to_ascii_lowercase());
    LIST.names.contains(name.as_str())
        || LIST.prefixes.iter().any(|prefix| name.starts_with(prefix))
        || LIST.values.get(name.as_str()).is_some_and(|known| {
            known.iter().any(|&(known, open)| if open { value.starts_with(known) } else { value == known })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sound() {
        let lines: Vec<&str> = include_str!("../tracking_parameters.txt")
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        assert!(lines.len() > 120, "{}", lines.len());
        let mut seen = HashSet::new();
        for line in lines {
            assert!(seen.insert(line), "{line} stands there twice");
            assert_eq!(line, line.trim().to_lowercase(), "{line}");
            assert!(line.trim_end_matches('*').len() >= 3 && !line.trim_end_matches('*').contains('*'), "{line}");
        }
        assert!(LIST.prefixes.iter().all(|prefix| prefix.len() >= 3), "{:?}", LIST.prefixes);
    }

    #[test]
    fn what_tells_posts_apart_is_never_tracking() {
        for name in "p id page page_id post post_id article articleid no logno idx idxno seq bbsno nttid wr_id \
                     document_srl uid cid sid aid oid v t s q m y year month day date title name slug story \
                     storyid newsid key code lang category cat tag u url ref source from src track track_id \
                     issue volume mode type view act mid num number entry episode ep feed session share"
            .split(' ')
        {
            assert!(!is_tracking(name, "17"), "{name}");
        }
    }
}
