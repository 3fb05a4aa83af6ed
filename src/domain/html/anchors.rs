//! Footnotes and other links inside one text. Many texts stand on one page, and
//! the page has names of its own: what is linked to gets a name that no other
//! text has, and every other name goes.

use crate::domain::url::HttpUrl;
use dom_query::NodeRef;
use percent_encoding::percent_decode_str;
use std::collections::HashMap;

/// Whether there may be something to do: cheap to see before parsing.
pub(super) fn may_link_inside(html: &str) -> bool {
    html.contains('#') && ["id=", "name=", "ID=", "NAME="].iter().any(|word| html.contains(word))
}

/// Names anew what links inside the text lead to, with `prefix` before it.
pub(super) fn name_anew(nodes: &[NodeRef<'_>], base: Option<&HttpUrl>, prefix: &str) {
    let links: Vec<(&NodeRef<'_>, String)> = nodes
        .iter()
        .filter(|node| node.has_name("a"))
        .filter_map(|node| Some((node, inside(&node.attr("href")?, base)?)))
        .collect();
    let mut names: HashMap<String, String> = HashMap::new();
    for node in nodes {
        let name = node.attr("id").or_else(|| node.attr("name").filter(|_| node.has_name("a")));
        let Some(name) = name.map(|name| name.trim().to_owned()) else { continue };
        let wanted = links.iter().any(|(_, target)| *target == name) && !names.contains_key(&name);
        if wanted {
            let anew = format!("{prefix}{}", names.len() + 1);
            node.set_attr("id", &anew);
            names.insert(name, anew);
        } else {
            node.remove_attr("id");
        }
    }
    for (link, target) in links {
        if let Some(name) = names.get(&target) {
            link.set_attr("href", &format!("#{name}"));
        }
    }
}

/// The name that a link inside the text leads to.
fn inside(href: &str, base: Option<&HttpUrl>) -> Option<String> {
    let (before, name) = href.trim().split_once('#')?;
    let page = |url: &HttpUrl| url.as_str().split('#').next().map(str::to_owned);
    let here =
        before.is_empty() || base.is_some_and(|base| base.join(before).is_some_and(|url| page(&url) == page(base)));
    let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    (here && !name.is_empty()).then_some(name)
}
