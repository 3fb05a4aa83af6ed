//! The doors that are looked into: a maildir, and mailboxes of servers that keep to
//! the rules or do not.

use crate::bouncing::Post;
use crate::engines;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use syndicated::config::{Config, Imap, Secret};
use syndicated::flow::bounce::Looked;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

fn names(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_maildir_is_taken_in_and_filed() {
    for bench in engines::all().await {
        let folder = bench.folder.path().join("back");
        let post = Post::new(&bench, 3, &format!("maildir = \"{}\"", folder.display())).await;
        let mailed = post.mail("One").await;
        let stop = CancellationToken::new();
        // What the mail server has not made yet is told, and nothing else happens.
        let looked = post.bounces.look(&stop).await.unwrap();
        assert!(looked.taken == 0 && looked.troubles.len() == 1, "{looked:?}");
        std::fs::create_dir_all(folder.join("new")).unwrap();
        let put = |name: &str, text: &str| std::fs::write(folder.join("new").join(name), text).unwrap();
        put("2.host", &mailed["r1@example.org"].written("letter-that-says-nothing"));
        put("1.host", &mailed["r0@example.org"].written("postfix-unknown-user"));
        put("3.host", &mailed["r2@example.org"].written("vacation"));
        put(".hidden", "no mail");
        std::fs::create_dir(folder.join("new/folder")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.join("new/endless")).unwrap();
        let looked = post.bounces.look(&stop).await.unwrap();
        assert_eq!(looked, Looked { taken: 3, ..Looked::default() });
        assert_eq!(names(&folder.join("cur")), ["1.host:2,S", "2.host:2,FS", "3.host:2,S"]);
        assert_eq!(names(&folder.join("new")), [".hidden", "endless", "folder"]);
        assert_eq!(post.suppressed(3).await, [0]);
        // A stop leaves what is not begun.
        put("4.host", &mailed["r2@example.org"].written("postfix-unknown-user"));
        stop.cancel();
        assert_eq!(post.bounces.look(&stop).await.unwrap().taken, 0);
        assert_eq!(post.suppressed(3).await, [0]);
    }
}

/// A server that answers each command by a script, `{tag}` being the command's.
fn server(script: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static, greeting: &'static str) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let (port, listener) = (listener.local_addr().unwrap().port(), TcpListener::from_std(listener).unwrap());
    let script = Arc::new(script);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let script = script.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let _ = stream.write_all(greeting.as_bytes()).await;
                let mut line = String::new();
                while matches!(stream.read_line(&mut line).await, Ok(length) if length > 0) {
                    let (tag, command) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
                    let Some(answer) = script(command) else { return };
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("{tag}", tag).into_bytes();
                    if stream.write_all(&text(&answer)).await.is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
    });
    port
}

fn imap(port: u16) -> Option<Imap> {
    let (user, password) = ("me \"and\" \\you".to_owned(), Secret::new("sesame".to_owned()));
    Some(Imap { host: "127.0.0.1".to_owned(), port, tls: false, user, password, folder: "INBOX".to_owned() })
}

async fn look(post: &Post, port: u16) -> Looked {
    let mut config = Config::clone(&post.stage.live.load_full());
    config.bounces.imap = imap(port);
    post.stage.live.store(Arc::new(config));
    tokio::time::timeout(Duration::from_secs(50), post.bounces.look(&CancellationToken::new())).await.unwrap().unwrap()
}

const OK: &str = "{tag} OK done\r\n";

/// Answers as a sound server with two mails, but where `odd` answers otherwise.
fn sound(mails: [String; 2], odd: impl Fn(&str) -> Option<Option<Vec<u8>>> + Send + Sync + 'static) -> u16 {
    let answer = move |command: &str| {
        if let Some(answer) = odd(command) {
            return answer;
        }
        let fetched = |number: usize, mail: &str| {
            format!("* {number} FETCH (UID {number} BODY[]<0> {{{}}}\r\n{mail})\r\n* 3 EXISTS\r\n{OK}", mail.len())
        };
        Some(
            match command {
                "CAPABILITY" => format!("* CAPABILITY IMAP4rev1\r\n{OK}"),
                "UID SEARCH UNSEEN UNDELETED" => format!("* SEARCH 2 1\r\n{OK}"),
                _ if command.starts_with("UID FETCH 1 ") => fetched(1, &mails[0]),
                _ if command.starts_with("UID FETCH 2 ") => fetched(2, &mails[1]),
                _ => OK.to_owned(),
            }
            .into_bytes(),
        )
    };
    server(answer, "* OK ready\r\n")
}

#[tokio::test]
async fn a_mailbox_is_marked_only_behind_what_is_durable() {
    for bench in engines::all().await {
        let post = Post::new(&bench, 2, "").await;
        let mailed = post.mail("One").await;
        let mails = [
            mailed["r0@example.org"].written("postfix-unknown-user"),
            mailed["r1@example.org"].written("letter-that-says-nothing"),
        ];
        let said = Arc::new(std::sync::Mutex::new(Vec::new()));
        let heard = said.clone();
        // The first time, the connection breaks when the first mail is to be marked.
        let marks = AtomicUsize::new(0);
        let port = sound(mails, move |command| {
            heard.lock().unwrap().push(command.to_owned());
            let breaks = command.starts_with("UID STORE") && marks.fetch_add(1, Ordering::Relaxed) == 0;
            breaks.then_some(None)
        });
        let looked = look(&post, port).await;
        assert_eq!((looked.taken, looked.troubles.len()), (0, 1), "{looked:?}");
        assert_eq!(post.suppressed(2).await, [0]);
        said.lock().unwrap().clear();
        assert_eq!(look(&post, port).await, Looked { taken: 2, ..Looked::default() });
        let said = said.lock().unwrap().clone();
        assert_eq!(
            said,
            [
                "CAPABILITY",
                "LOGIN \"me \\\"and\\\" \\\\you\" \"sesame\"",
                "SELECT \"INBOX\"",
                "UID SEARCH UNSEEN UNDELETED",
                "UID FETCH 1 (BODY.PEEK[]<0.524288>)",
                "UID STORE 1 +FLAGS.SILENT (\\Seen)",
                "UID FETCH 2 (BODY.PEEK[]<0.524288>)",
                "UID STORE 2 +FLAGS.SILENT (\\Seen \\Flagged)",
                "LOGOUT",
            ]
        );
        let kinds = bench.texts("SELECT kind FROM bounce ORDER BY id").await;
        assert_eq!(kinds, ["hard", "unclear"]);
    }
}

/// A server may be of another opinion, or hostile: each gives one sentence, and
/// takes no memory.
#[tokio::test]
async fn a_server_that_keeps_to_no_rule_does_no_harm() {
    let bench = engines::all().await.remove(0);
    let post = Post::new(&bench, 1, "").await;
    post.mail("One").await;
    let says = |at: &'static str, answer: Option<Vec<u8>>| {
        sound([String::new(), String::new()], move |command| command.starts_with(at).then(|| answer.clone()))
    };
    let text = |text: &str| Some(text.as_bytes().to_vec());
    for (port, trouble) in [
        (server(|_| None, "* BYE come back later\r\n"), "turns away: * BYE come back later"),
        (server(|_| None, "220 this is no IMAP\r\n"), "turns away: 220"),
        (
            says("LOGIN", text("{tag} NO [AUTHENTICATIONFAILED] wrong\r\n")),
            "did not let me \"and\" \\you in: it said NO",
        ),
        (says("SELECT", text("{tag} NO none\r\n")), "has no folder INBOX to open"),
        (says("UID SEARCH", None), "it hung up"),
        (says("UID SEARCH", text("{tag} BAD what\r\n")), "it said BAD what"),
        (says("UID SEARCH", Some("* X\r\n".repeat(20_000).into_bytes())), "does not come to an end"),
        (says("UID SEARCH", Some(vec![b'x'; 5 * 1024 * 1024])), "too long a one"),
        (says("UID FETCH", text("* 1 FETCH (UID 1 BODY[] {99999999999}\r\n")), "it sent 99999999999 bytes where"),
    ] {
        let looked = look(&post, port).await;
        assert_eq!(looked.taken, 0);
        let said = looked.troubles.join("; ");
        assert!(said.contains(trouble), "{said} for {trouble}");
    }
    // Nobody is there.
    let looked = look(&post, 1).await;
    assert!(looked.troubles[0].contains("cannot be reached"), "{looked:?}");
    assert_eq!(post.suppressed(1).await, [0; 0]);
}
