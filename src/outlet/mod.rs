//! Other places where posts are published again, one protocol a file, over `net`.
//!
//! Kept here: each protocol says honestly what came of asking ([`Outcome`]), and
//! whether it can be looked up ([`Found`]); what to do about that is `flow`'s. No
//! message, draft or log line holds a secret.

mod answer;
mod bluesky;
mod directory;
mod ghost;
mod mail;
mod mastodon;
mod micropub;
mod pictures;
mod request;
mod webhook;
mod wordpress;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::outlet::{Draft, Found, Gone, Kind, Manuscript, Outcome, Outlet, Receipt};
use crate::net::Client;
use crate::render::Renderer;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// How an outlet is spoken to.
pub trait Protocol: Send + Sync {
    /// What [`post`](Self::post) would send, for people to read.
    fn draft(&self, manuscript: &Manuscript) -> Draft;

    /// Asks the outlet what a [`draft`](Self::draft) depends on, such as how long a message may be.
    fn prepare(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Whether the outlet has a post that may have been handed to it already: asked before it is sent again (P14).
    fn find<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Found>;

    /// Hands a post over.
    fn post<'a>(&'a self, manuscript: &'a Manuscript) -> BoxFuture<'a, Outcome>;

    /// Makes what the outlet has into what the post is now.
    fn update<'a>(&'a self, manuscript: &'a Manuscript, at: &'a Receipt) -> BoxFuture<'a, Outcome>;

    /// Takes down what the outlet has. What is not there is done.
    fn delete<'a>(&'a self, gone: &'a Gone, at: &'a Receipt) -> BoxFuture<'a, Outcome>;

    /// Tries the outlet without publishing anything; the receipt's id says in plain words what was tried.
    fn test(&self) -> BoxFuture<'_, Outcome>;
}

/// What outlets are spoken to with.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// Who mails come from, and by which relays they leave.
    pub config: &'a Config,
    /// What mails are written with.
    pub renderer: &'a Arc<Renderer>,
    /// The way to other sites.
    pub client: &'a Client,
    /// The time.
    pub clock: &'a Clock,
}

/// How this outlet is spoken to.
#[must_use]
pub fn open(outlet: &Outlet, means: &Means<'_>) -> Box<dyn Protocol> {
    let (name, Means { client, clock, .. }) = (outlet.name.clone(), *means);
    match &outlet.kind {
        Kind::Webhook(webhook) => webhook::open(name, webhook, client, clock),
        Kind::Ghost(ghost) => Box::new(ghost::Site::new(name, ghost.clone(), client, clock)),
        Kind::Directory(directory) => Box::new(directory::Folder::new(name, directory.clone(), client.clone())),
        Kind::Bluesky(account) => Box::new(bluesky::Account::new(name, account, client, clock)),
        Kind::Mastodon(account) => Box::new(mastodon::Account::new(name, account, client, clock)),
        Kind::WordPress(site) => Box::new(wordpress::Site::new(name, site.clone(), client, clock)),
        Kind::Micropub(site) => Box::new(micropub::Site::new(name, site.clone(), client.clone())),
        Kind::Mail(mail) => Box::new(mail::Mailbox::new(outlet, mail, means)),
    }
}
