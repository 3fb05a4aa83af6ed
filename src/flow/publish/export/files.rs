//! The files of an export: each written whole or not at all, and only when it is another.

use super::made::LIST;
use super::{ExportError, Exported};
use percent_encoding::percent_decode_str;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The folder that is written into.
pub(super) struct Folder {
    path: PathBuf,
    /// The files of the part in hand, by their paths below the folder.
    files: Vec<String>,
    done: Exported,
}

impl Folder {
    /// Opens a folder that is empty or was written by an export; makes it when it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, ExportError> {
        let failed = |why| ExportError::File(path.to_owned(), why);
        fs::create_dir_all(path).map_err(failed)?;
        let is_empty = fs::read_dir(path).map_err(failed)?.next().is_none();
        if !is_empty && !path.join(LIST).exists() {
            return Err(ExportError::Occupied(path.to_owned()));
        }
        // Whoever stops it now may begin again.
        let list = path.join(LIST);
        fs::OpenOptions::new().create(true).append(true).open(&list).map_err(|why| ExportError::File(list, why))?;
        Ok(Self { path: path.to_owned(), files: Vec::new(), done: Exported::default() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what stands at an address of the site, without its leading slash.
    pub(super) fn write(&mut self, address: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let decoded = percent_decode_str(address).decode_utf8_lossy();
        let file = if decoded.is_empty() || decoded.ends_with('/') {
            format!("{decoded}index.html")
        } else {
            decoded.into_owned()
        };
        let path = self.path.join(&file);
        let failed = |why| ExportError::File(path.clone(), why);
        let is_same = match fs::metadata(&path) {
            Ok(known) => {
                known.len() == u64::try_from(bytes.len()).unwrap_or(u64::MAX)
                    && fs::read(&path).map_err(failed)? == bytes
            }
            Err(why) if why.kind() == ErrorKind::NotFound => false,
            Err(why) => return Err(failed(why)),
        };
        if is_same {
            self.done.unchanged += 1;
        } else {
            replace(&path, bytes).map_err(failed)?;
            self.done.written += 1;
        }
        self.files.push(file);
        Ok(())
    }

    /// The files of the part that is done.
    pub(super) fn files(&mut self) -> Vec<String> {
        std::mem::take(&mut self.files)
    }

    /// Counts files that are left as they are.
    pub(super) fn keep(&mut self, count: usize) {
        self.done.kept += u64::try_from(count).unwrap_or(u64::MAX);
    }

    /// Takes away files that are published no more, and the folders that they leave empty.
    pub(super) fn remove(&mut self, files: Vec<String>) -> Result<(), ExportError> {
        for file in files {
            let path = self.path.join(&file);
            match fs::remove_file(&path) {
                Ok(()) => self.done.removed += 1,
                Err(why) if why.kind() == ErrorKind::NotFound => {}
                Err(why) => return Err(ExportError::File(path, why)),
            }
            let mut above = Path::new(&file).parent();
            while let Some(folder) = above.filter(|folder| !folder.as_os_str().is_empty()) {
                // It goes only when nothing is left in it.
                if fs::remove_dir(self.path.join(folder)).is_err() {
                    break;
                }
                above = folder.parent();
            }
        }
        Ok(())
    }

    pub(super) fn done(&self) -> Exported {
        self.done
    }
}

/// Puts a whole file in the place of what is there: a web server never sees half of one.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = path.with_file_name(".syndicated-writing");
    fs::write(&beside, bytes)?;
    fs::rename(&beside, path)
}
