//! What is sent to the pages: forms and JSON of every shape, to a whole daemon.
//! Nothing is answered by a fault of the program.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;
use syndicated::clock::{Chance, Clock};
use syndicated::config::{Config, Environment};
use syndicated::daemon::{Daemon, Outside};
use syndicated::domain::time::Timestamp;
use syndicated::scheduler::Roles;
use tokio::runtime::Runtime;

struct House {
    web: SocketAddr,
    config: Config,
    clock: Clock,
    _daemon: Daemon,
    _runtime: Runtime,
    _folder: tempfile::TempDir,
}

fn house() -> House {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("data.db");
    let text = format!(
        "[site]\ntitle = \"News\"\nbase_url = \"http://news.example.org\"\n\
         [database]\nurl = \"sqlite:{}\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [subscribe]\nform_min_age = \"0s\"\nreturn_to = [\"https://blog.example.org/\"]\n\
         [mail]\nfrom = \"News <news@example.org>\"\nrelay = \"smtp://127.0.0.1:9\"\n\
         [[source]]\nname = \"essays\"\nurl = \"http://127.0.0.1:9/feed.xml\"\nschedule = \"0 0 1 1 *\"\n\
         [[newsletter]]\nname = \"letters\"\ntitle = \"Letters\"\nsources = [\"essays\"]\n\
         cadences = {{ weekly = \"0 9 * * mon\" }}\n",
        database.display()
    );
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).expect("a configuration");
    let environment = Environment::of([("SYNDICATED_SECRET_KEY", "0123456789abcdef0123456789abcdef")]);
    let load = || Config::load(&path, &environment, &Chance::seeded(1)).unwrap_or_else(|faults| panic!("{faults}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let clock = Clock::manual(Timestamp::from_millis(1_790_000_000_000));
    let roles = Roles { poll: false, send: false, web: true };
    let outside = Outside { clock: clock.clone(), chance: Chance::seeded(1), roles };
    let daemon = runtime.block_on(Daemon::start(load(), outside)).expect("a daemon");
    let web = daemon.web.expect("pages");
    House { web, config: load(), clock, _daemon: daemon, _runtime: runtime, _folder: folder }
}

static HOUSE: OnceLock<House> = OnceLock::new();

fuzz_target!(|input: (u8, &[u8])| {
    let house = HOUSE.get_or_init(house);
    // The limits of requests are by the hour.
    house.clock.advance(Duration::from_secs(3601));
    let (kind, sent) = input;
    let token = house.config.secret.form_token("page", house.clock.now());
    let form = "application/x-www-form-urlencoded";
    let (path, kind, mut body) = match kind % 6 {
        0 => ("/subscribe", form, format!("token={token}&newsletter=letters&email=kim%40example.org&").into_bytes()),
        1 => ("/subscribe/letters", form, format!("token={token}&").into_bytes()),
        2 => ("/subscribe.json", "application/json", Vec::new()),
        3 => ("/p/1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", form, Vec::new()),
        4 => ("/u/1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", form, Vec::new()),
        _ => ("/hooks/main/AAAA", "application/json", Vec::new()),
    };
    body.extend_from_slice(sent);
    let mut pages = TcpStream::connect(house.web).expect("a connection");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: news.example.org\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    pages.write_all(head.as_bytes()).and_then(|()| pages.write_all(&body)).expect("a request");
    let mut answer = Vec::new();
    pages.read_to_end(&mut answer).expect("an answer");
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default();
    assert!(matches!(status.as_bytes().first(), Some(b'2'..=b'4')), "{path} answered {status}");
});
