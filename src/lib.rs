//! syndicated follows blogs, stores their posts, republishes them as feeds and
//! mails them as digests: each post, to each reader, once.
//!
//! # The way of one post
//!
//! 1. [`scheduler`] runs [`flow::poll`], which claims a source that is due.
//! 2. [`net`] fetches its document: conditional, bounded, guarded, polite.
//! 3. [`read`] turns the bytes into entries, decoded, parsed and sanitised.
//! 4. [`store::Store::admit`] writes posts and validators in one transaction.
//! 5. [`flow::publish`] renders feeds when they have changed; [`web`] serves them.
//! 6. [`flow::digest`] decides on the slots of each cadence, and freezes a digest
//!    with its posts and one delivery for each reader in one transaction.
//! 7. [`flow::deliver`] takes deliveries as attempts, durable before MAIL FROM;
//!    [`mail`] speaks SMTP phase by phase; the verdict settles the attempt.
//! 8. When the balance of a digest closes, it is done.
//!
//! Posts go to second outlets as well: [`flow::crosspost`] writes down what each is to
//! get, and [`outlet`] speaks its protocol.
//!
//! A hub that announces a change makes its source due at once: [`flow::websub`].
//! Readers come and go through [`web`] and [`flow::subscribe`], or in lists that an
//! operator brings: [`flow::import`]. What comes back of their mails goes through
//! [`flow::bounce`].
//!
//! # Rooms
//!
//! Imports run downwards only; rooms on one floor are strangers to each other:
//! [`cli`] · [`daemon`] · [`demo`] · [`doctor`] ▸ [`web`] · [`scheduler`] ▸
//! [`flow`] ▸ [`outlet`] ▸ [`store`] · [`net`] · [`read`] · [`publish`] · [`mail`] ·
//! [`render`] ▸ [`config`] · [`lifecycle`] ▸ [`domain`] · [`clock`].
//!
//! A newcomer reads `domain/delivery.rs`, `flow/poll.rs` and `flow/deliver.rs`
//! and knows the program. `P…`, `R…` and `S…` in comments number the promises,
//! tests and safety rules of the project.

pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod doctor;
pub mod domain;
pub mod flow;
pub mod lifecycle;
pub mod mail;
pub mod net;
pub mod outlet;
pub mod publish;
pub mod read;
pub mod render;
pub mod scheduler;
pub mod store;
pub mod web;

/// Where memory comes from: see `Cargo.toml` for why, `.cargo/config.toml` for how.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(fuzzing)))]
#[global_allocator]
static MEMORY: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
