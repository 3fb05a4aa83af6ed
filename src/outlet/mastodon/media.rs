//! A status's picture: fetched, uploaded, and waited for
//! (docs.joinmastodon.org/methods/media).

use super::instance::{Instance, id};
use crate::clock::Clock;
use crate::domain::outlet::{Manuscript, Outcome};
use crate::domain::slug::Slug;
use crate::net::{Client, Method};
use crate::outlet::pictures;
use crate::outlet::request::File;
use std::time::Duration;

/// An instance is asked so often whether it has made a picture ready, and so long apart.
const LOOKS: usize = 15;
const APART: Duration = Duration::from_secs(2);
/// Mastodon takes so many characters of what a picture shows.
const LONGEST_ALT: usize = 1_500;

/// Uploads a post's picture and says under which number it may be shown; `None` where there is none, or none that the
/// instance takes: a status goes without it then. An error is what comes of the whole attempt.
pub(super) async fn upload(
    instance: &Instance,
    (outlet, client, clock): (&Slug, &Client, &Clock),
    manuscript: &Manuscript,
) -> Result<Option<String>, Outcome> {
    let Some(address) = &manuscript.image else { return Ok(None) };
    let Some(picture) = pictures::fetch(client, outlet, address.as_str()).await else { return Ok(None) };
    let file = File { field: "file", name: &picture.name, media_type: picture.media_type, bytes: &picture.bytes };
    let alt = manuscript.image_alt.as_deref().map(described);
    let fields: Vec<(&str, &str)> = alt.iter().map(|alt| ("description", alt.as_str())).collect();
    let request = instance.request(Method::POST, "api/v2/media").map(|request| request.upload(&fields, &file));
    let answer = instance.send(request).await;
    let status = answer.as_ref().map_or(0, |answer| answer.status);
    let told = match instance.told(answer) {
        Ok(told) => told,
        Err(outcome) => return without(outlet, status, outcome),
    };
    let Some(id) = id(&told) else { return Ok(None) };
    if status != 202 {
        return Ok(Some(id));
    }
    for _ in 0..LOOKS {
        clock.sleep(APART).await;
        let answer = instance.send(instance.request(Method::GET, &format!("api/v1/media/{id}"))).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        match instance.told(answer) {
            // Not yet.
            Ok(_) if status == 206 => {}
            Ok(_) => return Ok(Some(id)),
            Err(outcome) => return without(outlet, status, outcome),
        }
    }
    tracing::info!(%outlet, "a picture was not made ready in time: its status goes without it");
    Ok(None)
}

/// Whether a status goes without a picture that the instance did not take, or waits.
fn without(outlet: &Slug, status: u16, outcome: Outcome) -> Result<Option<String>, Outcome> {
    match outcome {
        // The token lacks a scope: a person can mend that. The instance is busy or away: that mends itself.
        Outcome::Refused(_) if !matches!(status, 401 | 403) => {}
        Outcome::Later { .. } if matches!(status, 500 | 501) => {}
        other => return Err(other),
    }
    tracing::info!(%outlet, status, "an instance does not take a picture: its status goes without it");
    Ok(None)
}

/// In one line, so that it ends no part of the form.
fn described(alt: &str) -> String {
    alt.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_ALT).collect()
}
