//! The whole main job on one machine without network: a small blog, the real
//! daemon, and a mail catcher that speaks real SMTP. What it checks it checks
//! from outside, over HTTP and SMTP, as a reader would.

mod blog;
mod browser;
mod catcher;
mod folder;
mod story;

pub use story::{Engine, run};
