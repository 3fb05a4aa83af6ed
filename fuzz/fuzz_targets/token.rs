//! Words of links, forms, hubs and mailboxes: none of another maker is taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::token::{Claim, Purpose, SecretKey};
use syndicated::domain::verp::Tag;

fuzz_target!(|word: &str| {
    let key = SecretKey::new(b"0123456789abcdef0123456789abcdef".to_vec()).expect("long enough");
    if let Some(claim) = Claim::read(word) {
        for purpose in [Purpose::Confirm, Purpose::Preferences, Purpose::Unsubscribe, Purpose::Undo, Purpose::Address, Purpose::Data] {
            assert!(!key.verify(purpose, &claim, ""), "{word} was taken");
        }
    }
    assert!(key.read_callback(word).is_none());
    assert!(key.read_form_token("page", word).is_none());
    assert!(!key.made_hook(word, "relay"));
    let _ = Tag::read(word);
});
