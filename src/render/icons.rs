//! The site's sign as pictures: embedded, each in its place taken by a file of the operator's folder.

use std::collections::BTreeMap;
use std::path::Path;

/// What is embedded, by its name below `pages/`.
pub(super) const ICONS: [(&str, &[u8]); 2] = [
    ("icon.png", include_bytes!("../../templates/pages/icon.png")),
    ("favicon.ico", include_bytes!("../../templates/pages/favicon.ico")),
];

/// Whether a template of that name is a picture.
pub(super) fn is_icon(name: &str) -> bool {
    name.strip_prefix("pages/").is_some_and(|name| ICONS.iter().any(|(icon, _)| *icon == name))
}

/// The pictures in force. One that cannot be read is a fault.
pub(super) fn icons(folder: Option<&Path>, faults: &mut Vec<String>) -> BTreeMap<&'static str, Vec<u8>> {
    let mut icons = BTreeMap::new();
    for (name, embedded) in ICONS {
        let own = folder.map(|folder| folder.join("pages").join(name)).filter(|path| path.exists());
        let bytes = match own.as_ref().map(std::fs::read) {
            Some(Ok(bytes)) => bytes,
            Some(Err(why)) => {
                let path = own.unwrap_or_default();
                faults.push(format!("{}: it cannot be read: {why}", path.display()));
                continue;
            }
            None => embedded.to_vec(),
        };
        icons.insert(name, bytes);
    }
    icons
}
