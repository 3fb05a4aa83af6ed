//! Copies that are written before their turn, while connections wait for the
//! relay: what signs takes its time where nobody waits for it. A draft marks
//! nothing and promises nothing (P4); it is used if the attempt turns out to be
//! of the very same mail, and is otherwise written anew.

use super::copy::{self, Master};
use crate::config::Config;
use crate::domain::id::DeliveryId;
use crate::mail::Message;
use crate::render::Renderer;
use crate::store::{Attempt, Coming};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;

/// How many copies are written at once: each takes a core for a moment.
const WRITERS: usize = 2;

/// A copy, or why it cannot be written.
type Copy = Result<Message, String>;

/// What is written ahead under one configuration.
#[derive(Default)]
pub(super) struct Drafts {
    desk: Arc<Mutex<Desk>>,
    writers: JoinSet<()>,
}

#[derive(Default)]
struct Desk {
    queue: VecDeque<(Coming, Arc<Master>)>,
    written: HashMap<DeliveryId, (Coming, Copy)>,
}

impl Drafts {
    /// Begins to write the copies of `coming`; drafts of others are let go.
    pub(super) fn begin(&mut self, coming: Vec<(Coming, Arc<Master>)>, config: &Arc<Config>, renderer: &Arc<Renderer>) {
        let mut desk = open(&self.desk);
        let mut kept = std::mem::take(&mut desk.written);
        desk.queue.clear();
        for (mail, master) in coming {
            match kept.remove(&mail.delivery) {
                Some(draft) => drop(desk.written.insert(mail.delivery, draft)),
                None => desk.queue.push_back((mail, master)),
            }
        }
        drop(desk);
        while self.writers.try_join_next().is_some() {}
        while self.writers.len() < WRITERS {
            let (desk, config, renderer) = (self.desk.clone(), config.clone(), renderer.clone());
            self.writers.spawn(async move {
                while let Some((mail, master)) = next(&desk) {
                    let copy = copy::write(&config, &renderer, (&mail).into(), Some(&master));
                    open(&desk).written.insert(mail.delivery, (mail, copy));
                    // Mails that are under way go first.
                    tokio::task::yield_now().await;
                }
            });
        }
    }

    /// The draft of an attempt, if there is one of the very same mail.
    pub(super) fn take(&self, attempt: &Attempt) -> Option<Copy> {
        let mut desk = open(&self.desk);
        desk.queue.retain(|(mail, _)| mail.delivery != attempt.delivery());
        let (mail, copy) = desk.written.remove(&attempt.delivery())?;
        mail.became(attempt).then_some(copy)
    }
}

fn next(desk: &Mutex<Desk>) -> Option<(Coming, Arc<Master>)> {
    open(desk).queue.pop_front()
}

fn open(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}
