use super::*;

const RICE: &str = include_str!("../../../tests/likeness/en-rice.txt");
const BUSES: &str = include_str!("../../../tests/likeness/en-nightbus.txt");
const GARDEN: &str = include_str!("../../../tests/likeness/ko-garden.txt");

/// The paragraphs of a post of a file, the first being its title.
fn post(file: &str, number: usize) -> Vec<&str> {
    file.split("# ").nth(number).unwrap().split("\n\n").map(str::trim).filter(|text| !text.starts_with('~')).collect()
}

fn paragraphs(texts: &[&str]) -> String {
    format!("<p>{}</p>", texts.join("</p><p>"))
}

fn text(title: &str, html: &str) -> Text {
    Text::new(title, &CleanHtml::sanitise(html, None))
}

fn whole(file: &str, number: usize) -> Text {
    let post = post(file, number);
    text(post[0], &paragraphs(&post[1..]))
}

fn is_same(one: &Text, other: &Text) -> bool {
    let verdict = one.compare(other);
    assert_eq!(verdict, other.compare(one), "whichever comes first");
    verdict.is_same_text()
}

#[test]
fn a_text_is_itself_however_it_is_set() {
    let (plain, korean) = (post(RICE, 1), post(GARDEN, 1));
    let shouted = paragraphs(&plain[1..]).to_uppercase();
    let code = format!("<pre><code>{}</code></pre>", plain[1..].join("\n"));
    for other in [shouted.as_str(), &code, &plain[1..].join("<br>").replace('\'', "’").replace(", ", " – ")] {
        assert!(whole(RICE, 1).compare(&text("", other)).containment > 0.999, "{other}");
    }
    // Korean is spaced as its writer likes, and may come in single letters.
    let closed = korean[1..].concat().replace(' ', "");
    let open: String = closed.chars().flat_map(|letter| [letter, ' ']).collect();
    let apart: String = unicode_normalization::UnicodeNormalization::nfd(closed.as_str()).collect();
    for other in [&closed, &open, &apart] {
        assert_eq!(whole(GARDEN, 1).keys()[..MOST_KEYS], text("", other).keys()[..]);
        assert!(is_same(&whole(GARDEN, 1), &text("", other)));
    }
}

#[test]
fn a_beginning_is_the_text() {
    for (file, number) in [(RICE, 1), (BUSES, 3), (GARDEN, 4)] {
        let post = post(file, number);
        let letters: Vec<char> = post[1..].concat().chars().collect();
        // A few lines are the beginning of the post only under its title.
        for (title, part, words) in [(post[0], 3, "…"), ("", 2, "… Read more"), ("Elsewhere", 2, "… 더 보기")]
        {
            let beginning: String = letters[..letters.len() / part].iter().collect();
            assert!(is_same(&whole(file, number), &text(title, &format!("<p>{beginning}{words}</p>"))), "{beginning}");
        }
    }
}

#[test]
fn what_is_quoted_is_not_ones_own() {
    let (quoted, own) = (post(RICE, 1), post(BUSES, 1));
    let quotation = format!("<p>Read this:</p><blockquote>{}</blockquote>", paragraphs(&quoted[1..]));
    assert!(text("", &quotation).keys().is_empty());
    assert!(!is_same(&whole(RICE, 1), &text(quoted[0], &quotation)));
    let answer = quotation + &paragraphs(&own[1..]);
    assert!(!is_same(&whole(RICE, 1), &text("", &answer)));
    assert!(is_same(&whole(BUSES, 1), &text("", &answer)));
}

#[test]
fn a_commentary_is_not_what_it_takes_in() {
    let (taken, own) = (post(RICE, 1), post(BUSES, 1));
    let commentary = [&own[1..3], &taken[1..], &own[3..]].concat();
    let commentary = text(own[0], &paragraphs(&commentary));
    let likeness = whole(RICE, 1).compare(&commentary);
    assert!(likeness.containment > 0.95 && !likeness.is_same_text(), "{likeness:?}");
}

#[test]
fn a_roundup_is_none_of_its_posts() {
    for file in [RICE, BUSES, GARDEN] {
        let beginnings: Vec<&str> = (1..=5).flat_map(|number| post(file, number)[..2].to_vec()).collect();
        let roundup = text("This week", &paragraphs(&beginnings));
        for number in 1..=5 {
            assert!(!is_same(&whole(file, number), &roundup), "{number}");
        }
    }
}

#[test]
fn a_footer_makes_no_text() {
    let footer = "This blog is written on the way home, by one who likes to be told about mistakes, and who answers \
        every letter within the year. If you liked this post, tell somebody; if you did not, tell me. Earlier posts \
        are in the archive, sorted by month, by subject, and by how often they were read. Subscribe by feed or mail.";
    let under = |words: &str| text("", &paragraphs(&[words, footer]));
    let (one, other) = (under(post(RICE, 1)[1]), under(post(BUSES, 1)[1]));
    let likeness = one.compare(&other);
    assert!(likeness.containment > 0.4 && !likeness.is_same_text(), "{likeness:?}");
    // Less than half as many words of one's own, in both.
    let one = under(
        "A picture of the harbour at noon, with the cranes asleep and nobody about but the gulls and me, eating an apple.",
    );
    let other = under(
        "Snow on the tram, seen from above. It came at four, stayed until the schools were out, and left without a word.",
    );
    let likeness = one.compare(&other);
    assert!(likeness.containment > 0.7 && !likeness.is_same_text(), "{likeness:?}");
}

#[test]
fn what_says_little_is_found_by_its_title_alone() {
    for little in ["", "<p>Yes.</p>", "<p>🎉🎉🎉 👩\u{200d}💻 !!! …</p>", "<p>짧은 글입니다.</p>", "<hr>"]
    {
        let (one, other) = (text("A long enough title", little), text("a LONG enough; title", little));
        assert_eq!(one.keys().len(), 1, "{little}");
        assert_eq!(one.keys(), other.keys());
        assert!(!is_same(&one, &other) && one.compare(&other).is_titled_alike);
    }
    // Nor does a title of two words: too many posts have it.
    for (title, keys) in [("", 0), ("Notes", 0), ("안녕", 0), ("Untitled", 1), ("안녕히", 1), ("★★★★★★★★★", 0)]
    {
        assert_eq!(text(title, "").keys().len(), keys, "{title}");
    }
    // A notice in place of many posts, and a short post that is printed twice.
    let notice = "<p>This post is for members only. Become a member today, and read all that was written here since \
        the beginning, without any advertising at all, as often as you like.</p>";
    assert!(!is_same(&text("First of many", notice), &text("Second of many", notice)));
    assert!(is_same(&text("First of many", notice), &text("First of many!", notice)));
}

#[test]
fn a_title_is_no_text() {
    let words = "seventeen swans swam south";
    let shared = |one: &Text, other: &Text| one.keys().iter().filter(|key| other.keys().contains(key)).count();
    assert_eq!(shared(&text(words, ""), &text("", &words.repeat(9))), 0);
}

/// They stand in databases: a change here is a change of what is stored.
#[test]
fn keys_never_change() {
    let text =
        text("A long title", &"The quick brown fox jumps over the lazy dog, 다람쥐 헌 쳇바퀴에 타고파. ".repeat(3));
    let smallest = [187_572_675, 201_836_847, 244_079_742, 370_689_794];
    assert_eq!((&text.keys()[..4], text.keys().last()), (&smallest[..], Some(&1_241_620_227)));
}

#[test]
fn hostile_texts_are_bounded() {
    for (letters, title) in [("a", "a"), ("가", "가"), ("<b>", ""), ("\u{fdfa}", "x"), ("a\u{301}", ""), ("&amp;x", "")]
    {
        let text = text(&title.repeat(100), &letters.repeat(1_000_000 / letters.len()));
        assert!(text.shingles.len() <= bounds::MOST_LETTERS && text.keys().len() <= MOST_KEYS + 1);
        assert_eq!(text.compare(&text).containment > 0.99, text.length > 0, "{letters}");
    }
}
