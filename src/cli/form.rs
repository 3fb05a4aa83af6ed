//! `form`: print a sign-up form for another site, as plain HTML.

use super::ending::Usage;
use super::{Out, Setting};
use crate::config::Config;
use crate::domain::language::Language;
use crate::domain::newsletter::Newsletter;
use crate::domain::slug::Slug;
use crate::domain::url::HttpUrl;
use crate::flow::subscribe::embedded_token;
use crate::render::{CadenceChoice, EmbeddedContext, NewsletterChoice, Renderer, TopicChoice};
use clap::Args;

/// `form [NEWSLETTER…]`.
#[derive(Debug, Args)]
pub struct Form {
    /// The newsletters; with several, readers choose among them. May be left out when there is only one.
    #[arg(value_name = "NEWSLETTER")]
    newsletters: Vec<Slug>,
    /// The page that readers come to when they have signed up; `return_to` in [subscribe] must allow it.
    #[arg(long, value_name = "URL")]
    return_to: Option<HttpUrl>,
    /// The form's language; the first newsletter's when left out.
    #[arg(long)]
    language: Option<Language>,
}

pub(super) async fn run(form: Form, setting: &Setting, out: &mut Out) -> anyhow::Result<()> {
    let (config, _) = setting.open().await?;
    let newsletters = newsletters(&form, &config).map_err(Usage)?;
    let Some(first) = newsletters.first() else { return Err(Usage("no newsletter is configured".to_owned()).into()) };
    let return_to = match &form.return_to {
        Some(page) => match config.sign_up.return_to(page.as_str()) {
            Some(page) => page.to_string(),
            None => {
                let path = setting.path.display();
                let why = format!("{page} is not allowed: write return_to = [\"{page}\"] under [subscribe] in {path}");
                return Err(Usage(why).into());
            }
        },
        None => String::new(),
    };
    let language = form.language.unwrap_or(first.language);
    let renderer = Renderer::with(config.site.templates.as_deref())?;
    let is_advertising = newsletters.iter().any(|newsletter| newsletter.commercial.is_some());
    let context = EmbeddedContext {
        language,
        action: config.url("/subscribe"),
        newsletters: newsletters
            .iter()
            .map(|newsletter| NewsletterChoice {
                name: newsletter.name.to_string(),
                title: newsletter.title.clone(),
                language: newsletter.language,
                chosen: newsletter.name == first.name,
            })
            .collect(),
        title: first.title.clone(),
        description: first.description.clone(),
        cadences: first
            .cadences
            .iter()
            .map(|cadence| CadenceChoice {
                name: cadence.name.to_string(),
                label: renderer.cadence_label(language, cadence.name.as_str()),
            })
            .collect(),
        topics: first.topics.iter().map(|topic| TopicChoice { name: topic.name.to_string(), chosen: false }).collect(),
        must_agree: newsletters.iter().all(|newsletter| newsletter.commercial.is_some()),
        advertiser: is_advertising.then(|| config.mail.from_name.clone()),
        privacy: config.sign_up.privacy.as_ref().map(HttpUrl::to_string),
        token: embedded_token(&config, &return_to, setting.clock.now()),
        return_to,
    };
    Ok(out.text(&renderer.embedded_form(&context)?)?)
}

/// What the form is for.
fn newsletters<'c>(form: &Form, config: &'c Config) -> Result<Vec<&'c Newsletter>, String> {
    let mailed: Vec<&Newsletter> = config.mailed().collect();
    let names: Vec<&str> = mailed.iter().map(|newsletter| newsletter.name.as_str()).collect();
    if form.newsletters.is_empty() {
        return match mailed.as_slice() {
            [] => Err("no newsletter is configured that is mailed".to_owned()),
            [only] => Ok(vec![*only]),
            _ => Err(format!("there are several newsletters: name some of {}", names.join(", "))),
        };
    }
    let known = |name: &Slug| {
        config
            .mailed_newsletter(name.as_str())
            .ok_or_else(|| format!("there is no newsletter `{name}` that is mailed; there is: {}", names.join(", ")))
    };
    form.newsletters.iter().map(known).collect()
}
