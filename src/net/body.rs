//! Reading an answer's body within its limits: bytes on the wire, bytes after
//! decompression, how much one may swell to the other, and how slow it may be
//! (P15). The limits hold while the bytes stream, so that a bomb is cut and
//! never stored.

use super::FetchError;
use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use futures_util::stream;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::io::StreamReader;

/// What the decoders of this file understand.
pub(super) const ACCEPT_ENCODING: &str = "gzip, br, zstd";

/// How many times its size on the wire a body may have.
const MAX_RATIO: u64 = 100;
/// Below this size a ratio says nothing: a page of spaces is no bomb.
const RATIO_COUNTS_FROM: u64 = 1024 * 1024;
/// The slowest pace, in bytes a second.
const PACE: u64 = 1024;
/// A body that grows beyond this needs one of the few large rooms.
const LARGE: usize = 1024 * 1024;
/// How many large bodies there may be at once: with 20 MiB each they stay under 100 MiB.
const LARGE_ROOMS: usize = 4;
/// How long a body waits for a room before it is given back.
const ROOM_PATIENCE: Duration = Duration::from_secs(10);
/// Memory that a zstd frame may ask for, as a power of two (RFC 8878 section 3.1.1.1.2 recommends 8 MiB).
const ZSTD_WINDOW: u32 = 23;

const FULL: &str = "not read yet, since several other large documents were being read";

/// Room for the few large bodies.
#[derive(Debug, Clone)]
pub(super) struct Rooms(Arc<Semaphore>);

/// A body, with the room that it takes when it is large.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    pub(super) room: Option<OwnedSemaphorePermit>,
}

impl Rooms {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_ROOMS)))
    }

    /// Reads `response` to its end. `max_wire` bounds what is received, twice
    /// that what it unpacks to; it may be late by `grace`.
    pub(super) async fn read(
        &self,
        response: reqwest::Response,
        max_wire: u64,
        grace: Duration,
    ) -> Result<Body, FetchError> {
        if response.content_length().is_some_and(|length| length > max_wire) {
            return Err(too_large(max_wire));
        }
        let coding = response
            .headers()
            .get(reqwest::header::CONTENT_ENCODING)
            .and_then(|value| value.to_str().ok())
            .map(|value| value.trim().to_ascii_lowercase())
            .unwrap_or_default();
        let received = Arc::new(AtomicU64::new(0));
        let wire = StreamReader::new(Box::pin(chunks(response, (max_wire, grace), Arc::clone(&received))));
        let mut unpacked: Box<dyn AsyncRead + Send + Unpin> = match coding.as_str() {
            "gzip" | "x-gzip" => {
                let mut decoder = GzipDecoder::new(wire);
                // RFC 1952 section 2.2: a file is a series of members.
                decoder.multiple_members(true);
                Box::new(decoder)
            }
            "br" => Box::new(BrotliDecoder::new(wire)),
            "zstd" => {
                let mut decoder = ZstdDecoder::with_params(wire, &[DParameter::window_log_max(ZSTD_WINDOW)]);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
            // Servers write nonsense such as `utf-8` or `none` here; what was not asked for is not unpacked.
            _ => Box::new(wire),
        };
        let mut body = Body { bytes: Vec::new(), room: None };
        loop {
            body.bytes.reserve(16 * 1024);
            if unpacked.read_buf(&mut body.bytes).await.map_err(|error| broken(error, &coding))? == 0 {
                // It waits for a reader together with others.
                body.bytes.shrink_to_fit();
                return Ok(body);
            }
            let size = u64::try_from(body.bytes.len()).unwrap_or(u64::MAX);
            if size > max_wire.saturating_mul(2) {
                return Err(FetchError::Permanent(format!("it unpacks to more than {}", mebibytes(max_wire * 2))));
            }
            if size > RATIO_COUNTS_FROM && size / received.load(Ordering::Relaxed).max(1) > MAX_RATIO {
                return Err(FetchError::Permanent(format!("it unpacks to more than {MAX_RATIO} times its size")));
            }
            if body.bytes.len() > LARGE && body.room.is_none() {
                let room = timeout(ROOM_PATIENCE, Arc::clone(&self.0).acquire_owned());
                // The semaphore is never closed; should it be, there is room for all.
                body.room = room.await.map_err(|_| FetchError::NotAsked { why: FULL.to_owned(), rest: None })?.ok();
            }
        }
    }
}

/// The bytes as they come, counted and timed.
fn chunks(
    response: reqwest::Response,
    (max_wire, grace): (u64, Duration),
    received: Arc<AtomicU64>,
) -> impl stream::Stream<Item = io::Result<hyper::body::Bytes>> {
    let latest = Instant::now() + grace;
    stream::try_unfold((response, received), move |(mut response, received)| async move {
        let so_far = received.load(Ordering::Relaxed);
        let pace = Duration::from_millis(so_far.saturating_mul(1000) / PACE);
        let chunk = match timeout_at(latest + pace, response.chunk()).await {
            Err(_) => return Err(io::Error::other(FetchError::temporary("it came at less than 1 KiB/s"))),
            Ok(Err(error)) => return Err(io::Error::other(super::words::broke(&error))),
            Ok(Ok(None)) => return Ok(None),
            Ok(Ok(Some(chunk))) => chunk,
        };
        let total = so_far.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if total > max_wire {
            return Err(io::Error::other(too_large(max_wire)));
        }
        received.store(total, Ordering::Relaxed);
        Ok(Some((chunk, (response, received))))
    })
}

/// An error of the wire passes through the decoder as it was; any other is the decoder's own.
fn broken(error: io::Error, coding: &str) -> FetchError {
    error
        .downcast::<FetchError>()
        .unwrap_or_else(|error| FetchError::temporary(format!("its {coding} compression is broken ({error})")))
}

fn too_large(max_wire: u64) -> FetchError {
    FetchError::Permanent(format!("it is larger than {}", mebibytes(max_wire)))
}

fn mebibytes(bytes: u64) -> String {
    if bytes >= 1024 * 1024 { format!("{} MiB", bytes / (1024 * 1024)) } else { format!("{bytes} bytes") }
}
