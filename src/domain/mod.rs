//! The words of the field. No I/O and no SQL: values that are parsed once, at
//! the edge, and are valid from then on.

pub mod bounce;
pub mod composition;
pub mod consent;
pub mod delivery;
pub mod digest;
pub mod dkim;
pub mod email_address;
pub mod filter;
pub mod harvest;
pub mod html;
pub mod id;
pub mod label;
pub mod language;
pub mod letter;
pub mod likeness;
pub mod newsletter;
pub mod pace;
pub mod picture;
pub mod platform;
pub mod post;
pub mod reading;
pub mod schedule;
pub mod search;
pub mod slug;
pub mod source;
pub mod span;
pub mod subscriber;
pub mod tag;
pub mod text;
pub mod time;
pub mod token;
pub mod typo;
pub mod url;
pub mod verp;
pub mod websub;
