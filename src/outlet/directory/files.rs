//! Where a post's files stand, and how they are written.

use crate::domain::outlet::{Generator, Manuscript};
use crate::outlet::pictures;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// So many characters of a title stand in a file's name.
const LONGEST: usize = 60;

/// The folder and who reads it.
pub(super) struct Files {
    pub(super) root: PathBuf,
    pub(super) generator: Generator,
}

/// Where a post stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The file's name below the folder, by which the outlet knows the post.
    pub(super) name: String,
    /// What the site's address of it is made of.
    pub(super) slug: String,
    pub(super) generator: Generator,
}

impl Files {
    /// Where a post goes when no other is in its way.
    pub(super) fn first(&self, manuscript: &Manuscript) -> Place {
        self.named(manuscript, slug(manuscript))
    }

    /// Where a post goes, or stands already: by its title, and where another post has that name, by its key as well.
    pub(super) fn place(&self, manuscript: &Manuscript) -> Result<Place, String> {
        let first = self.first(manuscript);
        match fs::read_to_string(self.root.join(&first.name)) {
            Ok(text) if !text.contains(&manuscript.key) => {
                let key: String = manuscript.key.chars().take(8).collect();
                Ok(self.named(manuscript, format!("{}-{key}", first.slug)))
            }
            Ok(_) => Ok(first),
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(first),
            Err(why) => Err(self.trouble("read", &first.name, &why)),
        }
    }

    fn named(&self, manuscript: &Manuscript, slug: String) -> Place {
        let name = match self.generator {
            Generator::Hugo | Generator::Zola | Generator::Astro => format!("{slug}/index.md"),
            Generator::Jekyll => {
                format!("{}-{slug}.md", manuscript.published.to_datetime().format("%Y-%m-%d"))
            }
        };
        Place { name, slug, generator: self.generator }
    }

    /// The place of a file that was written before.
    pub(super) fn known(&self, name: &str) -> Result<Place, String> {
        let slug = match self.generator {
            Generator::Hugo | Generator::Zola | Generator::Astro => name.strip_suffix("/index.md"),
            Generator::Jekyll => name.strip_suffix(".md").and_then(|name| name.get(11..)),
        };
        let sound = |slug: &&str| !slug.is_empty() && !slug.contains('/') && !slug.starts_with('.');
        let slug =
            slug.filter(sound).ok_or_else(|| format!("`{name}` is no file that was written for this generator"))?;
        Ok(Place { name: name.to_owned(), slug: slug.to_owned(), generator: self.generator })
    }

    /// The folder of a post's pictures.
    fn beside(&self, place: &Place) -> PathBuf {
        match self.generator {
            Generator::Hugo | Generator::Zola | Generator::Astro => self.root.join(&place.slug),
            Generator::Jekyll => self.root.parent().unwrap_or(&self.root).join("assets").join(&place.slug),
        }
    }

    /// Writes a post's pictures, then its file; the paths of all. The folder itself is never made: one that is not
    /// there is one that is not mounted.
    pub(super) fn write(
        &self,
        place: &Place,
        text: &str,
        pictures: Vec<(String, Vec<u8>)>,
    ) -> Result<Vec<PathBuf>, String> {
        self.is_there()?;
        let mut written = Vec::new();
        let beside = self.beside(place);
        for (name, bytes) in pictures {
            let path = beside.join(&name);
            whole(&path, &bytes).map_err(|why| self.trouble("write", &name, &why))?;
            written.push(path);
        }
        let path = self.root.join(&place.name);
        whole(&path, text.as_bytes()).map_err(|why| self.trouble("write", &place.name, &why))?;
        written.push(path);
        Ok(written)
    }

    /// Takes away what was written of a post; the paths of it.
    pub(super) fn remove(&self, place: &Place) -> Result<Vec<PathBuf>, String> {
        self.is_there()?;
        let beside = self.beside(place);
        let mut paths = vec![self.root.join(&place.name)];
        let others = fs::read_dir(&beside).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        paths.extend(
            others.filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(pictures::is_name)),
        );
        for path in &paths {
            match fs::remove_file(path) {
                Ok(()) => {}
                Err(why) if why.kind() == ErrorKind::NotFound => {}
                Err(why) => return Err(self.trouble("remove", &place.name, &why)),
            }
        }
        // What a person laid beside it stays, and the folder with it.
        let _ = fs::remove_dir(&beside);
        Ok(paths)
    }

    /// Whether the folder can be written to.
    pub(super) fn try_out(&self) -> Result<(), String> {
        self.is_there()?;
        let path = self.root.join(".syndicated-test");
        whole(&path, b"").and_then(|()| fs::remove_file(&path)).map_err(|why| self.trouble("write", "a file", &why))
    }

    fn is_there(&self) -> Result<(), String> {
        if self.root.is_dir() { Ok(()) } else { Err(format!("there is no folder {}", self.root.display())) }
    }

    fn trouble(&self, deed: &str, name: &str, why: &std::io::Error) -> String {
        format!("cannot {deed} {name} in {}: {why}", self.root.display())
    }
}

/// Writes a file as a whole, durably: under another name first, then in its place.
fn whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("post");
    let draft = folder.join(format!(".{name}.syndicated"));
    let mut file = File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()
}

/// A name by the post's title, or by its key where the title has no letters.
fn slug(manuscript: &Manuscript) -> String {
    let slug = manuscript.slug(LONGEST);
    if slug.is_empty() { manuscript.mark().to_owned() } else { slug }
}
