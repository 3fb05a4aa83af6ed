//! The doors that are looked into: a folder that the mail server files mails in
//! (cr.yp.to/proto/maildir.html), a mailbox on a server. A mail is marked as taken
//! only when what it says is durable (P12): one that comes twice is one.

use super::{Bounces, Taken};
use crate::config::Imap;
use crate::domain::bounce::BounceKind;
use crate::mail::imap::Mailbox;
use crate::mail::returned::MOST_BYTES;
use crate::store::StoreError;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The most mails that one look takes from each door; the rest is for the next.
const MOST: usize = 500;

/// What a look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// How many mails were taken in.
    pub taken: usize,
    /// What is wrong with which door, in one sentence each.
    pub troubles: Vec<String>,
    /// Whether there is more to take in at once.
    pub more: bool,
}

impl Bounces {
    /// Looks into the folder and the mailbox that the configuration names.
    pub async fn look(&self, stop: &CancellationToken) -> Result<Looked, StoreError> {
        let config = self.config.load_full();
        let mut looked = Looked::default();
        if let Some(folder) = &config.bounces.maildir {
            self.look_into_folder(folder, stop, &mut looked).await?;
        }
        if let Some(imap) = &config.bounces.imap {
            self.look_into_mailbox(imap, stop, &mut looked).await?;
        }
        Ok(looked)
    }

    /// How long until the next look; `None` when there is no door to look into.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        let bounces = &self.config.load().bounces;
        (bounces.maildir.is_some() || bounces.imap.is_some()).then_some(bounces.every)
    }

    async fn look_into_folder(
        &self,
        folder: &Path,
        stop: &CancellationToken,
        looked: &mut Looked,
    ) -> Result<(), StoreError> {
        let names = match in_the_background(folder.to_owned(), |folder| new_mails(&folder)).await {
            Ok(names) => names,
            Err(why) => {
                looked.troubles.push(format!("cannot look into the maildir {}: {why}", folder.display()));
                return Ok(());
            }
        };
        looked.more |= names.len() == MOST;
        for name in names {
            if stop.is_cancelled() {
                break;
            }
            let (path, done) = (folder.join("new").join(&name), folder.join("cur"));
            let mail = match in_the_background(path.clone(), |path| read(&path)).await {
                Ok(mail) => mail,
                Err(why) => {
                    looked.troubles.push(format!("cannot read {}: {why}", path.display()));
                    continue;
                }
            };
            let taken = self.take("maildir", &mail, &[]).await?;
            let flags = if is_for_a_person(taken) { "FS" } else { "S" };
            let done = done.join(format!("{name}:2,{flags}"));
            match in_the_background(path, move |path| fs::rename(path, done)).await {
                Ok(()) => looked.taken += 1,
                Err(why) => looked.troubles.push(format!("cannot file what came in {}: {why}", folder.display())),
            }
        }
        Ok(())
    }

    async fn look_into_mailbox(
        &self,
        imap: &Imap,
        stop: &CancellationToken,
        looked: &mut Looked,
    ) -> Result<(), StoreError> {
        // Only the network is left when a stop comes: what is being written is written.
        let opened = tokio::select! {
            opened = Mailbox::open(imap) => opened,
            () = stop.cancelled() => return Ok(()),
        };
        let mut mailbox = match opened {
            Ok(mailbox) => mailbox,
            Err(why) => {
                looked.troubles.push(why);
                return Ok(());
            }
        };
        match self.empty(&mut mailbox, stop, looked).await? {
            Ok(()) => mailbox.close().await,
            Err(why) => looked.troubles.push(format!("the mailbox at {}: {why}", imap.host)),
        }
        Ok(())
    }

    /// Takes in what is unseen. The inner error is the mailbox's.
    async fn empty(
        &self,
        mailbox: &mut Mailbox,
        stop: &CancellationToken,
        looked: &mut Looked,
    ) -> Result<Result<(), String>, StoreError> {
        let found = tokio::select! {
            found = mailbox.unseen() => found,
            () = stop.cancelled() => return Ok(Ok(())),
        };
        let numbers = match found {
            Ok(numbers) => numbers,
            Err(why) => return Ok(Err(why)),
        };
        looked.more |= numbers.len() > MOST;
        for number in numbers.into_iter().take(MOST) {
            let fetched = tokio::select! {
                fetched = mailbox.fetch(number, MOST_BYTES) => fetched,
                () = stop.cancelled() => return Ok(Ok(())),
            };
            let flagged = match fetched {
                Ok(Some(mail)) => is_for_a_person(self.take("imap", &mail, &[]).await?),
                // Gone meanwhile, or of no bytes: marking it does no harm.
                Ok(None) => true,
                Err(why) => return Ok(Err(why)),
            };
            if let Err(why) = mailbox.mark(number, flagged).await {
                return Ok(Err(why));
            }
            looked.taken += 1;
        }
        Ok(Ok(()))
    }
}

/// Whether a person should look at it: it is flagged where it lies.
fn is_for_a_person(taken: Taken) -> bool {
    matches!(taken, Taken::Kept(BounceKind::Unclear, _))
}

async fn in_the_background<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(move || work(path)).await.map_err(io::Error::other)?
}

/// The names of the files that nobody has seen, the oldest first.
fn new_mails(folder: &Path) -> io::Result<Vec<String>> {
    fs::create_dir_all(folder.join("cur"))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("new"))? {
        let entry = entry?;
        // A link or a pipe is no mail.
        if let (true, Ok(name)) = (entry.file_type()?.is_file(), entry.file_name().into_string())
            && !name.starts_with('.')
        {
            names.push(name);
        }
    }
    names.sort();
    names.truncate(MOST);
    Ok(names)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut mail = Vec::new();
    fs::File::open(path)?.take(MOST_BYTES as u64).read_to_end(&mut mail)?;
    Ok(mail)
}
