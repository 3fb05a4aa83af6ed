//! A folder's settings.

use crate::domain::composition::word;
use std::path::PathBuf;
use std::str::FromStr;

/// A folder that a site generator reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Where posts go; it must be there.
    pub path: PathBuf,
    /// Who reads it.
    pub generator: Generator,
    /// What the text of its files is written in.
    pub words: Words,
    /// Where a post will stand on the site: an address with `{slug}` in it.
    pub url: Option<String>,
    /// Whether pictures are fetched and laid beside the post.
    pub images: bool,
    /// What git is asked to do.
    pub git: Git,
}

word! {
    /// The site generator that reads a folder.
    Generator {
        /// Hugo, with front matter in TOML.
        Hugo = "hugo",
        /// Zola, with front matter in TOML.
        Zola = "zola",
        /// Jekyll, with front matter in YAML.
        Jekyll = "jekyll",
        /// Astro, with front matter in YAML.
        Astro = "astro"
    }
}

word! {
    /// What the text of a post's file is written in.
    Words {
        /// Markdown.
        Markdown = "markdown",
        /// HTML, which every Markdown may hold.
        Html = "html"
    }
}

word! {
    /// What git is asked to do with a post's files.
    Git {
        /// Nothing.
        None = "none",
        /// To commit them.
        Commit = "commit",
        /// To commit them and to push.
        Push = "push"
    }
}
