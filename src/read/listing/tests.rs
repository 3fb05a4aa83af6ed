use super::*;
use crate::domain::platform::Platforms;
use crate::domain::url::HttpUrl;
use crate::read::{Input, listing};

const ADDRESS: &str = "https://www.alley.example/essays/";

fn read(page: &str, rules: &ListRules) -> Result<Reading, ReadError> {
    read_at(ADDRESS, page, rules)
}

fn read_at(address: &str, page: &str, rules: &ListRules) -> Result<Reading, ReadError> {
    let address: HttpUrl = address.parse().unwrap();
    listing(
        &Input {
            bytes: page.as_bytes(),
            content_type: Some("text/html; charset=utf-8"),
            base: Some(&address),
            platforms: &Platforms::default(),
        },
        rules,
    )
}

/// Each entry in a line: address, title, date, authors, summary.
fn lines(reading: &Reading) -> Vec<String> {
    assert_eq!(reading.raw.len(), reading.document.entries.len());
    let line = |entry: &Entry| {
        let date = entry.published.map(crate::domain::time::Timestamp::to_rfc3339).unwrap_or_default();
        let summary = entry.summary.as_ref().map(|html| crate::read::plain_text(html.as_str())).unwrap_or_default();
        let path = entry.url.as_ref().unwrap().as_str().trim_start_matches("https://www.alley.example").to_owned();
        format!("{path} | {} | {date} | {} | {summary}", entry.title, entry.authors.join(", "))
    };
    reading.document.entries.iter().map(line).collect()
}

fn auto(page: &str) -> Vec<String> {
    lines(&read(page, &ListRules::default()).unwrap())
}

fn rules(pairs: &[(&str, &str)]) -> ListRules {
    let of = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, selector)| (*selector).to_owned());
    ListRules {
        items: of("items"),
        link: of("link"),
        title: of("title"),
        date: of("date"),
        author: of("author"),
        summary: of("summary"),
    }
}

const MENU: &str = "<nav><ul><li><a href='/'>The front page of the alley</a></li><li><a href='/about'>About the clockmaker and his street</a></li>\
    <li><a href='/essays/'>All the essays that there are</a></li><li><a href='/shop'>The shop on the corner</a></li></ul></nav>";
const FOOT: &str = "<aside class=sidebar><h2>Recent</h2><ul><li><a href='/p/9'>A post in the margin that is long</a></li>\
    <li><a href='/p/8'>Another post in the margin, longer still</a></li><li><a href='/p/7'>A third post in the margin</a></li></ul>\
    <div class=tagcloud><a href='/tag/clocks'>clocks and hours</a><a href='/tag/rain'>rain on tin roofs</a><a href='/tag/bread'>bread</a></div></aside>\
    <footer><p><a href='/imprint'>Imprint and legal notice of this site</a></p><p><a href='/privacy'>Privacy policy of this site</a></p>\
    <p><a href='https://elsewhere.example/'>Made with a program from elsewhere</a></p></footer>";

#[test]
fn posts_are_told_from_menus_margins_and_feet_by_what_they_say() {
    let page = format!(
        "<html lang=en><body>{MENU}<main>\
         <article class='card odd'><h2><a href='/p/2'>Bread at Five</a></h2><time datetime='2026-03-02T05:00:00Z'>Monday</time>\
           <p>The baker's light is the first one of the street, and the last to be thanked.</p><a href='/tag/bread'>bread</a></article>\
         <article class='card even'><h2><a href='/p/1'>A Clock</a></h2><span class=post-date>1 March 2026</span>\
           <p class=excerpt>A right clock is a promise, and it is kept every minute.</p></article>\
         </main>{FOOT}</body></html>"
    );
    assert_eq!(
        auto(&page),
        [
            "/p/2 | Bread at Five | 2026-03-02T05:00:00Z |  | The baker's light is the first one of the street, and the last to be thanked.",
            "/p/1 | A Clock | 2026-03-01T00:00:00Z |  | A right clock is a promise, and it is kept every minute.",
        ]
    );
}

#[test]
fn a_bare_list_of_links_is_a_list_and_its_years_are_one_list() {
    let page = format!(
        "<html><body>{MENU}<div id=content><h2>2026</h2><ul><li>2026-02-03 <a href='c.html'>Why rain is never late</a></li>\
         <li>2026-01-02 <a href='b.html'>On being third in a queue</a></li></ul><h2>2025</h2><ul>\
         <li>2025-12-31 <a href='a.html'>The last hour of a year</a></li></ul></div>{FOOT}</body></html>"
    );
    assert_eq!(
        auto(&page),
        [
            "/essays/c.html | Why rain is never late | 2026-02-03T00:00:00Z |  | ",
            "/essays/b.html | On being third in a queue | 2026-01-02T00:00:00Z |  | ",
            "/essays/a.html | The last hour of a year | 2025-12-31T00:00:00Z |  | ",
        ]
    );
}

#[test]
fn blocks_that_are_links_themselves_and_rows_of_boards_are_read() {
    let cards = format!(
        "<body>{MENU}<div class=grid><a class=card href='/p/2'><img alt='' src=x.png><h3>Bread at Five</h3><p>The first light of the whole street.</p></a>\
         <a class=card href='/p/1'><h3>A Clock for the Corner</h3><p>A promise, kept every minute of it.</p></a></div>{FOOT}</body>"
    );
    assert_eq!(
        auto(&cards),
        [
            "/p/2 | Bread at Five |  |  | The first light of the whole street.",
            "/p/1 | A Clock for the Corner |  |  | A promise, kept every minute of it.",
        ]
    );
    let board = "<html lang=ko><body><div id=gnb><a href='/a'>회사 소개와 인사말</a><a href='/b'>오시는 길과 연락처</a></div>\
         <table><tr><th>번호</th><th>제목</th><th>글쓴이</th><th>날짜</th></tr>\
         <tr><td>2</td><td class=subject><a href='?id=2'>감나무 아래에서 [3]</a></td><td class=writer>미나</td><td>2026.05.05</td></tr>\
         <tr><td>1</td><td class=subject><a href='?id=1'>골목의 시계</a></td><td class=writer>준</td><td>2026.05.01 09:30</td></tr></table></body></html>";
    assert_eq!(
        auto(board),
        [
            "/essays/?id=2 | 감나무 아래에서 | 2026-05-04T15:00:00Z | 미나 | ",
            "/essays/?id=1 | 골목의 시계 | 2026-05-01T00:30:00Z | 준 | ",
        ]
    );
}

#[test]
fn a_news_list_of_a_korean_platform_is_read() {
    let item = |number: u32, title: &str, day: u32| {
        format!(
            "<li><a href='/news/articleView.html?idxno={number}' class=thumb><img src='t.jpg'></a><div class=view-cont>\
             <h4 class=titles><a href='/news/articleView.html?idxno={number}' target=_top>{title}</a></h4>\
             <p class='lead line-6x2'><a href='/news/articleView.html?idxno={number}'>골목의 시계는 늘 맞았다. 그래서 아무도 서두르지 않았다.</a></p>\
             <span class=byline><em>교육</em><em>홍기자 기자</em><em>2026.05.{day:02} 10:00</em></span></div></li>"
        )
    };
    let page = format!(
        "<html lang=ko><body><ul id=menu><li><a href='/news/articleList.html?sc_section_code=S1N1'>교육 소식을 모두 모아 보기</a></li>\
         <li><a href='/news/articleList.html?sc_section_code=S1N2'>문화 소식을 모두 모아 보기</a></li></ul>\
         <section id=section-list><ul class=type2>{}{}</ul></section>\
         <div class=auto-article><ul><li><a href='/news/articleView.html?idxno=1'>많이 본 기사 제목이 여기에 있다</a></li></ul></div></body></html>",
        item(4617, "늦은 시계 이야기", 5),
        item(4616, "이른 빵", 4)
    );
    let reading = read_at(
        "https://www.alley.example/news/articleList.html?sc_section_code=S1N1&view_type=sm",
        &page,
        &ListRules::default(),
    )
    .unwrap();
    let summary = "골목의 시계는 늘 맞았다. 그래서 아무도 서두르지 않았다.";
    assert_eq!(
        lines(&reading),
        [
            format!(
                "/news/articleView.html?idxno=4617 | 늦은 시계 이야기 | 2026-05-05T01:00:00Z | 홍기자 기자 | {summary}"
            ),
            format!("/news/articleView.html?idxno=4616 | 이른 빵 | 2026-05-04T01:00:00Z | 홍기자 기자 | {summary}"),
        ]
    );
    assert_eq!(reading.document.language.as_deref(), Some("ko"));
    // The same by the structure alone, where the address says nothing of the platform.
    assert_eq!(auto(&page).len(), 2);
}

#[test]
fn what_a_page_says_in_json_ld_is_believed_and_completed() {
    let blog = format!(
        "<head><script type='application/ld+json'>{{\"@context\":\"https://schema.org\",\"@graph\":[{{\"@type\":\"BreadcrumbList\",\
         \"itemListElement\":[{{\"@type\":\"ListItem\",\"position\":1,\"item\":{{\"@type\":\"WebPage\",\"@id\":\"/\",\"name\":\"Front page of the site\"}}}}]}},\
         {{\"@type\":[\"Blog\"],\"blogPost\":[{{\"@type\":\"BlogPosting\",\"headline\":\"Bread &amp; Butter\",\"url\":\"/p/2\",\
         \"datePublished\":\"2026-03-02T05:00:00Z\",\"author\":[{{\"@type\":\"Person\",\"name\":\"Mina\"}},\"Jun\"],\"description\":\"First <light>.\"}},\
         {{\"@type\":\"BlogPosting\",\"@id\":\"https://www.alley.example/p/1\",\"name\":\"A Clock\"}},\
         {{\"@type\":\"BlogPosting\",\"url\":\"{ADDRESS}\",\"name\":\"This page itself\"}}]}}]}}</script></head><body>{MENU}\
         <ul><li><a href='/p/2'>Bread and other things</a> 2020-01-01</li><li><a href='/p/1'>A Clock</a> 2026-03-01</li></ul></body>"
    );
    assert_eq!(
        auto(&blog),
        [
            "/p/2 | Bread & Butter | 2026-03-02T05:00:00Z | Mina, Jun | First .",
            "/p/1 | A Clock | 2026-03-01T00:00:00Z |  | ",
        ]
    );
    // A list that gives addresses only takes its titles from the page.
    let list = "<script type='application/ld+json'>{\"@type\":\"ItemList\",\"itemListElement\":[{\"@type\":\"ListItem\",\"url\":\"/p/2\"},\
         {\"@type\":\"ListItem\",\"item\":{\"@type\":\"Product\",\"url\":\"/buy\",\"name\":\"A thing to buy\"}},\
         {\"@type\":\"ListItem\",\"item\":{\"@id\":\"/p/1\"}}]}</script>\
         <script type='application/ld+json'>{ broken</script>\
         <ul><li><a href='/p/2'>Bread and other things</a></li><li><a href='/p/1'>A Clock for all</a></li></ul>";
    assert_eq!(auto(list), ["/p/2 | Bread and other things |  |  | ", "/p/1 | A Clock for all |  |  | "]);
    // Three of them in front are not the list.
    let front = "<script type='application/ld+json'>{\"@type\":\"ItemList\",\"itemListElement\":[{\"@type\":\"ListItem\",\"url\":\"/p/4\",\"name\":\"In front\"}]}</script>\
         <ul><li><a href='/p/4'>Bread and other things</a></li><li><a href='/p/3'>A Clock for all</a></li><li><a href='/p/2'>Two more to read</a></li></ul>";
    assert_eq!(auto(front).len(), 3);
}

#[test]
fn microformats_and_microdata_are_read() {
    let feed = format!(
        "<body>{MENU}<div class=h-feed><div class=h-entry><a class='u-url p-name' href='/p/2'>Bread at Five</a> <time class=dt-published datetime='2026-03-02'>Mon</time>\
         <span class='p-author h-card'><img class=u-photo src=x alt=''><a class=p-name href='/mina'>Mina</a></span><p class=p-summary>First light of all.</p></div>\
         <div class=h-entry><h2 class=p-name>A Clock</h2><a class=u-url href='/p/1'>#</a></div></div>{FOOT}</body>"
    );
    assert_eq!(
        auto(&feed),
        ["/p/2 | Bread at Five | 2026-03-02T00:00:00Z | Mina | First light of all.", "/p/1 | A Clock |  |  | "]
    );
    let data = format!(
        "<body>{MENU}<div itemscope itemtype='https://schema.org/Blog'>\
         <section itemprop=blogPost itemscope itemtype='https://schema.org/BlogPosting'><link itemprop=url href='/p/2'><b itemprop=headline>Bread at Five</b>\
         <meta itemprop=datePublished content='2026-03-02T05:00:00+09:00'><span itemprop=author itemscope><i itemprop=name>Mina</i></span>\
         <div itemprop=description>First light of all.</div></section>\
         <section itemprop=blogPost itemscope itemtype='https://schema.org/BlogPosting'><h3 itemprop=headline><a itemprop=url href='/p/1'>A Clock</a></h3></section></div>{FOOT}</body>"
    );
    assert_eq!(
        auto(&data),
        ["/p/2 | Bread at Five | 2026-03-01T20:00:00Z | Mina | First light of all.", "/p/1 | A Clock |  |  | "]
    );
}

/// The address, title and date of each.
fn told(page: &str) -> Vec<String> {
    auto(page).iter().map(|line| line.splitn(4, " | ").take(3).collect::<Vec<_>>().join(" | ")).collect()
}

#[test]
fn what_is_said_of_the_author_is_not_said_of_the_post() {
    let entry = |number: u32| {
        format!(
            "<article class=h-entry><a class='p-author h-card u-url' href='/mina'><img class=u-photo src=x alt=''><span class=p-name>Mina</span></a>\
             <div class='u-in-reply-to h-cite'><a class='u-url p-name' href='https://other.example/1'>What they said</a></div>\
             <a class='p-name u-url' href='/p/{number}'>Number {number}</a><time class=dt-published datetime='2026-03-0{number}'>x</time></article>"
        )
    };
    let feed = format!("<body>{MENU}<div class=h-feed>{}{}</div>{FOOT}</body>", entry(2), entry(1));
    assert_eq!(
        auto(&feed),
        ["/p/2 | Number 2 | 2026-03-02T00:00:00Z | Mina | ", "/p/1 | Number 1 | 2026-03-01T00:00:00Z | Mina | "]
    );
    let data = |number: u32| {
        format!(
            "<div itemprop=blogPost itemscope itemtype='http://schema.org/BlogPosting'><span itemprop=author itemscope itemtype='http://schema.org/Person'>\
             <a itemprop=url href='/mina'><span itemprop=name>Mina</span></a></span><div itemprop=publisher itemscope><meta itemprop=url content='/house'></div>\
             <span itemprop=name><a itemprop=url href='/p/{number}'>Number {number}</a></span><meta itemprop=datePublished content='2026-03-0{number}'></div>"
        )
    };
    assert_eq!(
        auto(&format!("<body>{}{}</body>", data(2), data(1))),
        ["/p/2 | Number 2 | 2026-03-02T00:00:00Z | Mina | ", "/p/1 | Number 1 | 2026-03-01T00:00:00Z | Mina | "]
    );
    // A page that is marked as one post, and holds the posts that it lists.
    let held =
        format!("<body class='page hentry'><h1 class=entry-title>All of them</h1>{}{}</body>", entry(2), entry(1));
    assert_eq!(auto(&held).len(), 2);
}

#[test]
fn a_title_is_told_from_dates_badges_and_first_lines_that_share_its_link() {
    let rows = |row: &str| [3, 2].map(|number| row.replace('#', &number.to_string())).concat();
    for (row, title) in [
        (
            "<div class=x><a href='/p/#'><img src=x alt=''></a><a href='/p/#'>Title number #</a><a href='/p/#'>What the post # says in its very first words.</a><a href='/p/#'>Read more</a></div>",
            "Title number #",
        ),
        (
            "<a class=x href='/p/#'><div class=big>Title number #</div><div class=grey>Jan #, 2026</div></a>",
            "Title number #",
        ),
        (
            "<a class=x href='/p/#'><time datetime='2026-01-0#'>3 Jan</time><span>Title number #</span><span>And what it says, in a few words.</span></a>",
            "Title number #",
        ),
        (
            "<li class=x><a href='/p/#'>The <b>great</b> clock <i>of</i> alley #</a> 2026-01-0#</li>",
            "The great clock of alley #",
        ),
        (
            "<div class=x><a href='/p/#'>NEW</a><a href='/p/#'>골목의 늦은 시계 #</a><i>2026.01.0#</i></div>",
            "골목의 늦은 시계 #",
        ),
        (
            "<div class=x><a href='/category/clocks'>Clocks, hours and long evenings</a><a href='/p/#'>Short #</a><span class=date>2026-01-0#</span></div>",
            "Short #",
        ),
        (
            "<div class=x><a href='/all/tags' rel=tag>Clocks, hours and long evenings</a><a href='/p/#'>Title number #</a></div>",
            "Title number #",
        ),
        (
            "<div class=x><div class=post-title>Title number #</div><div class=subtitle>Of the alley</div><a href='/p/#' aria-label='Read it'></a></div>",
            "Title number #",
        ),
        (
            "<a class=x href='/p/#'><span class=item-subtitle>Of the alley</span><span class=item-title>Title number #</span><p>What it says, in many more words than its title has, so that it is long.</p></a>",
            "Title number #",
        ),
    ] {
        let titles: Vec<String> = auto(&format!("<body>{MENU}<main>{}</main>{FOOT}</body>", rows(row)))
            .iter()
            .map(|line| line.split(" | ").take(2).collect::<Vec<_>>().join(" "))
            .collect();
        let want = [3, 2].map(|number| format!("/p/{number} {title}").replace('#', &number.to_string()));
        assert_eq!(titles, want, "{row}");
    }
}

#[test]
fn a_post_in_front_joins_its_list_and_a_menu_in_linked_data_is_no_list() {
    let card = |number: u32| {
        format!(
            "<div class=card><h3><a href='/p/{number}'>Title number {number}</a></h3><time>2026-01-0{number}</time></div>"
        )
    };
    let cards: String = (1..=8).rev().map(card).collect();
    let hero = "<script type='application/ld+json'>{\"@type\":\"NewsArticle\",\"headline\":\"In front\",\"url\":\"/p/9\",\"datePublished\":\"2026-01-09\"}</script>";
    let found = told(&format!("<body>{hero}<div class=hero><h1><a href='/p/9'>In front</a></h1></div>{cards}</body>"));
    assert_eq!(found.len(), 9);
    assert_eq!(found[..2], ["/p/9 | In front | 2026-01-09T00:00:00Z", "/p/8 | Title number 8 | 2026-01-08T00:00:00Z"]);
    let items: Vec<String> = (1..=6)
        .map(|number| format!("{{\"@type\":\"ListItem\",\"name\":\"Section {number}\",\"url\":\"/s/{number}\"}}"))
        .collect();
    let menu = format!(
        "<script type='application/ld+json'>{{\"@type\":\"ItemList\",\"itemListElement\":[{}]}}</script>",
        items.join(",")
    );
    assert_eq!(told(&format!("<body>{menu}{cards}</body>"))[0], "/p/8 | Title number 8 | 2026-01-08T00:00:00Z");
}

#[test]
fn lists_in_forms_are_read_and_rankings_are_not() {
    let row = |number: u32| {
        format!(
            "<tr><td class=td_num2>{number}</td><td class=td_subject><div class=bo_tit><a href='/bbs/board.php?bo_table=free&amp;wr_id={number}'> 골목의 시계 {number} <span class=cnt_cmt>2</span></a></div></td>\
             <td class='td_name sv_use'><span class=sv_member>홍길동</span></td><td class=td_num>15</td><td class=td_datetime>05-0{number}</td></tr>"
        )
    };
    let board =
        format!("<html lang=ko><body><form name=fboardlist><table>{}{}</table></form></body></html>", row(9), row(8));
    assert_eq!(told(&board)[0], "/bbs/board.php?bo_table=free&wr_id=9 | 골목의 시계 9 | ");
    let ranked: Vec<String> = (0..10)
        .map(|number| {
            format!("<li><a href='/q/{number}'>모두가 읽은 기사의 제목이 길게 여기에 쓰여 있다 {number}</a></li>")
        })
        .collect();
    let ranked = ranked.concat();
    for around in [
        format!("<div class=rank_news><ul>{ranked}</ul></div>"),
        format!("<div class=side_box><ul>{ranked}</ul></div>"),
        format!("<div class=box><h3>많이 본 기사</h3><div><ul>{ranked}</ul></div></div>"),
        format!("<section><p>Most read</p><ul>{ranked}</ul></section>"),
    ] {
        let list = "<div class=main><div class=item><a href=/p/1>늦은 시계와 골목 사람들</a></div><div class=item><a href=/p/2>이른 빵과 버터</a></div>\
            <div class=item><a href=/p/3>비 오는 골목에서 만난 사람</a></div><div class=item><a href=/p/4>빵</a></div><div class=item><a href=/p/5>감나무 아래에서 기다리는 저녁</a></div></div>";
        let found = told(&format!("<html lang=ko><body>{list}{around}</body></html>"));
        assert_eq!((found.len(), found[3].as_str()), (5, "/p/4 | 빵 | "), "{around}");
    }
}

#[test]
fn what_is_relative_to_a_base_is_resolved_without_an_address() {
    let page = "<html><base href='https://www.alley.example/blog/'><ul><li><a href='a.html'>The first of two titles</a></li><li><a href='b.html'>The second of two titles</a></li></ul>";
    let input = Input { bytes: page.as_bytes(), content_type: None, base: None, platforms: &Platforms::default() };
    assert_eq!(
        lines(&listing(&input, &ListRules::default()).unwrap())[0],
        "/blog/a.html | The first of two titles |  |  | "
    );
}

#[test]
fn selectors_win_and_what_they_do_not_find_is_missing() {
    let page = format!(
        "<body>{MENU}<div class=list><div class=row><a class=go href='/p/2'>read on</a><b class=t>Bread</b><i class=d>2. March 2026, 5:00</i><u>Mina</u><q>First.</q></div>\
         <div class=row><a class=go href='/p/1'>read on</a><b class=t>A Clock</b></div></div>\
         <article><h2><a href='/x/1'>A decoy with a heading and a date</a></h2><time datetime='2026-01-01'>x</time></article>\
         <article><h2><a href='/x/2'>Another decoy with a heading</a></h2><time datetime='2026-01-02'>x</time></article></body>"
    );
    let all = rules(&[
        ("items", ".row"),
        ("link", ".go"),
        ("title", ".t"),
        ("date", ".d"),
        ("author", "u"),
        ("summary", "q"),
    ]);
    let want = ["/p/2 | Bread | 2026-03-02T05:00:00Z | Mina | First.", "/p/1 | A Clock |  |  | "];
    assert_eq!(lines(&read(&page, &all).unwrap()), want);
    // Without `items` a post is what stands round its link.
    assert_eq!(lines(&read(&page, &ListRules { items: None, ..all.clone() }).unwrap()), want);
    // A selector that finds nothing is not helped by a guess.
    let lost = read(&page, &ListRules { title: Some(".gone".to_owned()), ..all.clone() }).unwrap();
    assert!(lost.document.entries.iter().all(|entry| entry.title.is_empty()));
    let none = read(&page, &ListRules { items: Some(".gone".to_owned()), ..all }).unwrap_err();
    assert_eq!(none.to_string(), "`.gone` finds no post on the page; has the page been rebuilt?");
    assert_eq!(lines(&read(&page, &rules(&[("items", ".go")])).unwrap()).len(), 2);
}

#[test]
fn what_lists_nothing_says_so_and_what_is_a_feed_is_one() {
    let none = [
        format!("<body>{MENU}{FOOT}</body>").replace("<aside", "<footer").replace("</aside", "</footer"),
        "<body><p>Hello</p></body>".to_owned(),
        "<body><a href='/p/1'>One link alone is no list</a></body>".to_owned(),
        format!("<body><p><a href='{ADDRESS}'>This very page</a></p><p><a href='#top'>To the top of it</a></p></body>"),
        "<body><p><a href='https://a.example/1'>A friend's long essay</a></p><p><a href='https://b.example/2'>Another friend's essay</a></p></body>"
            .to_owned(),
    ];
    for page in none {
        assert_eq!(read(&page, &ListRules::default()).unwrap_err(), ReadError::NoList, "{page}");
    }
    let feed = "<rss version='2.0'><channel><title>T</title><item><title>One</title><link>https://www.alley.example/1</link></item></channel></rss>";
    assert_eq!(auto(feed).len(), 1);
}

#[test]
fn hostile_pages_are_read_soon() {
    let begin = std::time::Instant::now();
    let deep = "<div>".repeat(120);
    let many =
        "<div class=x><a href='/p/1'>A title of some length</a><p>And a text of some length.</p></div>".repeat(4_000);
    for page in [
        format!("<body>{deep}{many}"),
        format!("<body>{}", "<p><a href=/1>x".repeat(10_000)),
        many.replace("/p/1", "?"),
    ] {
        let _ = read(&page, &ListRules::default());
    }
    assert!(begin.elapsed() < std::time::Duration::from_secs(30), "{:?}", begin.elapsed());
}
