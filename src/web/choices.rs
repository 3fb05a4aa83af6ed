//! What forms let one choose.

use super::Web;
use crate::domain::composition::Topic;
use crate::domain::language::Language;
use crate::domain::newsletter::Newsletter;
use crate::render::{CadenceChoice, TopicChoice};
use chrono_tz::TZ_VARIANTS;

/// How often a newsletter may come, in the words of a language.
pub(super) fn cadences(web: &Web, newsletter: &Newsletter, language: Language) -> Vec<CadenceChoice> {
    newsletter
        .cadences
        .iter()
        .map(|cadence| CadenceChoice {
            name: cadence.name.to_string(),
            label: web.renderer.cadence_label(language, cadence.name.as_str()),
        })
        .collect()
}

pub(super) fn topics(newsletter: &Newsletter, chosen: &[String]) -> Vec<TopicChoice> {
    let name = |topic: &Topic| topic.name.to_string();
    newsletter
        .topics
        .iter()
        .map(|topic| TopicChoice { name: name(topic), chosen: chosen.contains(&name(topic)) })
        .collect()
}

/// The time zones to choose from, where one makes a difference.
pub(super) fn zones(newsletter: &Newsletter) -> Vec<&'static str> {
    if newsletter.goes_by_local_time() { every_zone() } else { Vec::new() }
}

/// The time zones that a reader may live in.
pub(super) fn every_zone() -> Vec<&'static str> {
    // Those named after a place: the others are abbreviations and old names.
    TZ_VARIANTS.iter().map(|zone| zone.name()).filter(|name| name.contains('/') && !name.starts_with("Etc/")).collect()
}
