//! The list of what an export has written: each part with what it was made of, and its files.

use super::ExportError;
use super::files::replace;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The list's file.
pub(super) const LIST: &str = ".syndicated-export";

/// What was made.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// As it was found.
    before: BTreeMap<String, Part>,
    /// As it is now.
    now: BTreeMap<String, Part>,
}

#[derive(Debug, Default)]
struct Part {
    stamp: String,
    files: Vec<String>,
}

impl Made {
    /// Reads the list of a folder; what is broken in it is made anew. A line is a part's name and stamp, or
    /// one of its files behind a tab.
    pub(super) fn read(folder: &Path) -> Result<Self, ExportError> {
        let path = folder.join(LIST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if matches!(why.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => String::new(),
            Err(why) => return Err(ExportError::File(path, why)),
        };
        let mut before: BTreeMap<String, Part> = BTreeMap::new();
        let mut name: Option<String> = None;
        for line in text.lines() {
            match (line.strip_prefix('\t'), &name) {
                (Some(file), Some(name)) => {
                    if let Some(part) = before.get_mut(name).filter(|_| is_below(file)) {
                        part.files.push(file.to_owned());
                    }
                }
                (Some(_), None) => {}
                (None, _) => {
                    let (stamp, part) = line.split_once(' ').unwrap_or((line, ""));
                    before.insert(part.to_owned(), Part { stamp: stamp.to_owned(), files: Vec::new() });
                    name = Some(part.to_owned());
                }
            }
        }
        Ok(Self { before, now: BTreeMap::new() })
    }

    /// Whether a part was made of the same.
    pub(super) fn is_of(&self, name: &str, stamp: &str) -> bool {
        self.before.get(name).is_some_and(|part| part.stamp == stamp)
    }

    /// Leaves a part as it is; says how many files it has.
    pub(super) fn keep(&mut self, name: &str) -> usize {
        let part = self.before.remove(name).unwrap_or_default();
        let count = part.files.len();
        self.now.insert(name.to_owned(), part);
        count
    }

    /// Takes down a part that was made.
    pub(super) fn put(&mut self, name: &str, stamp: String, files: Vec<String>) {
        self.now.insert(name.to_owned(), Part { stamp, files });
    }

    /// The files that no part has any more.
    pub(super) fn gone(&self) -> Vec<String> {
        let here: BTreeSet<&String> = self.now.values().flat_map(|part| &part.files).collect();
        let before = self.before.values().flat_map(|part| &part.files);
        before.filter(|file| !here.contains(file)).cloned().collect()
    }

    /// Writes the list.
    pub(super) fn write(&self, folder: &Path) -> Result<(), ExportError> {
        let mut text = String::new();
        for (name, Part { stamp, files }) in &self.now {
            text.extend([stamp, " ", name, "\n"]);
            for file in files {
                text.extend(["\t", file, "\n"]);
            }
        }
        let path = folder.join(LIST);
        replace(&path, text.as_bytes()).map_err(|why| ExportError::File(path, why))
    }
}

/// Whether a path leads to nowhere but below the folder: what the list names may be taken away.
fn is_below(file: &str) -> bool {
    Path::new(file).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}
