//! One page in several forms: AMP pages and their caches, mobile hosts, a
//! folder's index, and the two spellings of Naver's blogs. What may be two posts
//! stays two addresses.

use super::Place;
use crate::domain::url::HttpUrl;

/// The address that a cache of AMP pages shows (`…cdn.ampproject.org/c/s/…`,
/// `google.com/amp/s/…`).
pub(super) fn behind_cache(url: &HttpUrl) -> Option<HttpUrl> {
    let path = url.as_url().path();
    let is_cache = |domain: &str| url.host() == domain || url.host().ends_with(&format!(".{domain}"));
    let behind = if is_cache("cdn.ampproject.org") || is_cache("bing-amp.com") {
        // Content, viewers, pictures and web bundles.
        ["/c/", "/v/", "/i/", "/wp/"].iter().find_map(|kind| path.strip_prefix(kind))?
    } else if url.host().trim_start_matches("www.").starts_with("google.") {
        path.strip_prefix("/amp/")?
    } else {
        return None;
    };
    let (scheme, place) = behind.strip_prefix("s/").map_or(("http", behind), |place| ("https", place));
    let query = url.as_url().query().map(|query| format!("?{query}")).unwrap_or_default();
    let found: HttpUrl = format!("{scheme}://{place}{query}").parse().ok()?;
    found.host().contains('.').then_some(found)
}

/// Labels before a host's name that only say in which form it shows its pages.
const FORMS: [&str; 6] = ["www", "m", "mobile", "amp", "touch", "wap"];

/// A host without `www.`, `m.` and their like, and without the root's dot. A name
/// that is somebody's own (`m.example`, `m.co.kr`, `m.tistory.com`) stays.
pub(super) fn plain_host(host: &str) -> &str {
    let mut host = host.trim_end_matches('.');
    while let Some((label, rest)) = host.split_once('.') {
        let is_form = FORMS.contains(&label) && (label == "www" || !is_open_to_all(rest));
        if !is_form {
            break;
        }
        host = rest;
    }
    host
}

/// Second labels under which countries give out names.
const SECOND: [&str; 20] = [
    "ac", "co", "com", "edu", "gen", "go", "gov", "gr", "kiwi", "ltd", "me", "mil", "ne", "net", "nom", "or", "org",
    "pe", "plc", "re",
];

/// Where people have hosts of their own choice.
const HOMES: [&str; 48] = [
    "beehiiv.com",
    "bearblog.dev",
    "blog.jp",
    "blog.me",
    "blogspot.com",
    "canalblog.com",
    "codeberg.page",
    "deno.dev",
    "egloos.com",
    "fc2.com",
    "firebaseapp.com",
    "fly.dev",
    "ghost.io",
    "github.io",
    "gitlab.io",
    "hashnode.dev",
    "hatenablog.com",
    "hatenablog.jp",
    "hatenadiary.jp",
    "herokuapp.com",
    "itch.io",
    "livedoor.blog",
    "livejournal.com",
    "mataroa.blog",
    "medium.com",
    "micro.blog",
    "neocities.org",
    "netlify.app",
    "notion.site",
    "onrender.com",
    "over-blog.com",
    "pages.dev",
    "postype.com",
    "readthedocs.io",
    "seesaa.net",
    "sourceforge.io",
    "substack.com",
    "surge.sh",
    "tistory.com",
    "tumblr.com",
    "typepad.com",
    "vercel.app",
    "web.app",
    "weebly.com",
    "wixsite.com",
    "wordpress.com",
    "workers.dev",
    "write.as",
];

/// Whether anybody may have a name directly under this one.
fn is_open_to_all(domain: &str) -> bool {
    match domain.split_once('.') {
        None | Some(("blogspot", _)) => true,
        Some((second, country)) => HOMES.contains(&domain) || (country.len() == 2 && SECOND.contains(&second)),
    }
}

/// Names of the file that stands for its folder.
const INDEX: [&str; 14] = [
    "index.html",
    "index.htm",
    "index.xhtml",
    "index.shtml",
    "index.php",
    "index.asp",
    "index.aspx",
    "index.jsp",
    "index.do",
    "index.cgi",
    "default.html",
    "default.htm",
    "default.asp",
    "default.aspx",
];

/// Brings an address into the plain form of its page.
pub(super) fn fold(place: &mut Place) {
    without_amp(&mut place.path);
    let is_index = |segment: &str| INDEX.iter().any(|index| index.eq_ignore_ascii_case(segment));
    if place.path.last().is_some_and(|last| is_index(last)) {
        place.path.pop();
    }
    // `/index.php/2026/title`: the same site before its addresses were made pretty.
    if place.path.len() > 1 && place.path.first().is_some_and(|first| first == "index.php") {
        place.path.remove(0);
    }
    if let Some(last) = place.path.last_mut()
        && let Some(at) = last.find(";jsessionid=")
    {
        last.truncate(at);
    }
    on_blogger(place);
    on_tistory(place);
    on_naver(place);
}

/// `/title/amp`, `/title.amp`, `/title.amp.html`, `/title/amp.html`, `/amp/2026/title`. A page
/// that is only called so (`/amp`, `/amp/title`) may be another.
fn without_amp(path: &mut Vec<String>) {
    let is_amp = |segment: &String| segment == "amp" || segment == "amp.html";
    if path.len() > 1 && path.last().is_some_and(is_amp) {
        path.pop();
    } else if path.len() > 2 && path.first().is_some_and(|first| first == "amp") {
        path.remove(0);
    }
    if let Some(last) = path.last_mut() {
        if let Some(name) = last.strip_suffix(".amp").filter(|name| !name.is_empty()) {
            *last = name.to_owned();
        } else if let Some(name) = last.strip_suffix(".amp.html").filter(|name| !name.is_empty()) {
            *last = format!("{name}.html");
        }
    }
}

/// Blogger's posts are `/2026/03/title.html`; `m=1` asks for their mobile form.
fn on_blogger(place: &mut Place) {
    let digits = |at: usize, long: usize| {
        place.path.get(at).is_some_and(|part| part.len() == long && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_post = place.path.len() == 3
        && digits(0, 4)
        && digits(1, 2)
        && place.path.last().is_some_and(|last| last.ends_with(".html"));
    if is_post || place.host.contains(".blogspot.") {
        place.query.retain(|(name, value)| !(name == "m" && matches!(value.as_str(), "0" | "1")));
    }
}

/// Tistory's mobile pages stand under `/m`, and a post may say in which category it was met.
fn on_tistory(place: &mut Place) {
    if !place.host.ends_with(".tistory.com") {
        return;
    }
    if place.path.len() > 1 && place.path.first().is_some_and(|first| first == "m") {
        place.path.remove(0);
    }
    let is_post = place
        .path
        .first()
        .is_some_and(|first| first == "entry" || (!first.is_empty() && first.bytes().all(|b| b.is_ascii_digit())));
    if is_post {
        place.query.retain(|(name, _)| name != "category");
    }
}

/// Naver's posts are `/name/number` or `/PostView.naver?blogId=name&logNo=number`.
fn on_naver(place: &mut Place) {
    if place.host != "blog.naver.com" {
        return;
    }
    let value = |wanted: &str| {
        let found = place.query.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    };
    let blog = match place.path.as_slice() {
        [page] if page.eq_ignore_ascii_case("PostView.naver") || page.eq_ignore_ascii_case("PostView.nhn") => {
            value("blogId")
        }
        [blog] => Some(blog.clone()),
        _ => None,
    };
    if let (Some(blog), Some(number)) = (blog, value("logNo")) {
        place.path = vec![blog, number];
    }
    // What else stands there says how a post is shown, once it is named.
    if let [_, number] = place.path.as_slice()
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        place.query.clear();
    }
}
