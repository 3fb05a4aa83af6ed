//! Mail addresses: what is one stays one, whatever is made of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use syndicated::domain::email_address::EmailAddress;
use syndicated::domain::typo::meant;

fuzz_target!(|text: &str| {
    let Ok(address) = text.parse::<EmailAddress>() else { return };
    assert!(!address.as_str().contains(char::is_control), "a header could be broken by {address:?}");
    let again: EmailAddress = address.as_str().parse().expect("what is shown can be written again");
    assert_eq!(again.key(), address.key());
    assert!(address.ascii_domain().is_ascii());
    let _ = (address.mailbox(), address.is_public(), meant(&address.ascii_domain()));
    let _ = (address.initial(), address.masked(), address.for_wire(), address.with_tag('+', "1.2"));
});
