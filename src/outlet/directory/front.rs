//! What stands in front of a post's text: what each generator wants to know, in its
//! own words. `syndicated` holds the key by which the file is known again.

use crate::domain::outlet::{Generator, Manuscript};
use toml_edit::{Array, DocumentMut, Item, Table, value};

/// The front matter with its fences.
pub(super) fn front(it: &Manuscript, generator: Generator) -> String {
    match generator {
        Generator::Hugo => format!("+++\n{}+++\n", hugo(it)),
        Generator::Zola => format!("+++\n{}+++\n", zola(it)),
        Generator::Jekyll => format!("---\n{}---\n", jekyll(it)),
        Generator::Astro => format!("---\n{}---\n", astro(it)),
    }
}

fn list(items: &[String]) -> Item {
    value(items.iter().map(String::as_str).collect::<Array>())
}

/// Title, dates and the like, which Hugo and Zola call the same but for `changed`.
fn common(it: &Manuscript, changed: &str) -> DocumentMut {
    let mut front = DocumentMut::new();
    let mut put = |key: &str, item: Item| drop(front.insert(key, item));
    put("title", value(&it.title));
    put("date", value(it.published.to_rfc3339()));
    if let Some(updated) = it.updated {
        put(changed, value(updated.to_rfc3339()));
    }
    put("description", value(&it.excerpt));
    put("authors", list(&it.authors));
    put("draft", value(it.draft));
    front
}

fn hugo(it: &Manuscript) -> String {
    let mut front = common(it, "lastmod");
    front.insert("tags", list(&it.tags));
    if let Some(url) = &it.url {
        // The name that most themes read.
        front.insert("canonicalURL", value(url.as_str()));
    }
    front.insert("syndicated", value(&it.key));
    front.to_string()
}

fn zola(it: &Manuscript) -> String {
    let mut front = common(it, "updated");
    let mut taxonomies = Table::new();
    taxonomies.insert("tags", list(&it.tags));
    let mut extra = Table::new();
    if let Some(url) = &it.url {
        extra.insert("canonical_url", value(url.as_str()));
    }
    if let Some(language) = &it.language {
        extra.insert("language", value(language));
    }
    extra.insert("syndicated", value(&it.key));
    front.insert("taxonomies", Item::Table(taxonomies));
    front.insert("extra", Item::Table(extra));
    front.to_string()
}

fn jekyll(it: &Manuscript) -> String {
    let mut lines = vec![("title", quoted(&it.title)), ("date", it.published.to_rfc3339())];
    lines.extend(it.updated.map(|updated| ("last_modified_at", updated.to_rfc3339())));
    lines.extend([
        ("description", quoted(&it.excerpt)),
        ("author", quoted(&it.authors.join(", "))),
        ("tags", listed(&it.tags)),
        ("published", (!it.draft).to_string()),
    ]);
    lines.extend(it.url.as_ref().map(|url| ("canonical_url", quoted(url.as_str()))));
    lines.extend(it.language.as_ref().map(|language| ("lang", quoted(language))));
    // What looks like Liquid in a text is a text.
    lines.extend([("render_with_liquid", "false".to_owned()), ("syndicated", quoted(&it.key))]);
    yaml(lines)
}

fn astro(it: &Manuscript) -> String {
    let mut lines = vec![("title", quoted(&it.title)), ("pubDate", it.published.to_rfc3339())];
    lines.extend(it.updated.map(|updated| ("updatedDate", updated.to_rfc3339())));
    lines.extend([
        ("description", quoted(&it.excerpt)),
        ("author", quoted(&it.authors.join(", "))),
        ("tags", listed(&it.tags)),
        ("draft", it.draft.to_string()),
    ]);
    lines.extend(it.url.as_ref().map(|url| ("canonicalURL", quoted(url.as_str()))));
    lines.extend(it.language.as_ref().map(|language| ("lang", quoted(language))));
    lines.push(("syndicated", quoted(&it.key)));
    yaml(lines)
}

fn yaml(lines: Vec<(&str, String)>) -> String {
    let lines: Vec<String> = lines.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{}\n", lines.join("\n"))
}

/// A text in double quotes: JSON's are YAML's (YAML 1.2 section 1.3), but for the line ends of YAML 1.1.
fn quoted(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    json.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn listed(items: &[String]) -> String {
    format!("[{}]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "))
}
