//! What templates are tried with: a digest that shows all that one may show, in
//! each language, and the smallest that there is.

use super::digest::{DigestContext, DigestPost, Headline, Section};
use crate::domain::html::CleanHtml;
use crate::domain::language::Language;
use crate::domain::post::Place;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Sample {
    title: String,
    site: String,
    date: String,
    note_before: String,
    note_after: String,
    lead: Post,
    section: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    title: String,
    post: Vec<Post>,
}

#[derive(Deserialize)]
struct Post {
    title: String,
    byline: String,
    language: Option<String>,
    #[serde(default)]
    excerpt: String,
    text: Option<String>,
}

impl Post {
    fn shown(self, number: usize) -> DigestPost {
        let place = Place { name: "Good News".to_owned(), url: "https://news.example.com/1".parse().ok() };
        DigestPost {
            title: self.title,
            url: Some(format!("https://blog.example.com/{number}")),
            language: self.language,
            minutes: 4,
            byline: self.byline,
            excerpt: self.excerpt,
            text: self.text.map(|html| CleanHtml::sanitise(&html, None)),
            also_at: if number == 2 { vec![place] } else { Vec::new() },
        }
    }
}

/// A digest that shows all that one may show. `None` when the embedded file is
/// broken, which a test would have shown.
#[must_use]
pub fn sample_digest(language: Language) -> Option<DigestContext> {
    let mut samples: BTreeMap<String, Sample> =
        toml::from_str(include_str!("../../templates/demo/digest.toml")).ok()?;
    // A language that does not come with the program is tried with English posts.
    let sample = samples.remove(language.tag()).or_else(|| samples.remove(Language::En.tag()))?;
    let mut number = 1..;
    let mut shown = |post: Post| post.shown(number.next().unwrap_or_default());
    let lead = shown(sample.lead);
    let sections: Vec<Section> = sample
        .section
        .into_iter()
        .map(|group| Section { title: group.title, posts: group.post.into_iter().map(&mut shown).collect() })
        .collect();
    let posts = sections.iter().flat_map(|section| &section.posts);
    let headline = |post: &DigestPost| Headline { title: post.title.clone(), url: post.url.clone() };
    let headlines = std::iter::once(&lead).chain(posts.clone()).map(headline).collect();
    let corrections = posts.take(1).map(headline).collect();
    Some(DigestContext {
        language,
        title: sample.title,
        site: sample.site,
        home: "https://news.example.com/".to_owned(),
        date: sample.date,
        greeting: true,
        note_before: Some(CleanHtml::sanitise(&sample.note_before, None)),
        headlines,
        lead: Some(lead),
        sections,
        corrections,
        more: 12,
        more_url: Some("https://news.example.com/archive".to_owned()),
        note_after: Some(CleanHtml::sanitise(&sample.note_after, None)),
        preferences: true,
        web: Some("https://news.example.com/digests/weekly/weekly/2026-11-23T07-00/".to_owned()),
        ..DigestContext::default()
    })
}

/// The smallest digest: one post without anything but a title.
pub(super) fn small_digest(language: Language) -> DigestContext {
    let post = DigestPost { title: "1".to_owned(), ..DigestPost::default() };
    DigestContext {
        language,
        title: "T".to_owned(),
        site: "S".to_owned(),
        home: "https://news.example.com/".to_owned(),
        date: "D".to_owned(),
        sections: vec![Section { title: String::new(), posts: vec![post] }],
        ..DigestContext::default()
    }
}
