//! What syndicated does, one story a file, read from top to bottom.

pub mod bounce;
pub mod crosspost;
pub mod deliver;
pub mod digest;
pub mod import;
pub mod outlines;
pub mod plan;
pub mod poll;
pub mod publish;
pub mod retract;
pub mod subscribe;
pub mod websub;
