//! What editors and platforms do to a text before it appears elsewhere, by chance
//! that is the same each time.

use std::fmt::Write as _;
use unicode_normalization::UnicodeNormalization as _;

/// A post of the near-duplicate set, as its author published it.
#[derive(Clone)]
pub(crate) struct Essay {
    /// The file that it stands in, which begins with its language.
    pub(crate) subject: String,
    pub(crate) title: String,
    pub(crate) paragraphs: Vec<String>,
    /// What stands before and behind all posts of its author.
    pub(crate) greeting: Option<String>,
    pub(crate) footer: Option<String>,
}

impl Essay {
    /// Another register, as the house has it.
    pub(crate) fn house_style(&mut self) {
        let changes = if self.is_korean() { KOREAN_STYLE } else { ENGLISH_STYLE };
        for paragraph in &mut self.paragraphs {
            for (old, new) in changes {
                *paragraph = paragraph.replace(old, new);
            }
        }
    }

    fn is_korean(&self) -> bool {
        self.subject.starts_with("ko")
    }

    /// The post with all that its blog puts around it.
    pub(crate) fn html(&self) -> String {
        format!("<p>{}</p>", self.blocks().join("</p>\n<p>"))
    }

    fn blocks(&self) -> Vec<&str> {
        self.greeting.iter().chain(&self.paragraphs).chain(&self.footer).map(String::as_str).collect()
    }

    fn sentences(paragraph: &str) -> Vec<String> {
        let mut sentences = vec![String::new()];
        for word in paragraph.split(' ') {
            let sentence = sentences.last_mut().unwrap();
            let _ = write!(sentence, "{}{word}", if sentence.is_empty() { "" } else { " " });
            if word.trim_end_matches(['"', ')']).ends_with(['.', '?', '!']) {
                sentences.push(String::new());
            }
        }
        sentences.retain(|sentence| !sentence.is_empty());
        sentences
    }
}

/// Chance that is the same each time (`SplitMix64`).
pub(crate) struct Editor(pub(crate) u64);

impl Editor {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit.max(1) as u64).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Other words, so many in a hundred.
    pub(crate) fn words(&mut self, essay: &mut Essay, percent: usize) {
        let others = if essay.is_korean() { KOREAN_WORDS } else { ENGLISH_WORDS };
        for paragraph in &mut essay.paragraphs {
            let words = paragraph.split(' ').map(|word| {
                if !self.happens(percent) {
                    return word.to_owned();
                }
                let end = &word[word.trim_end_matches(['.', ',', '?', '!', ':', ';']).len()..];
                self.one(others).to_owned() + end
            });
            *paragraph = words.collect::<Vec<_>>().join(" ");
        }
    }

    /// So many sentences in a hundred go, and as many new ones come as are said.
    pub(crate) fn sentences(&mut self, essay: &mut Essay, dropped: usize, added: usize) {
        for paragraph in &mut essay.paragraphs {
            let mut sentences = Essay::sentences(paragraph);
            if sentences.len() > 1 {
                sentences.retain(|_| !self.happens(dropped));
            }
            *paragraph = sentences.join(" ");
        }
        essay.paragraphs.retain(|paragraph| !paragraph.is_empty());
        let new = if essay.is_korean() { KOREAN_SENTENCES } else { ENGLISH_SENTENCES };
        for _ in 0..added {
            let at = self.below(essay.paragraphs.len());
            let mut sentences = Essay::sentences(&essay.paragraphs[at]);
            sentences.insert(self.below(sentences.len() + 1), self.one(new).to_owned());
            essay.paragraphs[at] = sentences.join(" ");
        }
    }

    /// Sentences change places with the next ones, so many in a hundred.
    pub(crate) fn reorder_sentences(&mut self, essay: &mut Essay, percent: usize) {
        for paragraph in &mut essay.paragraphs {
            let mut sentences = Essay::sentences(paragraph);
            for at in 1..sentences.len() {
                if self.happens(percent) {
                    sentences.swap(at - 1, at);
                }
            }
            *paragraph = sentences.join(" ");
        }
    }

    /// Two paragraphs change places.
    pub(crate) fn reorder_paragraphs(&mut self, essay: &mut Essay) {
        let at = 1 + self.below(essay.paragraphs.len() - 1);
        essay.paragraphs.swap(at - 1, at);
    }

    /// A paragraph goes, which is not the first.
    pub(crate) fn drop_paragraph(&mut self, essay: &mut Essay) {
        let at = 1 + self.below(essay.paragraphs.len() - 1);
        essay.paragraphs.remove(at);
    }

    /// The beginning, so many hundredths of it, with an ellipsis.
    pub(crate) fn cut(&mut self, essay: &mut Essay, least: usize, most: usize) {
        let percent = least + self.below(most - least + 1);
        let text = essay.paragraphs.join("\n\n");
        let end = text.char_indices().nth(text.chars().count() * percent / 100).unwrap().0;
        let end = text[..end].rfind(' ').unwrap();
        let cut = format!("{}{}", text[..end].trim_end(), self.one(&["…", "...", " […]", "···"]));
        essay.paragraphs = cut.split("\n\n").map(str::to_owned).collect();
        essay.footer = None;
    }

    /// Quotes, dashes, spaces and how letters are spelt.
    pub(crate) fn typography(&mut self, essay: &mut Essay) {
        let way = self.below(4);
        for paragraph in &mut essay.paragraphs {
            let mut text = paragraph.replace('\'', "’").replace(" \"", " “").replace('"', "”").replace(": ", " — ");
            if way == 0 {
                text = text.nfd().collect();
            } else if way == 1 {
                text = text.replace(". ", ".&nbsp; ").replace(' ', "\n");
            } else if way == 2 {
                text = text
                    .split(' ')
                    .map(|word| if self.happens(15) { word.to_owned() } else { format!("{word} ") })
                    .collect();
            } else {
                text = text.to_uppercase();
            }
            *paragraph = text;
        }
    }

    /// An editor's own lead instead of the first paragraph, and headings between the others.
    pub(crate) fn lead(&mut self, essay: &mut Essay) {
        let (leads, headings) =
            if essay.is_korean() { (KOREAN_LEADS, KOREAN_HEADINGS) } else { (ENGLISH_LEADS, ENGLISH_HEADINGS) };
        self.one(leads).clone_into(&mut essay.paragraphs[0]);
        let mut at = 2;
        while at < essay.paragraphs.len() {
            essay.paragraphs.insert(at, self.one(headings).to_owned());
            at += 3;
        }
    }

    /// What another platform puts before and behind.
    pub(crate) fn frame(&mut self, essay: &mut Essay, before: usize, behind: usize) {
        let (heads, tails) =
            if essay.is_korean() { (KOREAN_HEADS, KOREAN_TAILS) } else { (ENGLISH_HEADS, ENGLISH_TAILS) };
        for _ in 0..before {
            essay.paragraphs.insert(0, self.one(heads).to_owned());
        }
        for _ in 0..behind {
            essay.paragraphs.push(self.one(tails).to_owned());
        }
        essay.greeting = None;
        essay.footer = None;
    }

    /// Another title: with more around it, or a sentence of the text.
    pub(crate) fn title(&mut self, essay: &mut Essay) {
        let way = self.below(3);
        essay.title = match (way, essay.is_korean()) {
            (0, true) => format!("[칼럼] {} | 마을신문", essay.title),
            (0, false) => format!("{} – The Weekly Page", essay.title),
            (1, _) => Essay::sentences(essay.paragraphs.last().unwrap())[0].clone(),
            (_, true) => "이번 주의 글".to_owned(),
            (_, false) => "A guest post".to_owned(),
        };
    }

    /// The text in another's markup.
    pub(crate) fn html(&mut self, essay: &Essay) -> String {
        match self.below(4) {
            0 => essay.html(),
            1 => essay.blocks().join("<br><br>"),
            2 => format!("<div><span>{}</span></div>", essay.blocks().join("</span></div><div><span>")),
            _ => essay.html().replace(", ", ",<img src=\"https://x.example/a.png\" alt=\"\"> "),
        }
    }
}

const ENGLISH_WORDS: &[&str] = &[
    "rather", "simply", "certain", "perhaps", "moment", "quite", "another", "usual", "morning", "place", "several",
    "merely", "indeed", "matter", "walked", "turned", "found", "thought", "evening", "almost", "people", "single",
];
const KOREAN_WORDS: &[&str] = &[
    "어쩌면",
    "그다지",
    "조금은",
    "그때",
    "다시",
    "사람이",
    "아침에",
    "무렵",
    "여전히",
    "모두가",
    "가만히",
    "생각이",
    "잠시",
    "이제는",
    "그래서",
    "문득",
    "하나를",
    "정도로",
    "오히려",
    "제법",
    "마침",
    "날이",
    "곁에서",
    "되었고",
];
const ENGLISH_SENTENCES: &[&str] = &[
    "It took me longer than I care to say.",
    "Nobody had warned me about that.",
    "I have thought about it ever since.",
    "You may well laugh.",
    "That, at least, is how it seemed to me at the time.",
    "My mother would have known.",
    "There is more to say about this, but not today.",
];
const KOREAN_SENTENCES: &[&str] = &[
    "그때는 그것이 무슨 뜻인지 몰랐다.",
    "지금 생각해도 신기한 일이다.",
    "누구나 한 번쯤은 겪어 보았을 것이다.",
    "말로 하면 쉬운데 그렇지가 않다.",
    "이 이야기는 언젠가 다시 쓸 생각이다.",
    "돌아보면 모두 지나간 일이다.",
    "솔직히 말하면 조금 귀찮았다.",
];
const ENGLISH_STYLE: &[(&str, &str)] = &[
    (" is not ", " isn't "),
    (" was not ", " wasn't "),
    (" does not ", " doesn't "),
    (" do not ", " don't "),
    (" did not ", " didn't "),
    (" had not ", " hadn't "),
    ("cannot", "can't"),
    ("I have ", "I've "),
    ("I am ", "I'm "),
    (" that I ", " I "),
    ("; ", ". "),
    ("It is ", "It's "),
    (" which ", " that "),
    ("Nobody", "No one"),
    ("nobody", "no one"),
    ("Somebody", "Someone"),
    ("somebody", "someone"),
    (" upon ", " on "),
];
const KOREAN_STYLE: &[(&str, &str)] = &[
    ("했다.", "했습니다."),
    ("었다.", "었습니다."),
    ("았다.", "았습니다."),
    ("였다.", "였습니다."),
    ("한다.", "합니다."),
    ("이다.", "입니다."),
    ("는다.", "습니다."),
    ("없다.", "없습니다."),
    ("있다.", "있습니다."),
    ("같다.", "같습니다."),
    ("온다.", "옵니다."),
    ("든다.", "듭니다."),
    ("다섯", "5"),
    ("열두", "12"),
    ("나는", "저는"),
    ("내가", "제가"),
    ("했습니다.", "했어요."),
    ("었습니다.", "었어요."),
];
const ENGLISH_LEADS: &[&str] = &[
    "Some things look smaller than they are. Our author went to look at one of them, and came back with more questions \
     than she had taken along.",
    "This week we print a text that a reader sent us. It made the whole office talk, which does not happen every week.",
];
const KOREAN_LEADS: &[&str] = &[
    "사소해 보이는 일이 하루를 바꿀 때가 있습니다. 이번 호에서는 그런 순간을 적어 보낸 독자의 글을 싣습니다.",
    "편집부에 도착한 글 가운데 가장 오래 이야기한 한 편을 소개한다. 읽고 나면 늘 보던 것이 조금 달라 보일 것이다.",
];
const ENGLISH_HEADINGS: &[&str] = &["What happened next", "A closer look", "The point of it", "Small things"];
const KOREAN_HEADINGS: &[&str] = &["그다음에 일어난 일", "조금 더 가까이", "작은 것들", "남은 이야기"];
const ENGLISH_HEADS: &[&str] = &[
    "This post first appeared on the author's own blog, and is reprinted with permission.",
    "Reading time: 3 minutes. Listen to this article. Share on every network you can think of.",
    "You are reading a free sample. Sign up below, and get one story in your inbox each Friday, without advertising.",
    "Opinion. The author writes about everyday life.",
];
const KOREAN_HEADS: &[&str] = &[
    "이 글은 글쓴이의 블로그에 먼저 실렸으며 허락을 받아 옮겨 싣습니다.",
    "읽는 시간 3분 · 글자 크기 조절 · 공유하기 · 인쇄",
    "매주 금요일, 광고 없는 이야기 한 편을 메일로 보내 드립니다. 아래에서 무료로 구독해 보세요.",
    "[오피니언] 일상에서 건져 올린 이야기를 나눕니다.",
];
const ENGLISH_TAILS: &[&str] = &[
    "About the author: writes about small things, lives near a river, and answers every letter. Find all earlier columns \
     in the archive, and follow the author to be told of new ones.",
    "Tags: everyday life, essays, home. Related posts: Ten things about October. What the postman knows. A year without \
     a car. The best of last month.",
    "Did you enjoy this? Become a member today. Members read everything, write in the comments, and keep this magazine \
     alive. Already a member? Log in. Privacy, terms, imprint.",
    "Share this: mail, print, link. Like this? Leave a comment, and read what others said.",
];
const KOREAN_TAILS: &[&str] = &[
    "글쓴이 소개: 작은 것들에 대해 씁니다. 강가에 살고 모든 편지에 답장합니다. 지난 글은 모아 보기에서 읽을 수 있고, 구독하면 새 글 알림을 받습니다.",
    "#일상 #에세이 #집 #기록 함께 읽으면 좋은 글: 시월에 하고 싶은 열 가지, 집배원이 아는 것, 차 없이 보낸 한 해, 지난달에 가장 많이 읽힌 글",
    "재미있게 읽으셨나요? 지금 후원 회원이 되어 주세요. 회원은 모든 글을 읽고 댓글을 쓸 수 있습니다. 이미 회원이신가요? 로그인 · 개인정보 처리방침 · 이용 약관",
    "공감 12 댓글 3 공유하기 신고하기. 저작권자의 허락 없이 옮길 수 없습니다.",
];
