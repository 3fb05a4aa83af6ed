//! Which texts are taken for one: a hundred posts by twenty authors, each also as
//! two other places would print it, and all posts beside each other.

use crate::rewriting::{Editor, Essay};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use syndicated::domain::html::CleanHtml;
use syndicated::domain::likeness::{Likeness, Text};

/// Every post of the set: five of each author, by file.
fn essays() -> Vec<Essay> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/likeness");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.file_stem().unwrap() != "by-hand");
    files.sort();
    files
        .iter()
        .flat_map(|file| read(file.file_stem().unwrap().to_str().unwrap(), &fs::read_to_string(file).unwrap()))
        .collect()
}

/// Posts begin with `# ` and their title; `^ ` and `~ ` are what stands before and behind each.
fn read(subject: &str, file: &str) -> Vec<Essay> {
    let blocks = || file.split("\n\n").flat_map(|block| block.split("\n~ ")).map(str::trim);
    let marked = |mark: &str| file.lines().find_map(|line| line.strip_prefix(mark)).map(str::to_owned);
    let (greeting, footer) = (marked("^ "), marked("~ "));
    let mut essays: Vec<Essay> = Vec::new();
    for block in blocks().filter(|block| !block.starts_with("^ ")) {
        if let Some(title) = block.strip_prefix("# ") {
            let (title, paragraphs) = (title.to_owned(), Vec::new());
            let (greeting, footer) = (greeting.clone(), footer.clone());
            essays.push(Essay { subject: subject.to_owned(), title, paragraphs, greeting, footer });
        } else if footer.as_deref() != Some(block.trim_start_matches("~ ")) {
            essays.last_mut().unwrap().paragraphs.push(block.to_owned());
        }
    }
    essays
}

/// Posts that were edited by hand, by file and number.
fn edited() -> BTreeMap<(String, usize), Essay> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/likeness/by-hand.txt");
    let file = fs::read_to_string(path).unwrap();
    let posts = file.split("@ ").filter(|post| !post.is_empty()).map(|post| {
        let (name, post) = post.split_once('\n').unwrap();
        let (subject, number) = name.split_once(' ').unwrap();
        ((subject.to_owned(), number.parse::<usize>().unwrap() - 1), read(subject, post).remove(0))
    });
    posts.collect()
}

/// What another place does with a post, ten ways.
fn reprinted(essay: &Essay, way: usize, chance: u64) -> (String, String) {
    let (mut copy, mut editor) = (essay.clone(), Editor(chance));
    match way {
        // Another platform, the text as it was.
        0 => {
            editor.typography(&mut copy);
            editor.frame(&mut copy, 1, 2);
        }
        // Read again by the author, under the same roof.
        1 => editor.words(&mut copy, 8),
        // Edited: words, sentences, title.
        2 => {
            copy.house_style();
            editor.sentences(&mut copy, 12, 2);
            editor.words(&mut copy, 6);
            editor.title(&mut copy);
            editor.frame(&mut copy, 0, 1);
        }
        // Abridged.
        3 => {
            editor.drop_paragraph(&mut copy);
            editor.sentences(&mut copy, 15, 0);
            editor.title(&mut copy);
            editor.frame(&mut copy, 1, 1);
        }
        // In another order.
        4 => {
            editor.reorder_paragraphs(&mut copy);
            editor.reorder_sentences(&mut copy, 15);
            editor.words(&mut copy, 5);
            editor.frame(&mut copy, 1, 0);
        }
        // Its beginning, and "read more".
        5 => {
            editor.cut(&mut copy, 30, 60);
            editor.frame(&mut copy, 0, 1);
        }
        // The beginning of the edited text, under another title.
        6 => {
            editor.words(&mut copy, 5);
            editor.cut(&mut copy, 40, 60);
            editor.title(&mut copy);
            editor.typography(&mut copy);
            editor.frame(&mut copy, 1, 0);
        }
        // The words as they were, the letters not.
        7 => {
            editor.typography(&mut copy);
            editor.reorder_sentences(&mut copy, 8);
            editor.title(&mut copy);
        }
        // With an editor's lead and headings.
        8 => {
            editor.words(&mut copy, 4);
            editor.lead(&mut copy);
            editor.title(&mut copy);
            editor.frame(&mut copy, 0, 2);
        }
        // All of it.
        _ => {
            editor.words(&mut copy, 8);
            editor.sentences(&mut copy, 10, 2);
            editor.drop_paragraph(&mut copy);
            editor.typography(&mut copy);
            editor.title(&mut copy);
            editor.frame(&mut copy, 1, 1);
        }
    }
    let html = editor.html(&copy);
    (copy.title, html)
}

/// A post's text, and as which of the ten ways it was printed.
struct Printed {
    essay: usize,
    subject: String,
    way: usize,
    text: Text,
}

fn text(title: &str, html: &str) -> Text {
    Text::new(title, &CleanHtml::sanitise(html, None))
}

/// The posts as their authors published them, and the two hundred copies.
fn printed() -> (Vec<Printed>, Vec<Printed>) {
    let (essays, edited) = (essays(), edited());
    assert_eq!((essays.len(), edited.len()), (100, 6));
    let mut copies = Vec::new();
    for (number, essay) in essays.iter().enumerate() {
        let (author, post) = (number / 5, number % 5);
        for (way, half) in [((post + author) % 5, 0), (5 + (post + 2 * author) % 5, 1)] {
            let by_hand = edited.get(&(essay.subject.clone(), post)).filter(|_| half == 0);
            let chance = u64::try_from(number * 2 + half).unwrap();
            let (way, (title, html)) = match by_hand {
                Some(copy) => (10, (copy.title.clone(), copy.html())),
                None => (way, reprinted(essay, way, chance)),
            };
            copies.push(Printed { essay: number, subject: essay.subject.clone(), way, text: text(&title, &html) });
        }
    }
    let originals = essays.iter().enumerate().map(|(number, essay)| Printed {
        essay: number,
        subject: essay.subject.clone(),
        way: 0,
        text: text(&essay.title, &essay.html()),
    });
    (originals.collect(), copies)
}

/// How many keys two texts have in common.
fn keys_shared(one: &Text, other: &Text) -> usize {
    let keys = other.keys();
    one.keys().iter().filter(|key| keys.contains(key)).count()
}

/// Of the pairs that share so many keys, how many are taken for one.
fn taken(pairs: &[(&Printed, &Printed)], least_keys: usize) -> usize {
    let found = pairs.iter().filter(|(one, other)| keys_shared(&one.text, &other.text) >= least_keys);
    found.filter(|(one, other)| one.text.compare(&other.text).is_same_text()).count()
}

/// So many thousandths of the pairs have no greater likeness.
fn quantile(likenesses: &[Likeness], thousandths: usize) -> f64 {
    let mut shares: Vec<f64> = likenesses.iter().map(|likeness| likeness.containment).collect();
    shares.sort_by(f64::total_cmp);
    shares[(shares.len() - 1) * thousandths / 1000]
}

#[test]
fn copies_are_recognised_and_posts_of_one_author_are_not() {
    let (originals, copies) = printed();
    let same: Vec<_> = copies.iter().map(|copy| (&originals[copy.essay], copy)).collect();
    let of_one_author = |first: &Printed, second: &Printed| first.subject == second.subject;
    let different: Vec<_> = pairs(&originals).into_iter().filter(|(one, other)| of_one_author(one, other)).collect();
    assert_eq!((same.len(), different.len()), (200, 200));

    let liken = |pairs: &[(&Printed, &Printed)]| -> Vec<Likeness> {
        pairs.iter().map(|(one, other)| one.text.compare(&other.text)).collect()
    };
    let (alike, unlike) = (liken(&same), liken(&different));
    println!(
        "containment of copies: least {:.2}, 3 % {:.2}, median {:.2}; of other posts: median {:.2}, 99 % {:.2}, most {:.2}",
        quantile(&alike, 0),
        quantile(&alike, 30),
        quantile(&alike, 500),
        quantile(&unlike, 500),
        quantile(&unlike, 990),
        quantile(&unlike, 1000),
    );
    for ((_, copy), likeness) in same.iter().zip(&alike).filter(|(_, likeness)| !likeness.is_same_text()) {
        println!("missed: {} {}, way {}: {likeness:?}", copy.subject, copy.essay % 5 + 1, copy.way);
    }
    let with_keys = |pairs: &[(&Printed, &Printed)], least: usize| {
        pairs.iter().filter(|(one, other)| keys_shared(&one.text, &other.text) >= least).count()
    };
    for least_keys in [0, 1, 2] {
        let (right, wrong) = (taken(&same, least_keys), taken(&different, least_keys));
        println!(
            "{least_keys} keys or more: {} of 200 copies and {} of 200 others; taken for one: {right} and {wrong}",
            with_keys(&same, least_keys),
            with_keys(&different, least_keys),
        );
        assert_eq!(wrong, 0, "precision, by {least_keys} keys");
        assert!(right >= 194, "recall, by {least_keys} keys: {right} of 200");
    }
}

/// Every pair of a list.
fn pairs(printed: &[Printed]) -> Vec<(&Printed, &Printed)> {
    printed.iter().enumerate().flat_map(|(at, one)| printed[at + 1..].iter().map(move |other| (one, other))).collect()
}

#[test]
fn no_other_two_of_all_that_was_printed_are_one() {
    let (mut all, copies) = printed();
    let among_authors = pairs(&all).iter().filter(|(one, other)| one.subject != other.subject).count();
    assert_eq!(among_authors, 100 * 99 / 2 - 200);
    // Copies, too: the same platforms' words stand around many of them.
    all.extend(copies);
    let mut most = 0.0_f64;
    let mut compared = 0;
    for (one, other) in pairs(&all).into_iter().filter(|(one, other)| one.essay != other.essay) {
        let likeness = one.text.compare(&other.text);
        assert!(!likeness.is_same_text(), "{} {}, {} {}: {likeness:?}", one.subject, one.way, other.subject, other.way);
        most = most.max(likeness.containment);
        compared += 1;
    }
    println!("{compared} pairs of different posts, whose containment is at most {most:.2}");
    assert_eq!(compared, 44_550);
}

#[test]
fn the_beginning_of_a_long_text_is_found_and_recognised() {
    let (mut found, mut recognised) = (0, 0);
    for author in essays().chunks(5) {
        for chance in 0..5 {
            let mut long = author[0].clone();
            long.paragraphs =
                author.iter().cycle().skip(chance).take(5).flat_map(|essay| essay.paragraphs.clone()).collect();
            let (mut beginning, mut editor) = (long.clone(), Editor(u64::try_from(chance).unwrap()));
            editor.cut(&mut beginning, 6, 12);
            editor.frame(&mut beginning, 1, 0);
            let (long, beginning) = (text(&long.title, &long.html()), text("Elsewhere: a text", &beginning.html()));
            found += usize::from(keys_shared(&long, &beginning) > 0);
            recognised += usize::from(long.compare(&beginning).is_same_text());
        }
    }
    println!("of 100 beginnings of long texts, {found} share a key, and {recognised} are recognised");
    assert!(found >= 97 && recognised >= 97);
}

#[test]
fn a_roundup_and_a_commentary_are_not_what_they_take_in() {
    let essays = essays();
    let (mut most_of_roundups, mut most_of_commentaries) = (0.0_f64, 0.0_f64);
    for (number, quoted) in essays.iter().enumerate() {
        let original = text(&quoted.title, &quoted.html());
        // Another blog quotes the beginnings of four posts, each under its title.
        let five = &essays[number / 5 * 5..][..5];
        let mut roundup = Essay { paragraphs: Vec::new(), greeting: None, footer: None, ..quoted.clone() };
        for (place, essay) in five.iter().cycle().skip(number % 5).take(4).enumerate() {
            let (mut beginning, mut editor) = (essay.clone(), Editor(u64::try_from(number).unwrap()));
            editor.cut(&mut beginning, 30, 45);
            roundup.paragraphs.push(format!("{}. {}", place + 1, essay.title));
            roundup.paragraphs.extend(beginning.paragraphs);
        }
        let likeness = original.compare(&text("Five to read this week", &roundup.html()));
        assert!(!likeness.is_same_text(), "{}: {likeness:?}", quoted.title);
        most_of_roundups = most_of_roundups.max(likeness.containment);

        // Another author's post, with this one whole in its middle, and no sign that it is quoted.
        let mut commentary = essays[(number + 5) % 50 + number / 50 * 50].clone();
        let middle = commentary.paragraphs.len() / 2;
        commentary.paragraphs.splice(middle..middle, quoted.paragraphs.clone());
        let likeness = original.compare(&text(&commentary.title, &commentary.html()));
        assert!(!likeness.is_same_text(), "{}: {likeness:?}", quoted.title);
        most_of_commentaries = most_of_commentaries.max(likeness.lead);
    }
    println!(
        "containment of roundups: at most {most_of_roundups:.2}; lead of commentaries: at most {most_of_commentaries:.2}"
    );
}
