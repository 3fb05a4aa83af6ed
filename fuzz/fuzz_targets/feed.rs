//! Whole documents: a feed, a page or neither. What is read keeps its promises,
//! and can be written as a feed of each form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::id::{PostId, SourceId};
use syndicated::domain::platform::Platforms;
use syndicated::domain::post::{Post, Standing};
use syndicated::domain::time::Timestamp;
use syndicated::publish::{Channel, Format, Item, write};
use syndicated::read::{Input, fingerprint, read};

fuzz_target!(|bytes: &[u8]| {
    let base = "https://example.org/blog/feed.xml".parse().expect("a sound address");
    let Ok(reading) = read(&Input { bytes, content_type: None, base: Some(&base), platforms: &Platforms::default() })
    else {
        return;
    };
    assert_eq!(reading.raw.len(), reading.document.entries.len());
    let posts: Vec<Post> = (1_i64..)
        .zip(reading.document.entries)
        .map(|(id, entry)| {
            assert!(!entry.guid.is_empty());
            let fingerprint = fingerprint(&entry);
            assert!(!fingerprint.is_empty());
            Post {
                id: PostId(id),
                source: SourceId(1),
                source_name: "essays".parse().expect("a sound name"),
                source_language: None,
                entry,
                fingerprint,
                first_seen: Timestamp::from_millis(1_790_000_000_000),
                changed: Timestamp::EPOCH,
                standing: Standing::Live,
                filtered_by: None,
            }
        })
        .collect();
    let channel = Channel::new("Essays", "en", base.clone(), base.clone());
    let items: Vec<Item<'_>> = posts.iter().map(|post| Item { post, origin: None }).collect();
    for format in Format::ALL {
        let written = write(format, &channel, &items).expect("whatever was read can be written");
        let input = Input { bytes: written.as_bytes(), content_type: None, base: Some(&base), platforms: &Platforms::default() };
        let again = read(&input).expect("what we write can be read");
        assert!(again.document.entries.len() <= posts.len());
    }
});
