//! A reader's own page, by the link in each mail: all that they get. GET shows, POST
//! acts (P17).

use super::choices::{cadences, every_zone, topics};
use super::sign_up::problem;
use super::{Failure, Peer, Web};
use crate::config::Config;
use crate::domain::slug::Slug;
use crate::domain::subscriber::Subscription;
use crate::domain::token::Purpose;
use crate::flow::subscribe::{Choice, ChoiceOf, LONGEST_PAUSE, Preferences};
use crate::render::{NewsletterChoices, PreferencesContext};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use chrono::Days;
use chrono_tz::Tz;

/// More newsletters than any site has, and more topics, are no reader's choice.
const MOST: usize = 100;

/// What the page answers.
#[derive(Clone, Copy)]
enum Said {
    /// It was only looked at.
    Nothing,
    /// What was sent is kept.
    Kept,
    /// It is not, because of this.
    Problem(&'static str),
}

pub(super) async fn look(State(web): State<Web>, Path(token): Path<String>) -> Response {
    match web.subscriptions.look_at_preferences(&token).await {
        Ok(Some(found)) => show(&web, &token, &found, &stored(&web, &found), Said::Nothing),
        Ok(None) => web.unknown_link(Purpose::Preferences, &token).await,
        Err(error) => web.failure(error.into()),
    }
}

pub(super) async fn choose(
    State(web): State<Web>,
    Path(token): Path<String>,
    Extension(Peer(peer)): Extension<Peer>,
    body: Bytes,
) -> Response {
    let choice = read(&body);
    // A language without texts was not offered.
    if web.renderer.spoken(&choice.language).is_none() {
        return refuse(&web, &token, "error_form").await;
    }
    let result = match web.subscriptions.choose(&token, &choice, peer).await {
        Ok(Some(result)) => result,
        Ok(None) => return web.unknown_link(Purpose::Preferences, &token).await,
        Err(error) => return web.failure(error.into()),
    };
    match web.subscriptions.look_at_preferences(&token).await {
        Ok(Some(found)) => match result {
            Ok(()) => show(&web, &token, &found, &stored(&web, &found), Said::Kept),
            Err(refusal) => show(&web, &token, &found, &choice, Said::Problem(problem(&refusal))),
        },
        Ok(None) => web.unknown_link(Purpose::Preferences, &token).await,
        Err(error) => web.failure(error.into()),
    }
}

/// The page with what was wrong with something that was asked for on it.
pub(super) async fn refuse(web: &Web, token: &str, problem: &'static str) -> Response {
    match web.subscriptions.look_at_preferences(token).await {
        Ok(Some(found)) => show(web, token, &found, &stored(web, &found), Said::Problem(problem)),
        Ok(None) => web.unknown_link(Purpose::Preferences, token).await,
        Err(error) => web.failure(error.into()),
    }
}

/// What the form sent: `cadence.NAME`, `topic.NAME` and `pause.NAME` of each newsletter,
/// and the reader's own.
fn read(body: &[u8]) -> Choice {
    let mut choice = Choice::default();
    for (key, value) in url::form_urlencoded::parse(body) {
        let value: String = value.chars().take(300).collect();
        match key.as_ref() {
            "language" => choice.language = value,
            "timezone" => choice.timezone = value,
            "hour" => choice.hour = Some(value),
            other => {
                let Some((what, newsletter)) = other.split_once('.') else { continue };
                let Some(of) = choice_of(&mut choice.each, newsletter) else { continue };
                match what {
                    "cadence" => of.cadence = value,
                    "pause" => of.pause = value,
                    "topic" if of.topics.len() < MOST => of.topics.push(value),
                    _ => {}
                }
            }
        }
    }
    choice
}

fn choice_of<'a>(each: &'a mut Vec<ChoiceOf>, newsletter: &str) -> Option<&'a mut ChoiceOf> {
    let at = each.iter().position(|of| of.newsletter == newsletter).unwrap_or(each.len());
    if at == MOST {
        return None;
    }
    if at == each.len() {
        each.push(ChoiceOf { newsletter: newsletter.chars().take(64).collect(), ..ChoiceOf::default() });
    }
    each.get_mut(at)
}

/// What stands in the database, as the form would send it.
fn stored(web: &Web, found: &Preferences) -> Choice {
    let now = web.clock.now();
    let config = web.config.load();
    let each = found.subscriptions.iter().map(|subscription| {
        let pause = subscription.paused_until.filter(|until| *until > now);
        let zone = zone_of(&config, subscription);
        ChoiceOf {
            newsletter: subscription.newsletter.to_string(),
            cadence: subscription.cadence.to_string(),
            topics: subscription.topics.iter().map(Slug::to_string).collect(),
            pause: pause
                .map(|until| until.to_datetime().with_timezone(&zone).date_naive().to_string())
                .unwrap_or_default(),
        }
    });
    Choice {
        language: found.of.language.to_string(),
        timezone: found.of.timezone.map(|zone| zone.name().to_owned()).unwrap_or_default(),
        hour: Some(found.of.hour.map(|hour| format!("{hour:02}")).unwrap_or_default()),
        each: each.collect(),
    }
}

/// Whose clock a reader's days of a newsletter go by.
fn zone_of(config: &Config, subscription: &Subscription) -> Tz {
    let newsletter = config.newsletter(subscription.newsletter.as_str());
    subscription.timezone.or(newsletter.map(|newsletter| newsletter.timezone)).unwrap_or(config.site.timezone)
}

fn show(web: &Web, token: &str, found: &Preferences, choice: &Choice, said: Said) -> Response {
    let config = web.config.load_full();
    let (language, now) = (found.of.language, web.clock.now());
    let newsletters = found.subscriptions.iter().map(|subscription| {
        let nothing = ChoiceOf::default();
        let name = subscription.newsletter.as_str();
        let of = choice.each.iter().find(|of| of.newsletter == name).unwrap_or(&nothing);
        let newsletter = config.newsletter(name);
        let paused = subscription.paused_until.filter(|until| *until > now);
        let paused = paused.map(|until| web.renderer.long_date(language, zone_of(&config, subscription), until));
        let leave = config.secret.token(Purpose::Unsubscribe, subscription.id, subscription.counter, "");
        NewsletterChoices {
            name: name.to_owned(),
            title: newsletter.map_or_else(|| name.to_owned(), |newsletter| newsletter.title.clone()),
            language: newsletter.map_or(language, |newsletter| newsletter.language),
            cadences: newsletter.map(|newsletter| cadences(web, newsletter, language)).unwrap_or_default(),
            chosen: of.cadence.clone(),
            topics: newsletter.map(|newsletter| topics(newsletter, &of.topics)).unwrap_or_default(),
            pause: of.pause.clone(),
            paused: paused.unwrap_or_default(),
            leave: config.path(&format!("/u/{leave}")),
        }
    });
    let newsletters: Vec<NewsletterChoices> = newsletters.collect();
    let known = |it: &Subscription| config.newsletter(it.newsletter.as_str()).cloned();
    let local = found.subscriptions.iter().filter_map(known).any(|newsletter| newsletter.goes_by_local_time());
    let today = now.to_datetime().with_timezone(&found.of.timezone.unwrap_or(config.site.timezone)).date_naive();
    let day = |days| today.checked_add_days(Days::new(days)).unwrap_or(today).to_string();
    let mut zones = every_zone();
    // One that was named otherwise, such as UTC, stays.
    zones.extend(found.of.timezone.map(Tz::name).filter(|name| !zones.contains(name)));
    let context = PreferencesContext {
        frame: web.frame(language),
        initial: found.of.email.initial(),
        action: config.path(&format!("/p/{token}")),
        newsletters,
        first_day: day(1),
        last_day: day(LONGEST_PAUSE.as_secs() / 86_400 - 1),
        languages: web.renderer.languages(choice.language.parse().unwrap_or(language)),
        zones,
        zone: choice.timezone.clone(),
        hours: if local { (0..24).map(|hour| format!("{hour:02}")).collect() } else { Vec::new() },
        hour: choice.hour.clone().unwrap_or_default(),
        kept: matches!(said, Said::Kept),
        problem: if let Said::Problem(problem) = said { Some(problem) } else { None },
    };
    let status = if context.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    match web.renderer.page_preferences(&context) {
        Ok(page) => (status, Html(page)).into_response(),
        Err(error) => web.failure(Failure::from(error)),
    }
}
