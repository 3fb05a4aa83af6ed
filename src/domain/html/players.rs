//! What plays something, or shows another page, becomes a link to it.

use super::escaped;
use super::pictures::counts_readers;
use super::tidy::absolute;
use crate::domain::url::HttpUrl;
use dom_query::NodeRef;

/// Elements that play something, or show another page.
pub(super) const PLAYERS: [&str; 10] = [
    "iframe",
    "embed",
    "object",
    "video",
    "audio",
    "amp-iframe",
    "amp-video",
    "amp-audio",
    "amp-youtube",
    "lite-youtube",
];

/// Puts a link with a title in a player's place.
pub(super) fn player(node: &NodeRef<'_>, base: Option<&HttpUrl>) {
    let inner = node.descendants();
    let inner = inner.iter().filter_map(|inner| match inner.node_name().as_deref()? {
        "source" | "embed" => inner.attr("src"),
        "param" => inner.attr("value").filter(|_| inner.attr("name").is_some_and(|name| is_address(&name))),
        _ => None,
    });
    let own = ["src", "data", "data-src", "data-lazy-src"].iter().filter_map(|name| node.attr(name));
    // Stand-ins for a player, which load it when they are clicked.
    let video = ["videoid", "data-videoid"].iter().find_map(|name| node.attr(name)).filter(|id| is_video(id));
    let video = video.map(|id| format!("https://www.youtube.com/embed/{id}").into());
    let address = own
        .chain(inner)
        .chain(video)
        .find_map(|address| absolute(address.trim(), base))
        .filter(|url| !counts_readers(url.as_str()));
    let Some(address) = address else {
        node.remove_from_parent();
        return;
    };
    let (url, site) = watchable(&address).unwrap_or_else(|| (address.clone(), address.host()));
    let title = ["title", "aria-label", "data-title"]
        .iter()
        .filter_map(|name| node.attr(name))
        .map(|title| title.trim().to_owned());
    let title = title.into_iter().find(|title| !title.is_empty()).unwrap_or_else(|| site.to_owned());
    let link = format!("<a href=\"{}\">{}</a>", escaped(url.as_str()), escaped(&title));
    // A paragraph cannot stand in a paragraph.
    let inline = node.ancestors_it(None).any(|outer| outer.has_name("p"));
    let link = if inline { format!(" {link} ") } else { format!("<p>{link}</p>") };
    node.replace_with_html(link);
}

/// Whether an object's parameter of this name says what it plays.
fn is_address(name: &str) -> bool {
    ["movie", "src", "url", "filename"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_video(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The page where a person watches or hears what a known player embeds, and what
/// people call that site.
fn watchable(url: &HttpUrl) -> Option<(HttpUrl, &'static str)> {
    let path = url.as_url().path();
    let id = |prefix: &str| {
        path.strip_prefix(prefix).map(|id| id.split('/').next().unwrap_or(id)).filter(|id| !id.is_empty())
    };
    let query =
        |key: &str| url.as_url().query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned());
    let (page, site) = match url.host().trim_start_matches("www.") {
        "youtube.com" | "youtube-nocookie.com" | "m.youtube.com" => {
            let page = match (id("/embed/").or_else(|| id("/v/")), query("list")) {
                (Some("videoseries"), Some(list)) => format!("https://www.youtube.com/playlist?list={list}"),
                (Some(id), _) => format!("https://www.youtube.com/watch?v={}", id.split('&').next().unwrap_or(id)),
                (None, _) => return Some((url.clone(), "YouTube")),
            };
            (page, "YouTube")
        }
        "player.vimeo.com" => (format!("https://vimeo.com/{}", id("/video/")?), "Vimeo"),
        "dailymotion.com" => (format!("https://www.dailymotion.com/video/{}", id("/embed/video/")?), "Dailymotion"),
        "tv.naver.com" => (format!("https://tv.naver.com/v/{}", id("/embed/")?), "네이버 TV"),
        "tv.kakao.com" | "play-tv.kakao.com" => {
            (format!("https://tv.kakao.com/v/{}", id("/embed/player/cliplink/")?), "카카오TV")
        }
        "w.soundcloud.com" => match query("url") {
            // An interface for programs is nothing to hear.
            Some(track) if !track.contains("//api.") => (track, "SoundCloud"),
            _ => return Some((url.clone(), "SoundCloud")),
        },
        "open.spotify.com" => (format!("https://open.spotify.com/{}", path.strip_prefix("/embed/")?), "Spotify"),
        _ => return None,
    };
    page.parse().ok().map(|page| (page, site))
}
