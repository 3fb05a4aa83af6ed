//! What stands round an article and is none of it: by its place in the page, by
//! what its classes are called, and by its words, in English and Korean.

use dom_query::{Document as Html, NodeRef, Selection};
use regex::Regex;
use std::sync::LazyLock;

/// Never part of a text, whatever it holds.
const ALWAYS: &str = "script, style, template, nav, button, dialog, [hidden], [role=navigation], [role=dialog], \
    [role=search], .sr-only, .screen-reader-text, .visually-hidden";

/// What readers wrote, which may be articles of its own.
const COMMENTS: &str = "#comments, .comments, #disqus_thread";

/// No part of a text as a rule; a page that is wrapped in one of them is not dropped.
const MOSTLY: &str = "form, [aria-hidden=true], [class*=share-], [class*=sharing], [class*=sharedaddy], \
    [class*=social-], [class*=sns-], [class*=related-], [class*=relation], [class*=recommend], [class*=newsletter-], \
    [class*=cookie], [class*=breadcrumb], [class*=pagination], [class*=post-navigation], [class*=prev-next], \
    [class*=comment-], [class*=comments-], [class*=advert], [class*=subscribe], [id*=disqus], [id*=cookie], \
    [id*=related], [id*=comment-], .jp-relatedposts, .addtoany_share_save_container";

/// A block that holds more than this part of the page's text is not dropped by
/// what it is called.
const MOST_PARTS: usize = 3;
/// A block of more characters is a paragraph, whatever its first words are.
const LONGEST: usize = 160;

/// Whole blocks, or how they begin.
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let whole = [
        r"(?i-u:share(?: this| on)?(?: (?:article|post|story|page|facebook|twitter|x|linkedin|email))?)",
        r"(?i-u:(?:tweet|pin it|like|print|email|copy link|bookmark|save|follow|subscribe|sign up|log in|sign in|menu|search))",
        r"(?i-u:(?:skip to (?:main )?content|back to top|top|home|advertisement|sponsored|loading|reply|cancel reply))",
        r"(?i-u:(?:\d+ )?(?:comments?|likes?|shares?|views?)(?: ?\(?\d+\)?)?)",
        r"(?i-u:leave a (?:comment|reply)|no comments yet|be the first to comment|post a comment)",
        r"(?:공유|공유하기|좋아요|댓글|댓글 ?달기|댓글 ?쓰기|구독|구독하기|신고|신고하기|스크랩|인쇄|인쇄하기|목록|목록으로|맨위로|맨 위로|로그인|회원가입|글쓰기|본문 바로가기|글자크기|기사저장|URL ?복사|링크 ?복사)(?: ?\(?\d+\)?)?(?:건|개)?",
        r"(?:페이스북|트위터|카카오톡|카카오스토리|네이버|밴드|이메일)(?:으로|에|로)? ?공유(?:하기)?",
        r"(?:이전 ?글|다음 ?글|이전 ?기사|다음 ?기사|이전 ?포스트|다음 ?포스트)",
        r"(?:기사 ?공유(?:하기)?|다른 ?기사 ?보기|댓글 ?(?:삭제|입력|등록)|기사 ?제보(?:하기)?|구독 ?신청(?:하기)?)",
    ];
    let begins = [
        r"(?i-u:(?:previous|next|older|newer) (?:article|post|entry|story|essay)s?(?: ?[:>|]|$))",
        r"(?i-u:share (?:this|on)\b ?[:.])",
        r"(?i-u:(?:we|this (?:web)?site|our (?:web)?site) uses? cookies\b)",
        r"(?i-u:by (?:using|continuing to use) this (?:web)?site\b)",
        r"(?i-u:(?:your|this) browser (?:does not|doesn't|is not|isn't|is out of date|is no longer)\b)",
        r"(?i-u:please (?:enable javascript|update your browser|use a (?:modern|newer) browser)\b)",
        r"(?i-u:you (?:are using|need to enable) (?:an (?:old|outdated|unsupported) browser|javascript)\b)",
        r"(?i-u:subscribe to (?:our|my|the|this) (?:newsletter|blog|mailing list)\b)",
        r"(?i-u:sign up for (?:our|my|the|this) newsletter\b)",
        r"(?i-u:share this (?:article|post|story)\b)",
        r"작가의 ?(?:이전|다음) ?글",
        r"(?:이전|다음) ?(?:글|기사|포스트) ?[:：>|]",
        r".{1,20}(?:은|는|이|가) ?(?:최신 ?)?브라우저에 ?최적화 ?되(?:어 ?있습니다|었습니다)",
        r"(?i-u:(?:this (?:web)?site is )?best viewed (?:in|with|on) (?:internet explorer|netscape|chrome|firefox|safari|a (?:modern|recent))\b)",
        r"(?:이|현재|사용 ?중인|사용하시는) ?브라우저(?:는|에서는|를|가|로는)",
        r"(?:브라우저를 ?(?:업데이트|업그레이드)|최신 ?브라우저|인터넷 ?익스플로러|자바스크립트를 ?(?:사용|활성))",
        r"(?:이 ?)?(?:사이트|웹사이트|홈페이지)(?:는|에서는|에서) ?쿠키를",
        r"쿠키를? ?(?:사용|허용|동의)",
        r"저작권자 ?(?:©|ⓒ|\(c\)|&copy;)",
        r"(?:©|ⓒ|Copyrights? ?).{0,60}(?:무단 ?전재|All rights reserved)",
        r"무단 ?전재 ?(?:및|·|,|-)? ?(?:재 ?배포|재배포)",
        r"(?:뉴스레터|메일링|이메일) ?구독",
    ];
    Regex::new(&format!(r"^(?:(?:{})[\s:.…»›→▶]*$|(?:{}))", whole.join("|"), begins.join("|"))).ok()
});

/// Words over a list that leads away from the text.
static LISTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?:(?i-u:related (?:articles?|posts?|stories|reading|content|links|news)|you (?:may|might) also (?:like|enjoy)",
        r"|(?:more|read more|also) (?:from|in|by|on) [a-z0-9 '-]{1,40}|read next|up next|keep reading|recommended(?: for you| reading| posts)?",
        r"|(?:most|trending|popular)(?: (?:read|popular|now|posts|stories|articles))?|latest (?:posts|news|articles|stories))",
        r"|(?:관련|추천|인기|최신|주요|다른|많이 ?본|함께 ?(?:읽|보)|이 ?(?:작가|블로그|카테고리)의 ?다른|이런|놓치면).{0,14}",
        r"(?:글|기사|뉴스|포스트|게시글|콘텐츠|작품|매거진|브런치북))(?: ?\(?\d+\)?)?[\s:：.…»›→▶]*$"
    ))
    .ok()
});

/// Takes the page's chrome out of it, and what these selectors name.
pub(super) fn strip<'a>(page: &Html, selectors: impl Iterator<Item = &'a String>) {
    for selector in selectors {
        // A selector of the operator's was tried when the configuration was read.
        if let Some(chrome) = page.try_select(selector) {
            chrome.remove();
        }
    }
    for chrome in &page.select(COMMENTS) {
        if !is_page(&chrome) {
            chrome.remove();
        }
    }
    for chrome in &page.select(ALWAYS) {
        if !holds_page(&chrome) {
            chrome.remove();
        }
    }
    let suspects = page.select(MOSTLY);
    if suspects.exists() {
        let whole = page.select("body").text().len();
        for chrome in &suspects {
            if !holds_page(&chrome) && chrome.text().len() * MOST_PARTS <= whole {
                chrome.remove();
            }
        }
    }
    by_words(page);
}

fn is_page(one: &Selection<'_>) -> bool {
    let page = |node: &NodeRef<'_>| ["html", "body", "main", "article"].iter().any(|name| node.has_name(name));
    one.nodes().first().is_none_or(page)
}

/// Whether an element is the page itself, or holds its article.
fn holds_page(one: &Selection<'_>) -> bool {
    is_page(one) || one.select("article, main, h1").exists()
}

/// Drops short blocks that say what only chrome says, with the lists that they head.
fn by_words(page: &Html) {
    let (Some(words), Some(lists)) = (WORDS.as_ref(), LISTS.as_ref()) else { return };
    let texts: Vec<NodeRef<'_>> =
        page.select("body").nodes().iter().flat_map(NodeRef::descendants).filter(NodeRef::is_text).collect();
    for text in texts {
        let shown = text.text();
        let shown = shown.trim();
        if shown.is_empty() || shown.len() > LONGEST * 4 {
            continue;
        }
        let (chrome, list) = (words.is_match(shown), lists.is_match(shown));
        if !chrome && !list {
            continue;
        }
        let Some(block) = block_of(&text) else { continue };
        let whole = block.text();
        let whole = whole.trim();
        // What begins a paragraph must be what the whole paragraph says.
        if !(whole.starts_with(shown) && whole.chars().count() <= LONGEST) {
            continue;
        }
        if list && lists.is_match(whole) {
            drop_list(&block);
        } else if words.is_match(whole)
            || chrome && length(shown) + linked(&block) >= length(whole) && linked(&block) > 0
        {
            block.remove_from_parent();
        }
    }
}

/// The block that a text stands in; none in code, and none in a link that is
/// part of a sentence.
fn block_of<'a>(text: &NodeRef<'a>) -> Option<NodeRef<'a>> {
    const BLOCKS: [&str; 16] = [
        "p",
        "li",
        "div",
        "section",
        "aside",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "dt",
        "dd",
        "td",
        "figcaption",
    ];
    let mut at = text.parent()?;
    loop {
        if ["pre", "code", "h1", "article", "main", "body", "html", "blockquote"].iter().any(|name| at.has_name(name)) {
            return None;
        }
        if BLOCKS.iter().any(|name| at.has_name(name)) {
            return Some(at);
        }
        at = at.parent()?;
    }
}

/// A heading over links, with the links below it.
fn drop_list(heading: &NodeRef<'_>) {
    let parent = heading.parent();
    let mut next = heading.next_element_sibling();
    let mut links = 0;
    while let Some(block) = next {
        next = block.next_element_sibling();
        let leads_away = ["ul", "ol", "div", "section", "p", "dl", "table"].iter().any(|name| block.has_name(name))
            && mostly_links(&block);
        if !leads_away {
            break;
        }
        block.remove_from_parent();
        links += 1;
    }
    // A heading without a list of links below it may be the essay's own.
    if links == 0 {
        return;
    }
    heading.remove_from_parent();
    if let Some(parent) = parent.filter(|parent| parent.text().trim().is_empty() && !parent.has_name("body")) {
        parent.remove_from_parent();
    }
}

fn mostly_links(block: &NodeRef<'_>) -> bool {
    let linked = linked(block);
    linked > 0 && linked * 2 > length(&block.text())
}

/// How many characters stand in links.
fn linked(block: &NodeRef<'_>) -> usize {
    let links = block.descendants().into_iter().filter(|one| one.has_name("a"));
    links.map(|link| length(&link.text())).sum()
}

fn length(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(body: &str) -> String {
        let page = Html::from(format!("<body>{body}</body>"));
        strip(&page, std::iter::empty());
        page.select("body").inner_html().to_string()
    }

    #[test]
    fn chrome_goes_by_its_words_in_english_and_korean() {
        for chrome in [
            "<p>Share this:</p>",
            "<p>Share on Facebook</p>",
            "<div>Previous article: <a href=/1>The late clock</a></div>",
            "<div><span>Next post</span> <a href=/3>More</a></div>",
            "<p>Your browser does not support this page.</p>",
            "<p>Please enable JavaScript to view the comments.</p>",
            "<div><p>We use cookies to improve your visit.</p></div>",
            "<li>Leave a comment</li>",
            "<p>12 comments</p>",
            "<p>Subscribe to our newsletter</p>",
            "<h3>Related posts</h3><ul><li><a href=/1>One thing</a></li><li><a href=/2>Another</a></li></ul>",
            "<h3>You might also like</h3><div><a href=/1>One thing</a></div>",
            "<p>공유하기</p>",
            "<p>카카오톡으로 공유하기</p>",
            "<div>작가의 이전글 <a href=/1>늦은 시계</a></div>",
            "<div>다음글: <a href=/3>빠른 시계</a></div>",
            "<p>이 브라우저는 지원하지 않습니다.</p>",
            "<p>최신 브라우저로 업데이트해 주세요.</p>",
            "<p>이 사이트는 쿠키를 사용합니다.</p>",
            "<p>골목은 최신 브라우저에 최적화 되어있습니다. IE chrome safari</p>",
            "<p>This site is best viewed in Netscape.</p>",
            "<div>기사공유하기</div>",
            "<li><a href=/w>다른기사 보기</a></li>",
            "<p>댓글 3</p>",
            "<p>저작권자 © 골목신문 무단전재 및 재배포 금지</p>",
            "<h4>관련 기사</h4><ul><li><a href=/1>하나</a></li></ul>",
            "<h4>이 작가의 다른 글</h4><ul><li><a href=/1>하나</a></li></ul>",
            "<nav>Home</nav>",
            "<script>x</script>",
            "<ul class=share-buttons><li>f</li></ul>",
            "<div id=comments><article>A reader says something.</article></div>",
            "<button>Like</button>",
        ] {
            let left = stripped(&format!("<p>{}</p>{chrome}", "A clock. ".repeat(60)));
            let rest = left.split_once("</p>").map_or("", |(_, rest)| rest);
            assert!(!rest.contains(|c: char| c.is_alphanumeric() && !"ulidvph34".contains(c)), "{chrome}: {rest}");
        }
    }

    #[test]
    fn the_essays_own_words_stay() {
        for own in [
            "<p>This piece also appeared in <a href=\"https://news.example\">Good News</a>.</p>",
            "<p>이 글은 좋은뉴스(news.example.kr)에도 실렸습니다.</p>",
            "<p>Share this bread with whoever stands before the door, she said, and nobody asked why.</p>",
            "<p>Previous articles of mine were about clocks.</p><p>More.</p>",
            "<p>이전 글에서 나는 시계를 이야기했다.</p>",
            "<p>공유하기 위해 쓴 글이다.</p>",
            "<p>댓글이 달리지 않는 밤이었다.</p>",
            "<p>그는 브라우저에 최적화된 사람이 아니었다. 그래서 골목을 걸었고, 돌아오지 않았다.</p>",
            "<h2>Related work</h2><p>Others have built clocks.</p>",
            "<h2>Recommended</h2><p>A long walk, in the morning, without any telephone at all.</p>",
            "<pre>Share this:\n</pre>",
            "<p><a href=\"/x\">Like</a> a clock, he ran.</p>",
            "<blockquote>Subscribe</blockquote>",
        ] {
            assert_eq!(stripped(own), own);
        }
        // A page that is wrapped in what is chrome elsewhere.
        let form = "<form class=\"related-page\"><p>The whole text of the page stands in here.</p></form>";
        assert_eq!(stripped(form), form);
        assert!(stripped("<div hidden=\"\"><article><p>Text</p></article></div>").contains("Text"));
    }
}
