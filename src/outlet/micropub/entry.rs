//! A post as an h-entry in JSON (section 3.3.2).

use crate::domain::outlet::Manuscript;
use crate::outlet::pictures::{Links, relinked};
use serde_json::{Value, json};

/// A new post.
pub(super) fn new(manuscript: &Manuscript, links: &Links) -> Value {
    let mut properties = properties(manuscript, links);
    if let Value::Object(properties) = &mut properties {
        // Not every site has other letters in its addresses.
        let address = manuscript.address();
        let slug = if address.is_ascii() { &address } else { manuscript.mark() };
        properties.insert("mp-slug".to_owned(), json!([slug]));
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
        "featured": featured(manuscript, links),
    })
}

/// The picture that stands for it; `photo` would make a photo of an article.
fn featured(manuscript: &Manuscript, links: &Links) -> Vec<String> {
    let image = manuscript.image.as_ref().map(ToString::to_string);
    image.map(|image| links.get(&image).cloned().unwrap_or(image)).into_iter().collect()
}
