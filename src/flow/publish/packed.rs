//! A document's bytes in every encoding, made once: a reader's copy is a pointer.

use crate::domain::time::Timestamp;
use crate::domain::token::sha256_hex;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{Arc, OnceLock};

/// How bytes are packed on their way (RFC 9110 section 8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As they are.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// Every coding, the one to prefer first: brotli is the smallest.
    pub const ALL: [Self; 4] = [Self::Brotli, Self::Zstd, Self::Gzip, Self::Identity];

    /// Its name in `Content-Encoding`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// A document, ready to serve.
#[derive(Debug)]
pub struct Packed {
    identity: Bytes,
    file: OnceLock<Option<Arc<File>>>,
    gzip: Bytes,
    brotli: Bytes,
    zstd: Bytes,
    /// A digest of the bytes, which its entity tags begin with.
    pub digest: String,
    /// The last change of its posts.
    pub modified: Timestamp,
    /// The same as a header has it (IMF-fixdate, RFC 9110 section 5.6.7).
    pub last_modified: Bytes,
    etags: [Bytes; Coding::ALL.len()],
    /// What it is linked with, as the `Link` header has it (RFC 8288); empty for nothing.
    pub links: Bytes,
}

/// A long document's bytes, and a file in memory (`memfd_create(2)`) that the kernel can send by itself. Clones share
/// both.
#[derive(Debug, Clone)]
pub struct Filed {
    /// The bytes.
    pub bytes: Bytes,
    /// The same bytes.
    pub file: Arc<File>,
}

/// How hard brotli tries, of 11: beyond 6 it takes ten times as long for a twentieth less.
const BROTLI: i32 = 6;
/// How hard zstd tries, of 22.
const ZSTD: i32 = 12;
/// From so many bytes on, a document is worth a file.
const LONG: usize = 64 * 1024;

impl Packed {
    /// Packs a text in every way: some tens of milliseconds of work for a megabyte.
    pub(super) fn new(text: String, modified: Timestamp, links: String) -> io::Result<Self> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(text.as_bytes())?;
        let mut packed = Vec::new();
        let how = BrotliEncoderParams { quality: BROTLI, size_hint: text.len(), ..BrotliEncoderParams::default() };
        brotli::BrotliCompress(&mut text.as_bytes(), &mut packed, &how)?;
        let digest = digest(&text);
        Ok(Self {
            gzip: gzip.finish()?.into(),
            brotli: packed.into(),
            zstd: zstd::encode_all(text.as_bytes(), ZSTD)?.into(),
            etags: Coding::ALL.map(|coding| format!("\"{digest}-{}\"", coding.as_str()).into()),
            digest,
            identity: text.into(),
            file: OnceLock::new(),
            links: links.into(),
            modified,
            last_modified: modified.to_datetime().format("%a, %d %b %Y %H:%M:%S GMT").to_string().into(),
        })
    }

    /// Its bytes in a coding.
    #[must_use]
    pub fn bytes(&self, coding: Coding) -> &Bytes {
        match coding {
            Coding::Identity => &self.identity,
            Coding::Gzip => &self.gzip,
            Coding::Brotli => &self.brotli,
            Coding::Zstd => &self.zstd,
        }
    }

    /// Its bytes as they are with a file of the same, made when it is first asked for; `None` of a short document, and
    /// where the system gives no file.
    #[must_use]
    pub fn filed(&self) -> Option<Filed> {
        let make = || {
            let mut file = File::from(memfd_create("document", MemfdFlags::CLOEXEC).ok()?);
            file.write_all(&self.identity).ok()?;
            Some(Arc::new(file))
        };
        let file = if self.identity.len() < LONG { None } else { self.file.get_or_init(make).clone() };
        Some(Filed { bytes: self.identity.clone(), file: file? })
    }

    /// The entity tag of a coding: each has one of its own (RFC 9110 section 8.8.3).
    #[must_use]
    pub fn etag(&self, coding: Coding) -> &Bytes {
        let [brotli, zstd, gzip, identity] = &self.etags;
        match coding {
            Coding::Brotli => brotli,
            Coding::Zstd => zstd,
            Coding::Gzip => gzip,
            Coding::Identity => identity,
        }
    }

    /// What it takes in memory, in bytes, with its file, be that made or not; about.
    pub(super) fn size(&self) -> usize {
        let file = if self.identity.len() < LONG { 0 } else { self.identity.len() };
        Coding::ALL.iter().map(|coding| self.bytes(*coding).len()).sum::<usize>() + file + 512
    }
}

/// What tells texts apart.
pub(super) fn digest(text: &str) -> String {
    sha256_hex(text.as_bytes()).chars().take(32).collect()
}
