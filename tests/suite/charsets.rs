//! Every encoding of the Encoding Standard, by each way that a feed may say it.

use super::reading::read_soon;
use encoding_rs::Encoding;

/// Texts in many scripts: each encoding can write some of them.
const TEXTS: [&str; 21] = [
    "Plain words",
    "Où écrit-on déjà",
    "Žluťoučký kůň",
    "Ĉiu skribas ĝin",
    "Rakstnieks ķēniņš",
    "Þeir skrifa ķ",
    "Žmogus rašo",
    "Ŵy ŷ",
    "Œuvre à 5 €",
    "Scrisoare și țară",
    "Mektup yazan kişi ığ",
    "Đêm mưa",
    "Ο άνθρωπος γράφει",
    "Человек пишет письма",
    "Людина пише листи, їжак",
    "האיש שכותב",
    "الرجل الذي يكتب",
    "คนเขียนจดหมาย",
    "느린 편지를 쓰는 똠방각하",
    "ゆっくり手紙を書く人",
    "慢慢写信的人 慢慢寫信的人",
];

/// Each name that the standard gives to an encoding which programs write, and bytes of its own in it.
const ENCODINGS: [(&str, usize); 38] = [
    ("utf-8", 21),
    ("ibm866", 2),
    ("iso-8859-2", 2),
    ("iso-8859-3", 2),
    ("iso-8859-4", 2),
    ("iso-8859-5", 2),
    ("iso-8859-6", 2),
    ("iso-8859-7", 2),
    ("iso-8859-8", 2),
    ("iso-8859-8-i", 2),
    ("iso-8859-10", 2),
    ("iso-8859-13", 2),
    ("iso-8859-14", 2),
    ("iso-8859-15", 2),
    ("iso-8859-16", 2),
    ("koi8-r", 2),
    ("koi8-u", 2),
    ("macintosh", 2),
    ("windows-874", 2),
    ("windows-1250", 2),
    ("windows-1251", 2),
    ("windows-1252", 2),
    ("windows-1253", 2),
    ("windows-1254", 2),
    ("windows-1255", 2),
    ("windows-1256", 2),
    ("windows-1257", 2),
    ("windows-1258", 2),
    ("x-mac-cyrillic", 2),
    ("gbk", 2),
    ("gb18030", 20),
    ("big5", 2),
    ("euc-jp", 2),
    ("iso-2022-jp", 2),
    ("shift_jis", 2),
    ("euc-kr", 2),
    ("iso-8859-1", 2),
    ("us-ascii", 1),
];

fn feed(title: &str, declaration: &str) -> String {
    format!(
        "{declaration}<rss version=\"2.0\"><channel><item><title>{title}</title><guid>1</guid></item></channel></rss>"
    )
}

fn title_of(name: &str, bytes: &[u8], content_type: Option<&str>) -> String {
    read_soon(name, bytes, content_type).unwrap().document.entries[0].title.clone()
}

#[test]
fn what_an_encoding_can_write_is_read_back_from_it() {
    for (label, at_least) in ENCODINGS {
        let encoding = Encoding::for_label(label.as_bytes()).unwrap();
        let mut written = 0;
        for text in TEXTS {
            let declared = feed(text, &format!("<?xml version=\"1.0\" encoding=\"{label}\"?>"));
            let (bytes, _, lost) = encoding.encode(&declared);
            if lost || label == "us-ascii" && !text.is_ascii() {
                continue;
            }
            written += 1;
            assert_eq!(title_of(label, &bytes, None), text, "{label} by its declaration");
            let header = format!("application/rss+xml; charset=\"{}\"", label.to_uppercase());
            assert_eq!(title_of(label, &bytes, Some(&header)), text, "{label} by both");
            let undeclared = feed(text, "");
            let (bytes, _, _) = encoding.encode(&undeclared);
            assert_eq!(title_of(label, &bytes, Some(&header)), text, "{label} by its header");
        }
        assert!(written >= at_least, "{label} wrote {written}");
    }
}

/// What is decoded only: UTF-16 and UTF-32, by their marks and by their shapes.
#[test]
fn wide_encodings_are_read_whatever_is_declared() {
    type Wide = fn(char) -> Vec<u8>;
    fn units(c: char) -> Vec<u16> {
        c.encode_utf16(&mut [0; 2]).to_vec()
    }
    let encodings: [Wide; 4] = [
        |c| units(c).iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        |c| units(c).iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        |c| u32::from(c).to_le_bytes().to_vec(),
        |c| u32::from(c).to_be_bytes().to_vec(),
    ];
    for (number, encode) in encodings.into_iter().enumerate() {
        for text in TEXTS.into_iter().chain(["𝄞 𠀀 🂡"]) {
            for declaration in
                ["", "<?xml version=\"1.0\" encoding=\"utf-16\"?>", "<?xml version=\"1.0\" encoding=\"utf-8\"?>"]
            {
                for mark in ["", "\u{feff}"] {
                    let feed = feed(text, declaration);
                    let bytes: Vec<u8> = mark.chars().chain(feed.chars()).flat_map(encode).collect();
                    for content_type in [None, Some("text/xml; charset=utf-8"), Some("text/xml; charset=utf-16")] {
                        assert_eq!(title_of(text, &bytes, content_type), text, "{number} {declaration} {mark:?}");
                    }
                }
            }
        }
    }
}

/// Encodings that may not be used, and names that are none: what the bytes look like decides.
#[test]
fn a_name_that_is_no_encoding_says_nothing() {
    let korean = "느린 편지를 쓰는 사람은 오월의 마당에서 감나무를 본다";
    let (bytes, _, _) = encoding_rs::EUC_KR.encode(korean);
    for label in
        ["replacement", "hz-gb-2312", "iso-2022-kr", "x-user-defined-not", "", "\u{0}", "utf-32", "utf-16", "cp949"]
    {
        let head = format!("<?xml version=\"1.0\" encoding=\"{label}\"?>");
        let (before, behind) = ("<rss><channel><item><title>", "</title><guid>1</guid></item></channel></rss>");
        let feed = [head.as_bytes(), before.as_bytes(), &bytes, behind.as_bytes()].concat();
        assert_eq!(title_of(label, &feed, None), korean, "{label}");
        let header = format!("text/xml; charset={label}");
        assert_eq!(title_of(label, &feed, Some(&header)), korean, "{label} by header");
    }
}
