//! A post as an h-entry in JSON (section 3.3.2).

use crate::domain::outlet::Manuscript;
use crate::outlet::pictures::{Links, relinked};
use serde_json::{Value, json};

/// So many letters of a title stand in an address.
const SLUG: usize = 60;

/// A new post.
pub(super) fn new(manuscript: &Manuscript, links: &Links) -> Value {
    let mut properties = properties(manuscript, links);
    if let Value::Object(properties) = &mut properties {
        properties.insert("mp-slug".to_owned(), json!([slug(manuscript)]));
        properties.insert("published".to_owned(), json!([manuscript.published]));
        if manuscript.draft {
            // The extension "Post Status".
            properties.insert("post-status".to_owned(), json!(["draft"]));
        }
    }
    json!({ "type": ["h-entry"], "properties": properties })
}

/// What changes in a post that stands there (section 3.4).
pub(super) fn changed(manuscript: &Manuscript, links: &Links, url: &str) -> Value {
    json!({ "action": "update", "url": url, "replace": properties(manuscript, links) })
}

fn properties(manuscript: &Manuscript, links: &Links) -> Value {
    json!({
        "name": [manuscript.title],
        "content": [{ "html": relinked(&manuscript.html, links) }],
        "summary": if manuscript.excerpt.is_empty() { json!([]) } else { json!([manuscript.excerpt]) },
        "category": manuscript.tags,
    })
}

/// By the title, where it is written in letters that all sites have in addresses, and by the mark.
fn slug(manuscript: &Manuscript) -> String {
    let words = manuscript.slug(SLUG);
    if words.is_empty() || !words.is_ascii() {
        return manuscript.mark().to_owned();
    }
    format!("{words}-{}", manuscript.mark())
}
