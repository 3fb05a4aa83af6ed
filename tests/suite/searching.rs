//! Searching: the same posts are found on both engines, in English and Korean,
//! whatever is typed, and none that no feed shows.

use crate::engines;
use crate::publishing::{arrive, at, config, dated};
use std::fmt::Write as _;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::post::Entry;
use syndicated::domain::search::Piece;
use syndicated::domain::source::Archived;
use syndicated::store::{Found, Store};

fn written(title: &str, minutes: i64, text: &str) -> Entry {
    Entry {
        authors: vec!["김하늘".to_owned()],
        categories: vec!["수필".to_owned()],
        summary: Some(CleanHtml::sanitise("<p>Its beginning</p>", None)),
        content: Some(CleanHtml::sanitise(text, None)),
        ..dated("one", title, minutes)
    }
}

async fn search(store: &Store, typed: &str) -> Found {
    store.search(typed, 20, 0, &|_| Archived::Full).await.unwrap()
}

/// The titles of what is found, in the order of the alphabet: each engine ranks in its way.
async fn found(store: &Store, typed: &str) -> Vec<String> {
    let mut titles: Vec<String> = search(store, typed).await.hits.iter().map(|hit| plain(&hit.title)).collect();
    titles.sort();
    titles
}

fn plain(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| piece.text.as_str()).collect()
}

fn marked(pieces: &[Piece]) -> String {
    pieces.iter().map(|piece| if piece.is_found { format!("[{}]", piece.text) } else { piece.text.clone() }).collect()
}

#[tokio::test]
async fn posts_are_found_by_their_words_in_any_script() {
    for bench in engines::all().await {
        let (store, config) = (bench.open().await, config(&bench));
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        let entries = vec![
            written("a", -10, "<p>느린 <b>글쓰기</b>를 좋아하는 사람들이 서울에서 모였습니다.</p>"),
            written("b", -20, "<p>The café on the corner writes <i>slow letters</i> by hand.</p>"),
            written("c", -30, "<p>A letter, slowly written in 東京タワー.</p>"),
            written("서울 산책", -40, "<p>밤에 걷기 좋은 길</p>"),
            written("e", -50, "<p>don't panic: C++ & R&amp;D in 2026</p>"),
            written("f", -60, "<p>대학교 앞의 빵집. ภาษาไทย</p>"),
        ];
        arrive(&store, "one", at(0), entries).await;
        for (typed, titles) in [
            ("서울", vec!["a", "서울 산책"]),
            ("글쓰", vec!["a"]),
            ("글쓰기", vec!["a"]),
            ("쓰기", vec!["a"]),
            ("글", vec!["a"]),
            ("길", vec!["서울 산책"]),
            ("서울 글쓰기", vec!["a"]),
            ("글기", vec![]),
            ("학교", vec!["f"]),
            ("cafe", vec!["b"]),
            ("CAFÉ", vec!["b"]),
            ("slow", vec!["b", "c"]),
            ("\"slow letters\"", vec!["b"]),
            ("letters slow", vec!["b"]),
            ("letter slow", vec!["b", "c"]),
            ("writ", vec!["b", "c"]),
            ("wr", vec![]),
            ("東京", vec!["c"]),
            ("ภาษา", vec!["f"]),
            ("2026", vec!["e"]),
            ("r&d", vec!["e"]),
            ("don't", vec!["e"]),
            ("김하늘 빵집", vec!["f"]),
            ("source one", vec!["a", "b", "c", "e", "f", "서울 산책"]),
            ("수필 산책", vec!["서울 산책"]),
            ("nowhere", vec![]),
        ] {
            assert_eq!(found(&store, typed).await, titles, "{typed} on {}", bench.engine);
        }

        // A title weighs more, and what was found is marked.
        let hits = search(&store, "서울").await.hits;
        assert_eq!(marked(&hits[0].title), "[서울] 산책", "{}", bench.engine);
        assert_eq!(
            marked(&hits[1].excerpt),
            "느린 글쓰기를 좋아하는 사람들이 [서울]에서 모였습니다.",
            "{}",
            bench.engine
        );
        assert_eq!((hits[0].date, hits[0].source.as_str()), (at(-40), "one"));
        // What a source does not let the site show is not shown here, either.
        let of = async |shown| {
            let found = store.search("서울에서", 20, 0, &move |_| shown).await.unwrap();
            marked(&found.hits[0].excerpt)
        };
        assert_eq!((of(Archived::Summary).await.as_str(), of(Archived::Link).await.as_str()), ("Its beginning", ""));
        // Page by page.
        let page = store.search("수필", 2, 4, &|_| Archived::Full).await.unwrap();
        assert_eq!((page.total, page.has_more, page.hits.len()), (6, false, 2), "{}", bench.engine);
        assert_eq!(store.search("수필", 2, 99, &|_| Archived::Full).await.unwrap().hits, []);
    }
}

#[tokio::test]
async fn words_are_found_before_and_after_they_are_put_into_order() {
    for bench in engines::all().await {
        let (store, config) = (bench.open().await, config(&bench));
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        for number in 1..3 {
            arrive(&store, "one", at(number), vec![written(&format!("{number}"), number, "<p>slow letters</p>")]).await;
            let titles: Vec<String> = (1..=number).map(|number| number.to_string()).collect();
            assert_eq!(found(&store, "letters").await, titles, "{}", bench.engine);
            let waited = store.sort_words().await.unwrap();
            assert_eq!(waited > 0, bench.engine == "postgres", "{}: {waited} pages", bench.engine);
            assert_eq!(store.sort_words().await.unwrap(), 0, "{}", bench.engine);
            assert_eq!(found(&store, "letters").await, titles, "{}", bench.engine);
        }
    }
}

/// Whatever PostgreSQL thinks of how many posts there are.
#[tokio::test]
async fn a_search_walks_through_no_words() {
    let Some(bench) = engines::all().await.into_iter().nth(1) else { return };
    let (store, config) = (bench.open().await, config(&bench));
    store.sync_sources(&config.sources, at(0)).await.unwrap();
    arrive(&store, "one", at(1), vec![written("a", 1, "<p>slow letters</p>"), written("b", 1, "<p>others</p>")]).await;
    // So that it knows: of two, it would read both.
    bench.execute("ANALYZE").await;
    assert_eq!(found(&store, "letters").await, ["a"]);
    assert_eq!(found(&store, "lett").await, ["a"]);
    store.close().await;
    let walked = "SELECT seq_tup_read::text FROM pg_stat_user_tables WHERE relname = 'post_words'";
    assert_eq!(bench.texts(walked).await, ["0"]);
}

#[tokio::test]
async fn a_post_is_found_by_its_present_text_alone_and_never_when_it_is_hidden() {
    for bench in engines::all().await {
        let (store, mut config) = (bench.open().await, config(&bench));
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        arrive(&store, "one", at(0), vec![written("a", -10, "<p>quince</p>"), written("b", -20, "<p>medlar</p>")])
            .await;
        arrive(&store, "two", at(0), vec![Entry { title: "z".into(), ..dated("two", "medlar", -20) }]).await;
        assert_eq!(found(&store, "medlar").await, ["b"], "{}", bench.engine);

        // Another text, and other tags without another text.
        let changed = Entry { title: "a, again".to_owned(), ..written("a", -10, "<p>medlar</p>") };
        let tagged = Entry { categories: vec!["rowan".to_owned()], ..written("b", -20, "<p>medlar</p>") };
        arrive(&store, "one", at(90), vec![changed, tagged]).await;
        assert_eq!(found(&store, "medlar").await, ["a, again", "b"], "{}", bench.engine);
        assert_eq!((found(&store, "quince").await, found(&store, "rowan").await), (vec![], vec!["b".to_owned()]));
        assert_eq!(found(&store, "수필").await, ["a, again", "z"], "{}", bench.engine);

        bench.execute("UPDATE post SET filtered_by = 'exclude = x' WHERE title = 'b'").await;
        assert_eq!(found(&store, "medlar").await, ["a, again"], "{}", bench.engine);
        bench.execute("UPDATE post SET standing = 'held' WHERE title = 'a, again'").await;
        assert_eq!(found(&store, "medlar").await, [""; 0], "{}", bench.engine);
        assert_eq!(found(&store, "z").await, ["z"]);
        config.sources.pop();
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        assert_eq!(found(&store, "z").await, [""; 0], "{}", bench.engine);
    }
}

#[tokio::test]
async fn whatever_is_typed_is_no_error() {
    for bench in engines::all().await {
        let (store, config) = (bench.open().await, config(&bench));
        store.sync_sources(&config.sources, at(0)).await.unwrap();
        arrive(&store, "one", at(0), vec![written("a", -10, "<p>A post, OR not</p>")]).await;
        let long = "x".repeat(10_000);
        let many = "a ".repeat(5_000);
        let quotes = "\"".repeat(5_000);
        let korean = "가".repeat(10_000);
        for typed in [
            "",
            " ",
            "\0",
            "'",
            "\"",
            "\"\"",
            "'; DROP TABLE post; --",
            "a OR",
            "NOT",
            "AND",
            "NEAR(a b)",
            "a*",
            "*",
            "^a",
            "title: a",
            "{a b}: c",
            "-a",
            "+",
            "(",
            ")",
            "a & b",
            "a | b",
            "!a",
            "a <-> b",
            "a:*",
            ":*",
            "\\",
            "%",
            "_",
            "\u{202e}a",
            "\u{feff}",
            "\u{e000}email\u{e001}",
            "a\0b",
            "👩‍💻",
            "ㄱ",
            "가",
            "\u{1100}",
            "É",
            &long,
            &many,
            &quotes,
            &korean,
        ] {
            let found = search(&store, typed).await;
            assert!(found.hits.len() <= 1, "{typed}");
        }
        assert_eq!(found(&store, "a OR").await, ["a"], "{}: a word like any other", bench.engine);
        assert_eq!(found(&store, "post NOT here").await, [""; 0]);

        // What no person wrote is stored all the same. (Reading takes NUL out.)
        let mut text = "<p>".to_owned();
        for number in 0..20_000 {
            write!(text, "w{number} 말{number}글 ").unwrap();
        }
        text.push_str(&"y".repeat(5_000));
        // As many words as count, each as long as counts, none twice.
        let long_words: String =
            (0..16_000).map(|number| format!("{number:0>70} ").chars().rev().collect::<String>()).collect();
        let strange = "a'b\\c\"d\u{e000}f 'x':1A,2B".repeat(20);
        let entries = vec![
            written("long", -30, &text),
            written("longest", -35, &long_words),
            written(&strange, -40, "<p>'\\</p>"),
        ];
        arrive(&store, "one", at(90), entries).await;
        assert_eq!(found(&store, "w17").await, ["long"], "{}", bench.engine);
        assert_eq!(found(&store, "longest").await, ["longest"], "{}", bench.engine);
    }
}
