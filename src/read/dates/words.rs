//! The words that stand in dates, in the languages of blogs: months, zones,
//! halves of the day, parts of a clock. They are compared in lower case, without
//! accents.

/// How each month's name begins, accents left out.
const MONTHS: [&[&str]; 12] = [
    &["jan", "ene", "gen", "ian", "oca", "sty", "led", "tammi", "янв", "січ", "ιαν"],
    &["feb", "fev", "sub", "lut", "uno", "helmi", "фев", "лют", "φεβ"],
    &["mar", "mrt", "maa", "bre", "мар", "бер", "μαρ", "μαω"],
    &["apr", "avr", "abr", "nis", "kwi", "dub", "huhti", "апр", "кві", "απρ"],
    &["may", "mai", "maj", "mag", "mei", "kve", "touko", "май", "мая", "тра", "μαι"],
    &["jun", "juin", "iun", "kesa", "giu", "haz", "cze", "cer", "июн", "чер", "ιουν", "ιον"],
    &["jul", "juil", "iul", "heina", "lug", "tem", "lip", "cervenec", "июл", "лип", "ιουλ", "ιολ"],
    &["aug", "ago", "aou", "agu", "sie", "srp", "elo", "авг", "сер", "αυγ"],
    &["sep", "set", "sze", "eyl", "wrz", "zar", "syys", "сен", "вер", "σεπ"],
    &["oct", "okt", "ott", "out", "eki", "paz", "rij", "loka", "окт", "жов", "οκτ"],
    &["nov", "noi", "kas", "lis", "marras", "ноя", "νοε"],
    &["dec", "dez", "dic", "des", "ara", "gru", "pro", "joulu", "дек", "гру", "δεκ"],
];

/// Zones by name, in minutes east of Greenwich. Letters are the military zones
/// as RFC 822 has them.
const ZONES: [(&str, i32); 54] = [
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("z", 0),
    ("wet", 0),
    ("uct", 0),
    ("est", -300),
    ("edt", -240),
    ("et", -300),
    ("cst", -360),
    ("cdt", -300),
    ("ct", -360),
    ("mst", -420),
    ("mdt", -360),
    ("mt", -420),
    ("pst", -480),
    ("pdt", -420),
    ("pt", -480),
    ("ast", -240),
    ("adt", -180),
    ("at", -240),
    ("akst", -540),
    ("akdt", -480),
    ("hst", -600),
    ("nst", -210),
    ("ndt", -150),
    ("brt", -180),
    ("art", -180),
    ("west", 60),
    ("bst", 60),
    ("cet", 60),
    ("met", 60),
    ("mez", 60),
    ("cest", 120),
    ("mest", 120),
    ("mesz", 120),
    ("eet", 120),
    ("eest", 180),
    ("sast", 120),
    ("msk", 180),
    ("msd", 240),
    ("ist", 330),
    ("ict", 420),
    ("wib", 420),
    ("hkt", 480),
    ("sgt", 480),
    ("awst", 480),
    ("jst", 540),
    ("kst", 540),
    ("aest", 600),
    ("aedt", 660),
    ("nzst", 720),
    ("nzdt", 780),
    ("acst", 570),
];

pub(super) const MORNING: [&str; 5] = ["am", "오전", "午前", "上午", "πμ"];
pub(super) const AFTERNOON: [&str; 5] = ["pm", "오후", "午後", "下午", "μμ"];
pub(super) const HOUR: [&str; 3] = ["시", "時", "点"];
pub(super) const MINUTE: [&str; 2] = ["분", "分"];
pub(super) const SECOND: [&str; 2] = ["초", "秒"];

/// The number of the month whose name a word begins with; of two that fit, the
/// longer is meant.
pub(super) fn month_named(word: &str) -> Option<u32> {
    let fits = |names: &[&str]| names.iter().filter(|name| word.starts_with(**name)).map(|name| name.len()).max();
    let (number, _) = (1..)
        .zip(MONTHS)
        .filter_map(|(number, names)| Some((number, fits(names)?)))
        .max_by_key(|(_, length)| *length)?;
    Some(number)
}

/// Minutes east of Greenwich.
pub(super) fn zone_named(word: &str) -> Option<i32> {
    ZONES.iter().find(|(name, _)| *name == word).map(|(_, minutes)| *minutes)
}

pub(super) fn unaccented(c: char) -> char {
    match c {
        'á' | 'à' | 'ä' | 'â' | 'ã' => 'a',
        'é' | 'è' | 'ê' | 'ë' | 'ě' => 'e',
        'í' | 'î' | 'ï' => 'i',
        'ó' | 'ö' | 'ô' | 'ő' => 'o',
        'ú' | 'ü' | 'û' | 'ű' => 'u',
        'ç' | 'č' => 'c',
        'ş' | 'š' => 's',
        'ř' => 'r',
        'ź' | 'ž' => 'z',
        'ğ' => 'g',
        'ά' => 'α',
        'έ' => 'ε',
        'ί' | 'ϊ' | 'ΐ' => 'ι',
        'ό' => 'ο',
        'ύ' | 'ϋ' => 'υ',
        'ώ' => 'ω',
        other => other,
    }
}
