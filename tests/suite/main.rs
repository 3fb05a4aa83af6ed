//! The program from outside, one module a behaviour. One binary, so that it is
//! linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::too_many_lines,
    reason = "a test may panic, read the environment and spawn as it likes"
)]

mod announcing;
mod architecture;
mod archived;
mod awkward;
mod bouncing;
mod browsing;
mod browsing_archive;
mod browsing_sign_ups;
mod cancelled;
mod charsets;
mod commanding;
mod composing;
mod configuring;
mod correcting;
mod crash;
mod crash_points;
mod damaging;
mod delivering;
mod digests;
mod doors;
mod editing;
mod engines;
mod essays;
mod exporting;
mod feeds;
mod filtering;
mod finding;
mod full_disk;
mod guarding;
mod health;
mod hostile;
mod hub;
mod identity;
mod identity_script;
mod importing;
mod keeping;
mod kept_verdicts;
mod killed_polls;
mod kills;
mod lanes;
mod leaving;
mod likeness;
mod lint;
mod long_answers;
mod looking;
mod mails;
mod main_job;
mod opening;
mod opinions;
mod origin;
mod outage;
mod outlets;
mod outlines;
mod outside;
mod own_data;
mod page_sources;
mod payloads;
mod pieces;
mod planning;
mod polling;
mod post_office;
mod preferences;
mod program;
mod publishing;
mod races;
mod readers;
mod reading;
mod relays;
mod reports;
mod restarts;
mod retracting;
mod rewriting;
mod round_trip;
mod rules;
mod scanners;
mod searching;
mod secure_relays;
mod serving;
mod sign_ups;
mod signing;
mod simulated;
mod sink;
mod site;
mod stage;
mod state_changes;
mod store_of_truth;
mod subscribers;
mod templates;
mod together;
mod turns;
mod watching;
mod web_digests;
mod websub;
