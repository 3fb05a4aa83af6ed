//! The demonstration's files: a folder that is gone when it ends.

use crate::clock::Chance;
use crate::domain::token::hex;
use std::path::PathBuf;

pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn make(chance: &Chance) -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("syndicated-demo-{}", hex(&chance.bytes::<6>())));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
