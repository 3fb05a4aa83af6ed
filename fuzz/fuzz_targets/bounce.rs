//! Mails that come back: reports, complaints, letters of hosts, and bytes of none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::bounce::{reported, written};
use syndicated::domain::verp::Tag;
use syndicated::mail::returned::{Returned, What};

fuzz_target!(|mail: &[u8]| {
    let returned = Returned::read(mail);
    for to in &returned.to {
        let _ = Tag::read(to);
    }
    match returned.what {
        What::Report(readers) => {
            for reader in readers {
                let _ = reported(reader.action, reader.status, &reader.words);
            }
        }
        What::Letter(words) | What::Answer(words) => drop(written(&words)),
        What::Complaint { .. } | What::Other => {}
    }
});
