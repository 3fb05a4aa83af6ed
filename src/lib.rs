//! syndicated

pub mod clock;
pub mod config;
pub mod domain;
pub mod flow;
pub mod net;
pub mod read;
pub mod store;
