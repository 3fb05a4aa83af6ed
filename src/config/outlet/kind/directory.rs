//! A folder of Markdown.

use super::Keys;
use crate::config::parts::path;
use crate::domain::outlet::{Directory, Generator, Git, Kind, Words};
use crate::domain::url::{BadUrl, HttpUrl};

/// The folder of a site generator.
pub(super) fn directory(keys: &mut Keys<'_, '_>) -> Option<Kind> {
    let table = &mut *keys.table;
    let folder = table.parsed("path", path);
    let folder = table.required("path", folder, "\"/srv/site/content/posts\"");
    let generator = table.parsed("generator", str::parse::<Generator>);
    let generator = table.required("generator", generator, "\"hugo\", \"zola\", \"jekyll\" or \"astro\"");
    let words = table.parsed("format", str::parse::<Words>);
    let url = table.parsed("url", |text| {
        let sample: Result<HttpUrl, BadUrl> = text.replace("{slug}", "a-post").parse();
        match sample {
            Err(why) => Err(why.to_string()),
            Ok(_) if !text.contains("{slug}") => {
                Err("must say where a post will stand: write \"https://example.com/posts/{slug}/\"".to_owned())
            }
            Ok(_) => Ok(text.to_owned()),
        }
    });
    let images = table.flag("images");
    let git = table.parsed("git", str::parse::<Git>);
    Some(Kind::Directory(Directory {
        path: folder?,
        generator: generator?,
        words: words.unwrap_or(Words::Markdown),
        url,
        images: images.unwrap_or(true),
        git: git.unwrap_or(Git::None),
    }))
}
