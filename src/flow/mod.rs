//! What syndicated does, one story a file, read from top to bottom.

pub mod poll;
