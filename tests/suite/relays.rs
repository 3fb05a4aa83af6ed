//! R11: what a relay may do at each phase of a conversation, and the verdict
//! that it gives (P4, P6, P10).

use crate::sink::{Act, Phase, Sink};
use futures_util::{StreamExt as _, stream};
use std::time::Duration;
use syndicated::config::{Relay, Secret, Tls};
use syndicated::domain::delivery::Verdict;
use syndicated::mail::{Deadlines, Message, transport};

/// Short ones: for these tests only that there are any counts.
fn deadlines() -> Deadlines {
    let short = Duration::from_secs(3);
    Deadlines { connect: short, command: short, data: short, finish: short }
}

fn message(size: usize) -> Message {
    let line = "What is written here does not matter at all, only how long it is, in bytes.\r\n";
    let mut bytes = b"Subject: x\r\n\r\n".to_vec();
    while bytes.len() < size {
        bytes.extend(line.as_bytes());
    }
    Message {
        from: "news@example.org".parse().unwrap(),
        to: "reader@example.com".parse().unwrap(),
        id: "1@example.org".to_owned(),
        bytes,
    }
}

/// Hands one message over, as the courier does.
async fn verdict(relay: &Relay, message: &Message) -> Verdict {
    match transport(relay, deadlines()).open().await {
        Err(reason) => Verdict::RelayTrouble { reason },
        Ok(mut session) => {
            let verdict = session.send(message).await;
            session.close().await;
            verdict
        }
    }
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Sent { .. } => "sent",
        Verdict::Deferred { .. } => "deferred",
        Verdict::Bounced { .. } => "bounced",
        Verdict::Refused { .. } => "refused",
        Verdict::Unknown { .. } => "unknown",
        Verdict::RelayTrouble { .. } => "trouble",
    }
}

pub(crate) fn with_login(relay: Relay) -> Relay {
    match relay {
        Relay::Smtp { host, port, tls, .. } => {
            Relay::Smtp { host, port, tls, login: Some(("anna".to_owned(), Secret::new("open sesame".to_owned()))) }
        }
        other @ Relay::Maildir(_) => other,
    }
}

/// The verdicts as they are written down: a row for each phase, a cell for each fault.
pub(crate) fn written_verdicts() -> Vec<(String, Vec<String>)> {
    let text = include_str!("../../docs/delivery.md");
    let row =
        |line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect() };
    let mut rows: Vec<_> = text.lines().filter(|line| line.starts_with('|')).map(row).collect();
    let head = rows.remove(0);
    assert_eq!(head[1..], FAULTS.map(|(name, _)| name));
    rows.remove(0);
    rows.into_iter().map(|mut row| (row.remove(0), row)).collect()
}

pub(crate) const FAULTS: [(&str, Act); 10] = [
    ("4xx", Act::Say("450 4.2.0 not now")),
    ("5xx", Act::Say("550 5.7.1 never")),
    ("421", Act::Say("421 4.3.2 shutting down")),
    ("closes", Act::Close),
    ("resets", Act::Reset),
    ("hangs", Act::Hang),
    ("one byte a time", Act::Drip(Duration::from_millis(100))),
    ("garbage", Act::Garbage),
    ("a line of 1 MiB", Act::LongLine),
    ("lines without end", Act::Endless),
];

pub(crate) const PHASES: [(&str, Phase); 11] = [
    ("connect", Phase::Connect),
    ("banner", Phase::Banner),
    ("EHLO", Phase::Ehlo),
    ("STARTTLS", Phase::StartTls),
    ("AUTH", Phase::Auth),
    ("MAIL", Phase::Mail),
    ("RCPT", Phase::Rcpt),
    ("DATA", Phase::Data),
    ("body", Phase::Body),
    ("final dot", Phase::Dot),
    ("QUIT", Phase::Quit),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_phase_has_the_verdict_that_is_written_down() {
    let table = written_verdicts();
    assert_eq!(table.len(), PHASES.len());
    let mut cells = Vec::new();
    for ((written, verdicts), (name, phase)) in table.into_iter().zip(PHASES) {
        assert_eq!((written.as_str(), verdicts.len()), (name, FAULTS.len()));
        cells.extend(FAULTS.into_iter().zip(verdicts).map(|((fault, act), expected)| (phase, fault, act, expected)));
    }
    assert_eq!(cells.len(), 110);
    // By a relay that wants one command after the other, and by one that takes them together.
    let twice = cells.into_iter().flat_map(|cell| [(cell.clone(), false), (cell, true)]);
    let tried = twice.map(|((phase, fault, act, expected), pipelining)| {
        tokio::spawn(async move {
            let sink = Sink::start();
            let mut offered = vec![match phase {
                Phase::StartTls => "STARTTLS",
                Phase::Auth => "AUTH PLAIN LOGIN",
                _ => "8BITMIME",
            }];
            offered.extend(pipelining.then_some("PIPELINING"));
            sink.offer(&offered);
            sink.always(phase, act);
            // In the middle of the body means before the kernels hold all of it.
            let message = message(if phase == Phase::Body { 8 * 1024 * 1024 } else { 1000 });
            let relay = match phase {
                Phase::Auth => with_login(sink.relay()),
                Phase::Connect => encrypted(sink.relay()),
                _ => sink.relay(),
            };
            let verdict = verdict(&relay, &message).await;
            (name(&verdict) != expected)
                .then(|| format!("{phase:?} {fault} {pipelining}: {verdict:?}, and not {expected}"))
        })
    });
    let wrong: Vec<String> =
        stream::iter(tried).buffer_unordered(16).filter_map(|tried| async { tried.unwrap() }).collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same, to be spoken to in TLS from the first byte.
pub(crate) fn encrypted(relay: Relay) -> Relay {
    match relay {
        Relay::Smtp { host, port, login, .. } => Relay::Smtp { host, port, tls: Tls::Implicit, login },
        other @ Relay::Maildir(_) => other,
    }
}

#[tokio::test]
async fn a_recipient_who_is_refused_among_commands_that_went_together_costs_no_other_a_mail() {
    for (data, connections) in [(Some("554 5.5.1 no valid recipients"), 1), (None, 2)] {
        let sink = Sink::start();
        sink.offer(&["PIPELINING"]);
        sink.script(move |moment| match moment.phase {
            Phase::Rcpt if moment.to == "gone@example.com" => Some(Act::Say("550 5.1.1 no such mailbox")),
            Phase::Data if moment.to == "gone@example.com" => data.map(Act::Say),
            _ => None,
        });
        let (relay, here) = (transport(&sink.relay(), deadlines()), message(100));
        let gone = Message { to: "gone@example.com".parse().unwrap(), ..here.clone() };
        let mut session = relay.open().await.unwrap();
        assert_eq!(name(&session.send(&gone).await), "bounced");
        // A relay that would take the message all the same waits for it: there is none.
        assert_eq!(session.is_usable(), data.is_some());
        if !session.is_usable() {
            session = relay.open().await.unwrap();
        }
        assert_eq!(name(&session.send(&here).await), "sent");
        session.close().await;
        let to: Vec<String> = sink.heard().into_iter().map(|received| received.to).collect();
        assert_eq!((to, sink.connections()), (vec!["reader@example.com".to_owned()], connections));
    }
}

#[tokio::test]
async fn a_relay_that_is_not_there_is_in_trouble() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let relay = |host: &str, port| Relay::Smtp { host: host.to_owned(), port, tls: Tls::Opportunistic, login: None };
    for relay in [relay("127.0.0.1", free), relay("no-such-host.invalid", 25)] {
        let verdict = verdict(&relay, &message(100)).await;
        assert_eq!(name(&verdict), "trouble", "{verdict:?}");
    }
}

#[tokio::test]
async fn codes_are_exact() {
    for (phase, reply, expected) in [
        (Phase::Mail, "251 hm", "trouble"),
        (Phase::Rcpt, "251 2.1.5 will forward", "sent"),
        (Phase::Rcpt, "354 hm", "deferred"),
        (Phase::Data, "250 hm", "deferred"),
        (Phase::Dot, "354 hm", "unknown"),
        (Phase::Dot, "252 hm", "unknown"),
        (Phase::Auth, "250 hm", "trouble"),
    ] {
        let sink = Sink::start();
        sink.offer(&["AUTH PLAIN"]);
        sink.always(phase, Act::Say(reply));
        let verdict = verdict(&with_login(sink.relay()), &message(100)).await;
        assert_eq!(name(&verdict), expected, "{phase:?} {reply}: {verdict:?}");
    }
}

#[tokio::test]
async fn a_relay_must_encrypt_when_it_is_far_away_and_login_goes_by_what_it_knows() {
    let sink = Sink::start();
    let Relay::Smtp { host, port, .. } = sink.relay() else { unreachable!() };
    let far = Relay::Smtp { host, port, tls: Tls::Required, login: None };
    let refused = verdict(&far, &message(100)).await;
    assert!(matches!(&refused, Verdict::RelayTrouble { reason } if reason.contains("STARTTLS")), "{refused:?}");
    // base64 of "\0anna\0open sesame", of "anna" and of "open sesame".
    for (offered, said) in [
        ("AUTH PLAIN", vec!["AUTH PLAIN AGFubmEAb3BlbiBzZXNhbWU="]),
        ("AUTH LOGIN", vec!["AUTH LOGIN", "YW5uYQ==", "b3BlbiBzZXNhbWU="]),
    ] {
        let sink = Sink::start();
        sink.always(Phase::Quit, Act::Close);
        sink.offer(if offered == "AUTH PLAIN" { &["AUTH PLAIN"] } else { &["AUTH LOGIN"] });
        assert_eq!(name(&verdict(&with_login(sink.relay()), &message(100)).await), "sent");
        assert_eq!(sink.logins(), said);
    }
}

#[tokio::test]
async fn what_leaves_is_what_arrives_dots_and_all() {
    let sink = Sink::start();
    let mut sent = message(100);
    for tail in ["\r\n.\r\n..\r\n.a\r\n\r\n.", "\r\n.\r\n", "no line end", "\r\n\r\n\r\n"] {
        sent.bytes.extend(tail.as_bytes());
        assert_eq!(name(&verdict(&sink.relay(), &sent).await), "sent");
        let mut whole = sent.bytes.clone();
        if !whole.ends_with(b"\r\n") {
            whole.extend(b"\r\n");
        }
        assert_eq!(sink.heard().pop().unwrap().bytes, whole);
    }
    // A dot that begins a line exactly where the body is cut into pieces.
    for at in 65_530..65_542 {
        let mut sent = message(100);
        sent.bytes.resize(at, b'a');
        sent.bytes.extend(b"\r\n.b\r\n");
        assert_eq!(name(&verdict(&sink.relay(), &sent).await), "sent");
        assert_eq!(sink.heard().pop().unwrap().bytes, sent.bytes);
    }
}

#[tokio::test]
async fn what_a_relay_says_is_kept_without_its_control_characters() {
    let sink = Sink::start();
    sink.always(Phase::Dot, Act::Say("250 taken \u{0}\u{1b}[31m as 77"));
    let verdict = verdict(&sink.relay(), &message(100)).await;
    assert_eq!(verdict, Verdict::Sent { reply: "taken   [31m as 77".to_owned() });
}
