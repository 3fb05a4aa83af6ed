//! How long a list of a million readers takes to bring, to search and to export,
//! typed as an operator types it, and how much memory each command holds at most.
//!
//! `cargo bench --bench roster`: an export of Mailchimp with 1,000,000 members in no
//! order, on SQLite, and on PostgreSQL when `SYNDICATED_TEST_POSTGRES` names a
//! server on which databases may be made. `-- 100000` takes as many as it says.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a bench measures real time, says what it found, and may panic"
)]

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MILLION: usize = 1_000_000;
/// A million takes no longer than this on SQLite.
const WITHIN: Duration = Duration::from_mins(1);
/// No command holds more, in MB.
const MEMORY: u64 = 160;

fn main() {
    let count = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(MILLION);
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("members.csv");
    write(&list, count);
    let megabytes = std::fs::metadata(&list).unwrap().len() / 1_000_000;
    println!("a list of {count} readers in {megabytes} MB");
    let took = engine("SQLite", &format!("sqlite:{}", folder.path().join("bench.db").display()), &list, count);
    assert!(count > MILLION || took < WITHIN, "{took:?} is longer than {WITHIN:?}");
    if let Ok(server) = std::env::var("SYNDICATED_TEST_POSTGRES") {
        let name = format!("bench_roster_{}", std::process::id());
        let mut url = url::Url::parse(&server).unwrap();
        psql(&server, &format!("CREATE DATABASE {name}"));
        url.set_path(&name);
        engine("PostgreSQL", url.as_str(), &list, count);
        psql(&server, &format!("DROP DATABASE {name}"));
    } else {
        println!("PostgreSQL was left out: SYNDICATED_TEST_POSTGRES names no server");
    }
}

/// Members in an order that no index likes, one in ten with tags.
fn write(path: &Path, count: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    writeln!(
        file,
        "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
    )
    .unwrap();
    for n in 0..count as u64 {
        let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let tags = if n % 10 == 0 { r#""""Book club"",""VIP""""# } else { "" };
        writeln!(
            file,
            "{mixed:08x}.{n}@example.com,Reader,Number {n},2,2018-02-12 10:54:{:02},,2018-02-12 11:00:{:02},,,{n},e{n},,{tags}",
            n % 60,
            n % 60,
        )
        .unwrap();
    }
    file.flush().unwrap();
}

/// Brings, searches and exports; returns how long bringing took.
fn engine(name: &str, database: &str, list: &Path, count: usize) -> Duration {
    let folder = list.parent().unwrap();
    let config = folder.join(format!("{name}.toml"));
    let text = format!(
        "[site]\ntitle = \"Bench\"\nbase_url = \"https://news.example.org\"\n[database]\nurl = \"{database}\"\n[mail]\nfrom = \"news@example.org\"\n[[source]]\nname = \"blog\"\nurl = \"http://127.0.0.1:9/\"\n[[newsletter]]\nname = \"daily\"\ntitle = \"Daily\"\ncadences = {{ daily = \"0 7 * * *\" }}\n"
    );
    std::fs::write(&config, text).unwrap();
    let list = list.to_str().unwrap();
    let typed = |what: &str, words: &[&str]| {
        let done = run(&config, words);
        let rate = count as f64 / done.took.as_secs_f64();
        println!("{name}: {what}: {:.1} s ({rate:.0} readers/s), at most {} MB", done.took.as_secs_f64(), done.memory);
        assert!(done.memory < MEMORY, "{} MB are more than {MEMORY}", done.memory);
        done
    };
    let brought = typed("import", &["subscriber", "import", list, "--json"]);
    assert!(brought.begin.contains(&format!("\"added\": {count}")), "{}", brought.begin);
    let again = typed("the same import again", &["subscriber", "import", list, "--json"]);
    assert!(again.begin.contains(&format!("\"already\": {count}")), "{}", again.begin);
    let last = format!("number {}", count - 1);
    let found = typed("list --search of one", &["subscriber", "list", "--search", &last, "--json"]);
    assert_eq!(found.lines, 3, "{}", found.begin);
    let tagged = typed("list --tag of a tenth", &["subscriber", "list", "--tag", "VIP", "--json"]);
    assert_eq!(tagged.lines, count.div_ceil(10) + 2);
    assert_eq!(typed("export as CSV", &["subscriber", "export"]).lines, count + 1);
    assert_eq!(typed("export as JSON", &["subscriber", "export", "--format", "json"]).lines, count);
    brought.took
}

/// What a command came to.
struct Done {
    took: Duration,
    /// The most that it held, in MB.
    memory: u64,
    lines: usize,
    /// The first bytes of what it answered.
    begin: String,
}

fn run(config: &Path, words: &[&str]) -> Done {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_syndicated"))
        .arg("--config")
        .arg(config)
        .args(words)
        .env("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let watcher = std::thread::spawn(move || {
        let mut most = 0;
        // A process that has ended shows no memory any more.
        while let Some(held) = held(&status) {
            most = most.max(held);
            std::thread::sleep(Duration::from_millis(10));
        }
        most
    });
    let (mut lines, mut begin, mut buffer) = (0, Vec::new(), vec![0; 256 * 1024]);
    let mut out = child.stdout.take().unwrap();
    loop {
        let read = out.read(&mut buffer).unwrap();
        if read == 0 {
            break;
        }
        lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
        begin.extend(buffer[..read].iter().take(2_000 - begin.len().min(2_000)));
    }
    assert!(child.wait().unwrap().success(), "{words:?}");
    let took = start.elapsed();
    Done { took, memory: watcher.join().unwrap(), lines, begin: String::from_utf8_lossy(&begin).into_owned() }
}

/// The most memory that a process has held so far, in MB.
fn held(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

fn psql(server: &str, sql: &str) {
    let done = Command::new("psql").args(["-q", "-c", sql, server]).status().unwrap();
    assert!(done.success());
}
