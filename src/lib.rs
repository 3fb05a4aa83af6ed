//! syndicated

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
pub mod publish;
pub mod read;
pub mod render;
pub mod scheduler;
pub mod store;
pub mod web;
