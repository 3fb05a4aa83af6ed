//! The operator's own templates in a running daemon: taken up when it reloads,
//! and never when something is wrong with them.

use crate::engines::{self, Bench};
use crate::program::{Program, command, until};
use crate::serving::{get, post};
use crate::stage;
use std::path::PathBuf;
use std::process::Stdio;
use syndicated::domain::id::SubscriptionId;
use syndicated::domain::token::{Purpose, SecretKey};

/// A configuration with a folder of templates, and that folder.
fn place(bench: &Bench) -> (PathBuf, PathBuf) {
    let (path, folder) = (bench.folder.path().join("config.toml"), bench.folder.path().join("own"));
    let text = stage::toml(bench, "maildir:outbox", "{ daily = \"0 7 * * *\" }", "");
    std::fs::write(&path, text.replace("[database]", "templates = \"own\"\n\n[database]")).unwrap();
    for below in ["pages", "texts"] {
        std::fs::create_dir_all(folder.join(below)).unwrap();
    }
    (path, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_up_templates_that_are_sound_and_keeps_the_old_ones_otherwise() {
    let bench = engines::all().await.remove(0);
    let (path, folder) = place(&bench);
    let (style, index) = (folder.join("pages/style.css"), folder.join("pages/index.html"));
    std::fs::write(&style, "/* one */").unwrap();
    let program = Program::start(&path).await;
    let shown = async |page: &str| get(program.web, "GET", page).await.body;
    let appears = async |page: &str, words: &str| {
        until(words, async || shown(page).await.contains(words).then_some(())).await;
    };
    assert_eq!(shown("/style.css").await, "/* one */");

    std::fs::write(&style, "/* two */").unwrap();
    assert_eq!(shown("/style.css").await, "/* one */", "only a reload takes them up");
    program.signal("HUP").await;
    appears("/style.css", "/* two */").await;

    // One that does not compile, one that fails when it is rendered, one that nobody asks for.
    for (file, text, said) in [
        ("pages/index.html", "{% if %}", "pages/index.html: syntax error"),
        ("pages/index.html", "{{ nobody }}", "pages/index.html cannot be rendered: undefined value"),
        ("pages/start.html", "", "own/pages/start.html: no template has this name"),
    ] {
        std::fs::write(&style, "/* three */").unwrap();
        std::fs::write(folder.join(file), text).unwrap();
        program.signal("HUP").await;
        until(said, async || {
            let log = program.log();
            log.iter()
                .any(|line| line.contains("the old templates stay in force: ") && line.contains(said))
                .then_some(())
        })
        .await;
        assert_eq!(shown("/style.css").await, "/* two */", "{said}");
        assert!(shown("/").await.contains("Letters"), "{said}");
        std::fs::remove_file(folder.join(file)).unwrap();
    }

    std::fs::write(&index, "Ours: {{ t(\"index_heading\") }}").unwrap();
    std::fs::write(folder.join("texts/en.toml"), "index_heading = \"Read us\"").unwrap();
    program.signal("HUP").await;
    appears("/", "Ours: Read us").await;
    assert_eq!(shown("/style.css").await, "/* three */");

    // Without the folder's name in the configuration they are the program's own again.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("templates = \"own\"", "")).unwrap();
    program.signal("HUP").await;
    appears("/style.css", "--paper").await;
    program.terminate().await;
}

#[tokio::test]
async fn with_templates_that_are_broken_nothing_starts_and_every_fault_is_named() {
    let bench = engines::all().await.remove(0);
    let (path, folder) = place(&bench);
    std::fs::write(folder.join("pages/index.html"), "{{ nobody }}").unwrap();
    std::fs::write(folder.join("texts/en.toml"), "read_om = \"x\"").unwrap();
    let output = command(&path).arg("run").stderr(Stdio::piped()).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("texts/en.toml: there is no text `read_om`"), "{said}");
    assert!(said.ends_with("syndicated: 1 fault in the templates\n"), "{said}");
    std::fs::remove_file(folder.join("texts/en.toml")).unwrap();
    let output = command(&path).arg("run").stderr(Stdio::piped()).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("pages/index.html cannot be rendered: undefined value"), "{said}");
    assert_eq!(output.status.code(), Some(2), "{said}");
}

/// Texts in a file are another language: of newsletters, of readers, of pages and mails,
/// written from right to left where it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_texts_is_another_language_for_pages_and_mails() {
    for bench in engines::all().await {
        let (path, folder) = place(&bench);
        let outbox = bench.folder.path().join("outbox");
        let text =
            std::fs::read_to_string(&path).unwrap().replace("maildir:outbox", &format!("maildir:{}", outbox.display()));
        let arabic = text.replace("name = \"letter\"", "name = \"letter\"\nlanguage = \"ar\"");
        std::fs::write(&path, &arabic).unwrap();
        let refused = command(&path).arg("check").stderr(Stdio::piped()).output().await.unwrap();
        let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.contains("there are no texts in `ar`") && refused.contains("texts/ar.toml"), "{refused}");
        let months = "يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر";
        let file = format!(
            "language_name = \"العربية\"\nlanguage_dir = \"rtl\"\nsubscribe_button = \"اشترك\"\ndate_months = \"{months}\"
             date_long = \"{{day}} {{month}} {{year}}\"\nposts_two = \"مقالتان\"\nconfirm_subject = \"أكّد: {{title}}\"\n"
        );
        std::fs::write(folder.join("texts/ar.toml"), file).unwrap();
        let checked = command(&path).args(["template", "check"]).stdout(Stdio::piped()).output().await.unwrap();
        let checked = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(
            checked.contains("texts/ar.toml: English stands for ") && checked.contains("unsubscribed_text"),
            "{checked}"
        );
        assert!(checked.contains("all is well") && !checked.contains("subscribe_button,"), "{checked}");

        let program = Program::start(&path).await;
        let form = get(program.web, "GET", "/subscribe/letter").await.body;
        assert!(form.contains("<html lang=\"ar\" dir=\"rtl\">") && form.contains("اشترك"), "{form}");
        program.command(&["subscriber", "add", "ann@example.org"]).await;
        let secret = SecretKey::new(b"0123456789abcdef0123456789abcdef".to_vec()).unwrap();
        let page = format!("/p/{}", secret.token(Purpose::Preferences, SubscriptionId(1), 0, ""));
        let choices = get(program.web, "GET", &page).await.body;
        assert!(choices.contains("<option value=\"ar\" lang=\"ar\" selected>العربية"), "{choices}");
        let day = chrono::Utc::now().date_naive() + chrono::Days::new(300);
        let form = format!("language=ar&timezone=UTC&cadence.letter=daily&pause.letter={day}");
        let kept = post(program.web, &page, &form).await.body;
        let month = months.split('|').nth(usize::try_from(chrono::Datelike::month0(&day)).unwrap()).unwrap();
        let words = format!("{} {month} {}", chrono::Datelike::day(&day), chrono::Datelike::year(&day));
        assert!(kept.contains(&words), "{words} in {kept}");
        let sample = program.command(&["template", "sample", "--language", "ar"]).await;
        assert!(sample.contains("<html lang=\"ar\" dir=\"rtl\"") && sample.contains("text-align:right"), "{sample}");
        assert_eq!(post(program.web, &page, "language=de&timezone=").await.status, 422, "no texts, no choice");
        program.terminate().await;
    }
}
