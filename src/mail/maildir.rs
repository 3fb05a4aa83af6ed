//! A maildir as the relay: for a new user without one, and for trying things
//! (cr.yp.to/proto/maildir.html).

use super::{Message, Session, Transport};
use crate::domain::delivery::Verdict;
use crate::domain::token::sha256_hex;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// A folder with `tmp`, `new` and `cur` in it.
#[derive(Debug, Clone)]
pub(super) struct Maildir {
    folder: PathBuf,
}

impl Maildir {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes the folders that are not there.
    async fn prepare(&self) -> Result<(), String> {
        let folder = self.folder.clone();
        let made = tokio::task::spawn_blocking(move || {
            ["tmp", "new", "cur"].iter().try_for_each(|part| fs::create_dir_all(folder.join(part)))
        });
        made.await
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| format!("cannot make the maildir {}: {error}", self.folder.display()))
    }

    /// Writes the message, durably, under a name that follows from its
    /// Message-ID: a repeat takes the first one's place (P5).
    async fn deliver(&self, message: &Message) -> Verdict {
        let name = format!("{}.syndicated", sha256_hex(message.id.as_bytes()).chars().take(40).collect::<String>());
        let (folder, bytes) = (self.folder.clone(), message.bytes.clone());
        let written = tokio::task::spawn_blocking(move || -> io::Result<()> {
            let (draft, place) = (folder.join("tmp").join(&name), folder.join("new").join(&name));
            let mut file = File::create(&draft)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&draft, &place)?;
            // The name is durable only with its folder.
            File::open(folder.join("new"))?.sync_all()
        });
        match written.await.map_err(io::Error::other).flatten() {
            Ok(()) => Verdict::Sent { reply: "written to the maildir".to_owned() },
            Err(error) => Verdict::RelayTrouble {
                reason: format!("cannot write to the maildir {}: {error}", self.folder.display()),
            },
        }
    }
}

impl Transport for Maildir {
    fn open(&self) -> BoxFuture<'_, Result<Box<dyn Session>, String>> {
        async { self.prepare().await.map(|()| Box::new(self.clone()) as Box<dyn Session>) }.boxed()
    }
}

impl Session for Maildir {
    fn send<'a>(&'a mut self, message: &'a Message) -> BoxFuture<'a, Verdict> {
        self.deliver(message).boxed()
    }

    fn is_usable(&self) -> bool {
        true
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}
