//! How long each phase of a request may take.

use std::time::Duration;

/// The longest that each phase of a request may take; the document in all has
/// the configuration's `timeout` beside.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Looking up the host's name.
    pub lookup: Duration,
    /// A connection, TLS included.
    pub connect: Duration,
    /// From a connection to the end of the answer's headers.
    pub first_byte: Duration,
    /// So late a body may be before its pace counts (1 KiB/s).
    pub grace: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let [lookup, connect, first_byte, grace] = [5, 10, 15, 5].map(Duration::from_secs);
        Self { lookup, connect, first_byte, grace }
    }
}
