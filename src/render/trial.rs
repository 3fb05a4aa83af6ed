//! Every template rendered with samples, so that a fault in an operator's file
//! is found before a reader's mail or page needs it.

mod archive;

use super::digest::MAIL_BYTES;
use super::sample::{sample_digest, small_digest};
use super::{
    CadenceChoice, ConfirmPageContext, DataContext, DeskContext, EmbeddedContext, Frame, Headline, LeaveContext,
    LeftContext, LessOften, LinkContext, NewsletterChoice, NewsletterChoices, NoticeContext, OtherPage,
    PreferencesContext, ReaderLetterContext, RenderError, Rendered, Renderer, SubscribeContext, TopicChoice,
};
use crate::domain::digest::token;
use crate::domain::html::CleanHtml;
use crate::domain::language::Language;
use crate::domain::letter::LinkLetter;
use crate::domain::newsletter::Advertising;
use crate::domain::outlet::Task;
use dom_query::Document;
use std::collections::BTreeMap;

/// What no mail program runs, and spam filters count.
const NEVER: [&str; 9] = ["script", "iframe", "object", "embed", "form", "input", "link", "video", "svg"];

/// Where the letters of the trial lead to.
const LINK: &str = "https://news.example.com/confirm/1.0.abc";

impl Renderer {
    /// Renders everything in every language; says what is wrong, once each.
    #[must_use]
    pub fn trial(&self) -> Vec<String> {
        let mut faults: Vec<String> = Vec::new();
        for language in self.engine().texts.languages() {
            let digests = sample_digest(language).into_iter().chain([small_digest(language)]);
            let mut mails: Vec<(&str, Result<Rendered, RenderError>)> =
                digests.map(|context| ("mail/digest", self.digest(&context))).collect();
            mails.push(("mail/confirm", self.confirm_letter(&letter(language))));
            for what in LinkLetter::ALL {
                mails.push(("mail/link", self.link_letter(what, &letter(language))));
            }
            for posts in [0, 2] {
                mails.push(("mail/welcome", self.welcome_letter(&readers_letter(language, posts))));
                mails.push(("mail/renewal", self.renewal_letter(&readers_letter(language, posts))));
            }
            mails.push(("mail/told", self.owner_letter("T", "One.\nTwo.\n\nThree.\n")));
            for task in [Task::Post, Task::Update, Task::Delete] {
                mails.push(("mail/desk", self.desk_letter(&desk_letter(language, task))));
            }
            for (name, mail) in mails {
                match mail {
                    Ok(mail) => faults.extend(inspect(name, &mail)),
                    Err(error) => faults.push(error.to_string()),
                }
            }
            let frame = Frame { language, site: "S".to_owned(), base: "https://news.example.com".to_owned() };
            let pages = self.notices(&frame).into_iter().chain(self.sign_up_pages(language, &frame));
            let pages = pages.chain(self.own_pages(language, &frame)).chain(self.archive_pages(&frame));
            faults.extend(pages.filter_map(Result::err).map(|error| error.to_string()));
        }
        let mut known = Vec::new();
        faults.retain(|fault| {
            !known.contains(fault) && {
                known.push(fault.clone());
                true
            }
        });
        faults
    }

    fn notices(&self, frame: &Frame) -> Vec<Result<String, RenderError>> {
        let notice = |action: Option<&str>, link: Option<&str>| {
            self.page_notice(&NoticeContext {
                frame: frame.clone(),
                title: "T".to_owned(),
                heading: "confirm_heading",
                text: "confirm_text",
                button: "confirm_button",
                agreement: action.map(str::to_owned),
                action: action.map(str::to_owned),
                link: link.map(str::to_owned),
            })
        };
        vec![notice(None, None), notice(Some("/confirm/x"), None), notice(None, Some("/subscribe/t"))]
    }

    /// The pages of signing up.
    fn sign_up_pages(&self, language: Language, frame: &Frame) -> Vec<Result<String, RenderError>> {
        let embedded = |names: &[&str], more: &str| {
            let some = |given: bool| given.then(|| more.to_owned());
            self.embedded_form(&EmbeddedContext {
                language,
                action: "https://news.example.com/subscribe".to_owned(),
                newsletters: names.iter().map(|_| other(language)).collect(),
                title: "T".to_owned(),
                description: more.to_owned(),
                cadences: self.choices_of(language, names),
                topics: names.iter().map(|name| TopicChoice { name: (*name).to_owned(), chosen: false }).collect(),
                advertiser: some(!more.is_empty()),
                must_agree: names.len() > 1,
                privacy: some(!more.is_empty()),
                token: "1.abc".to_owned(),
                return_to: more.to_owned(),
            })
        };
        let confirm = |newsletters: Vec<NewsletterChoice>| {
            let (title, action) = ("T".to_owned(), "/confirm/x".to_owned());
            let problem = (newsletters.len() > 1).then_some("confirm_none");
            self.page_confirm(&ConfirmPageContext { frame: frame.clone(), title, newsletters, action, problem })
        };
        let form = |chosen: &str, problem: Option<&'static str>| {
            self.page_subscribe(&SubscribeContext {
                frame: frame.clone(),
                name: "t".to_owned(),
                title: "T".to_owned(),
                description: chosen.to_owned(),
                elsewhere: vec![OtherPage { tag: language, name: "L".to_owned() }],
                cadences: self.choices_of(language, &["daily"]),
                chosen: chosen.to_owned(),
                topics: Vec::new(),
                zones: Vec::new(),
                zone: "UTC".to_owned(),
                others: if chosen.is_empty() { Vec::new() } else { vec![other(language)] },
                languages: self.languages(language),
                email: chosen.to_owned(),
                meant: problem.map(|_| "a@example.com".to_owned()),
                advertiser: problem.map(|_| "A".to_owned()),
                must_agree: problem.is_some(),
                agreed: false,
                privacy: problem.map(|_| "https://example.com/privacy".to_owned()),
                token: "1.abc".to_owned(),
                return_to: chosen.to_owned(),
                problem,
            })
        };
        vec![
            form("", None),
            form("daily", Some("error_email")),
            embedded(&["daily"], ""),
            embedded(&["daily", "weekly"], "D"),
            confirm(vec![other(language)]),
            confirm(vec![other(language), other(language)]),
        ]
    }

    /// The pages of a reader's own.
    fn own_pages(&self, language: Language, frame: &Frame) -> Vec<Result<String, RenderError>> {
        let choices = |names: &[&str], kept, problem| {
            let newsletter = |names: &[&str], pause: &str| NewsletterChoices {
                name: "t".to_owned(),
                title: "T".to_owned(),
                language,
                cadences: self.choices_of(language, names),
                chosen: "daily".to_owned(),
                topics: vec![TopicChoice { name: "t".to_owned(), chosen: true }],
                pause: pause.to_owned(),
                paused: pause.to_owned(),
                leave: "/u/1.0.abc".to_owned(),
            };
            let newsletters =
                if names.is_empty() { Vec::new() } else { vec![newsletter(names, "2026-12-24"), newsletter(&[], "")] };
            self.page_preferences(&PreferencesContext {
                frame: frame.clone(),
                initial: "a…".to_owned(),
                action: "/p/1.0.abc".to_owned(),
                newsletters,
                first_day: "2026-11-24".to_owned(),
                last_day: "2027-11-24".to_owned(),
                languages: self.languages(language),
                zones: vec!["Asia/Seoul", "UTC"],
                zone: "UTC".to_owned(),
                hours: names.iter().map(|_| "07".to_owned()).collect(),
                hour: "07".to_owned(),
                kept,
                problem,
            })
        };
        let left = |undo: bool, again: Option<&str>| {
            self.page_left(&LeftContext {
                frame: frame.clone(),
                title: "T".to_owned(),
                undo: undo.then(|| "/back/1.0.abc".to_owned()),
                agreement: again.map(str::to_owned),
                less_often: undo.then(|| LessOften { cadence: "weekly".to_owned(), label: "W".to_owned() }),
                why: undo.then(|| "/u/1.0.abc/why".to_owned()),
                reasons: vec!["often", "interest", "never", "other"],
                again: again.map(str::to_owned),
            })
        };
        let leave = LeaveContext { frame: frame.clone(), title: "T".to_owned(), action: "/u/1.0.abc".to_owned() };
        let data = DataContext { frame: frame.clone(), data: "{}".to_owned(), file: "/data/x/data.json".to_owned() };
        vec![
            self.page_leave(&leave),
            self.page_data(&data),
            left(true, None),
            left(false, Some("/subscribe/t")),
            left(false, None),
            choices(&[], false, None),
            choices(&["daily"], true, None),
            choices(&["daily", "weekly"], false, Some("error_pause")),
        ]
    }

    fn choices_of(&self, language: Language, names: &[&str]) -> Vec<CadenceChoice> {
        let choice =
            |name: &&str| CadenceChoice { name: (*name).to_owned(), label: self.cadence_label(language, name) };
        names.iter().map(choice).collect()
    }
}

fn desk_letter(language: Language, task: Task) -> DeskContext {
    let is_whole = task != Task::Delete;
    DeskContext {
        language,
        task,
        title: "The piece".to_owned(),
        html: if is_whole { CleanHtml::from_text("A word.") } else { CleanHtml::default() },
        embedded: BTreeMap::new(),
        spoken: is_whole.then(|| language.to_string()),
        byline: if is_whole { "A · S".to_owned() } else { String::new() },
        url: is_whole.then(|| "https://blog.example.com/1".to_owned()),
        tags: if is_whole { vec!["tag".to_owned()] } else { Vec::new() },
    }
}

fn letter(language: Language) -> LinkContext {
    LinkContext { language, title: "T".to_owned(), link: LINK.to_owned() }
}

fn other(language: Language) -> NewsletterChoice {
    NewsletterChoice { name: "o".to_owned(), title: "O".to_owned(), language, chosen: true }
}

/// With everything, or with as little as there can be.
fn readers_letter(language: Language, posts: usize) -> ReaderLetterContext {
    let post = Headline { title: "P".to_owned(), url: Some("https://blog.example.com/1".to_owned()) };
    ReaderLetterContext {
        language,
        title: "T".to_owned(),
        site: "S".to_owned(),
        home: "https://news.example.com/".to_owned(),
        date: "D".to_owned(),
        posts: vec![post; posts],
        advertising: (posts > 0).then(|| Advertising {
            sender: "A".to_owned(),
            email: "a@example.com".to_owned(),
            contact: "C".to_owned(),
        }),
        preferences: posts > 0,
    }
}

/// What a mail must not lack, and must not have.
fn inspect(name: &str, mail: &Rendered) -> Vec<String> {
    let mut faults = Vec::new();
    for (part, text) in [("html", &mail.html), ("txt", &mail.plain)] {
        let (needed, what) = match name {
            "mail/digest" | "mail/welcome" | "mail/renewal" => {
                (token::UNSUBSCRIBE_URL, "`unsubscribe`, the reader's way out")
            }
            "mail/confirm" | "mail/link" => (LINK, "`link`"),
            "mail/desk" => ("The piece", "`title`"),
            _ => ("Three.", "`paragraphs`"),
        };
        if !text.contains(needed) {
            faults.push(format!("{name}.{part} does not show {what}"));
        }
    }
    let document = Document::from(mail.html.as_str());
    let html = format!("{name}.html");
    if !document.select("html").has_attr("lang") {
        faults.push(format!("{html}: <html> has no lang, by which a reader's program knows how to read it out"));
    }
    for element in NEVER {
        if document.select(element).exists() {
            faults.push(format!("{html}: <{element}> works in no mail program"));
        }
    }
    if document.select("img:not([alt])").exists() {
        faults.push(format!("{html}: an <img> has no alt"));
    }
    let size = mail.html.len() + mail.plain.len();
    if size > MAIL_BYTES {
        faults.push(format!(
            "{name}: {} KB before the first post, where {} are the most",
            size / 1024,
            MAIL_BYTES / 1024
        ));
    }
    faults
}
