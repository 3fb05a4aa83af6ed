//! From files to meaning: reads `config.toml` and what it includes, and checks
//! every part against the others. Nothing stops at the first fault.

use super::faults::{Collector, Faults, Spot, nearest};
use super::raw::{File, Located, Table};
use super::secrets::{self, Environment};
use super::{Config, Database, Lane, Site, bounces, feeds, mail, newsletter, outlet, parts, platforms, sign_up};
use crate::clock::Chance;
use crate::domain::newsletter::Newsletter;
use crate::domain::outlet::Outlet;
use crate::domain::slug::Slug;
use crate::domain::source::Source;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Files with the texts that stand in for their own, or for none: what an edit is about to write.
pub(super) type Drafts<'a> = &'a [(PathBuf, String)];

impl Config {
    /// Reads the configuration at `path`. A secret key that is not there yet is
    /// made of `chance`; it counts once [`Config::keep_key`] has written it.
    pub fn load(path: &Path, environment: &Environment, chance: &Chance) -> Result<Self, Faults> {
        Self::load_draft(path, &[], environment, chance)
    }

    pub(super) fn load_draft(
        path: &Path,
        drafts: Drafts<'_>,
        environment: &Environment,
        chance: &Chance,
    ) -> Result<Self, Faults> {
        let faults = Collector::default();
        let files = files(path, drafts, &faults);
        match assemble(&files, environment, chance, &faults) {
            Some(config) => faults.into_faults().map_or(Ok(config), Err),
            None => Err(faults.into_faults().unwrap_or_else(|| Faults::nothing(path))),
        }
    }
}

/// The file at `path` and those that it includes, in their order.
pub(super) fn files(path: &Path, drafts: Drafts<'_>, faults: &Collector) -> Vec<File> {
    let Some(main) = read(path, drafts, 0, faults) else { return Vec::new() };
    let patterns: Vec<Located<String>> = {
        // What is wrong with the rest of the file is said when it is read in earnest.
        let aside = Collector::default();
        let parsed = main.parse(&aside);
        let list = parsed.root(&main, &aside).texts("include");
        let list = list.map(|list| list.value).unwrap_or_default();
        list.into_iter().map(|item| Located { spot: item.spot, value: item.value.to_owned() }).collect()
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut files = vec![main];
    for pattern in patterns {
        match expand(folder, &pattern.value, drafts) {
            Ok(found) => {
                for path in found {
                    if files.iter().all(|file| file.path != path) {
                        files.extend(read(&path, drafts, files.len(), faults));
                    }
                }
            }
            Err(why) => faults.add(&pattern.spot, why),
        }
    }
    files
}

pub(super) fn read(path: &Path, drafts: Drafts<'_>, order: usize, faults: &Collector) -> Option<File> {
    let spot = Spot { file: path.to_owned(), order, line: 0, key: String::new() };
    if let Some((_, text)) = drafts.iter().find(|(drafted, _)| drafted == path) {
        return Some(File::new(path, order, text));
    }
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(why) => {
            let hint = "name another with --config, or begin with the config.toml that comes with syndicated";
            faults.add_hint(&spot, format_args!("cannot be read: {}", secrets::plain(&why)), hint);
            return None;
        }
    };
    match String::from_utf8(bytes) {
        // An editor on another system may have put a byte order mark before the text.
        Ok(text) => Some(File::new(path, order, text.trim_start_matches('\u{feff}'))),
        Err(why) => {
            let before = why.as_bytes().get(..why.utf8_error().valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            faults.add(&Spot { line, ..spot }, "this is not UTF-8 text: save the file as UTF-8");
            None
        }
    }
}

/// The files that a pattern names: `*` stands for any part of a file's name, in
/// the last part of the path only.
fn expand(folder: &Path, pattern: &str, drafts: Drafts<'_>) -> Result<Vec<PathBuf>, String> {
    let path = folder.join(pattern);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if pattern.trim_end_matches(name).contains('*') {
        return Err(format!("`{pattern}` has a `*` in a folder's name: it may stand in the file's name only"));
    }
    let Some((head, tail)) = name.split_once('*') else {
        return if path.is_file() { Ok(vec![path]) } else { Err(format!("there is no file {}", path.display())) };
    };
    if tail.contains('*') {
        return Err(format!("`{pattern}` has more than one `*`"));
    }
    // A folder that is not there yet holds no sources yet.
    let parent = path.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(parent).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let drafted = drafts.iter().map(|(path, _)| path.clone()).filter(|path| path.parent() == Some(parent));
    let mut found: Vec<PathBuf> = entries
        .filter(|path| path.is_file())
        .chain(drafted)
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let rest = name.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
            rest.is_some() && !name.starts_with('.')
        })
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// What may stand in the main file only.
const MAIN_ONLY: [&str; 14] = [
    "site",
    "database",
    "http",
    "fetch",
    "feeds",
    "mail",
    "bounces",
    "relay",
    "domain",
    "dkim",
    "subscribe",
    "retention",
    "include",
    "platforms",
];

fn assemble(files: &[File], environment: &Environment, chance: &Chance, faults: &Collector) -> Option<Config> {
    let none = DeTable::new();
    let parsed: Vec<_> = files.iter().map(|file| file.parse(faults)).collect();
    let mut roots = files.iter().zip(&parsed).map(|(file, parsed)| parsed.root(file, faults));
    let mut main = roots.next()?;
    let _ = main.texts("include");
    let platforms = platforms::named(&mut main, files.first(), faults);
    let site = parts::site(main.table("site", &none));
    let (database, database_secret) = parts::database(main.table("database", &none), environment);
    let http = parts::http(main.table("http", &none));
    let fetch = parts::fetch(main.table("fetch", &none));
    let feeds = feeds::feeds(main.table("feeds", &none));
    let sign_up = sign_up::sign_up(main.table("subscribe", &none));
    let retention = sign_up::retention(main.table("retention", &none));
    let tables = mail::Tables {
        mail: main.table("mail", &none),
        relays: main.tables("relay"),
        domains: main.tables("domain"),
        dkim: main.tables("dkim"),
    };
    let (mail, mail_secrets) = mail::mail(tables, environment, site.as_ref().map(|site| site.site.title.as_str()));
    let (bounces, bounces_secret) = bounces::bounces(main.table("bounces", &none), environment);
    let mut sources = main.tables("source");
    let mut newsletters = main.tables("newsletter");
    let mut outlets = main.tables("outlet");
    main.finish();
    for mut root in roots {
        for key in MAIN_ONLY {
            if root.holds(key) {
                faults.add(
                    &root.place(key),
                    "may stand in the main file only; an included one holds [[source]], [[newsletter]] and [[outlet]]",
                );
            }
            root.skip(key);
        }
        sources.extend(root.tables("source"));
        newsletters.extend(root.tables("newsletter"));
        outlets.extend(root.tables("outlet"));
        root.finish();
    }
    unique(&sources, "name", faults);
    unique(&sources, "url", faults);
    unique(&newsletters, "name", faults);
    unique(&outlets, "name", faults);
    let tables = (sources, newsletters, outlets);
    let relays = mail.as_ref().map(|mail| mail.lanes.as_slice());
    let followed = followed(tables, (site.as_ref().map(|site| &site.site), relays), environment, faults);
    for (file, parsed) in files.iter().zip(&parsed) {
        parsed.drop_echoes(file, faults);
    }
    for spot in database_secret.iter().chain(&mail_secrets).chain(&bounces_secret) {
        if secrets::others_can_read(&spot.file) {
            faults.add_hint(
                spot,
                "holds a password, and others on this machine can read this file",
                format_args!("chmod 640 {}", spot.file.display()),
            );
        }
    }
    let parts::NamedSite { site, key_file, old_key_files } = site?;
    let database = database.unwrap_or_else(|| Database::Sqlite(PathBuf::from("data/syndicated.db")));
    let (secret, fresh_key) = secrets::secret_key(environment, key_file.as_ref(), &database, chance, faults)?;
    let secret = secret.with_older(secrets::old_keys(environment, &old_key_files, faults));
    let (http, fetch, mail, bounces) = (http?, fetch?, mail?, bounces?);
    Some(Config {
        site,
        database,
        http,
        fetch,
        feeds,
        mail,
        bounces,
        sign_up,
        retention,
        secret,
        fresh_key,
        sources: followed.sources,
        newsletters: followed.newsletters,
        outlets: followed.outlets,
        platforms,
    })
}

/// What is followed, and where that goes.
struct Followed {
    sources: Vec<Source>,
    newsletters: Vec<Newsletter>,
    outlets: Vec<Outlet>,
}

fn followed(
    (sources, newsletters, outlets): (Vec<Table<'_>>, Vec<Table<'_>>, Vec<Table<'_>>),
    (site, relays): (Option<&Site>, Option<&[Lane]>),
    environment: &Environment,
    faults: &Collector,
) -> Followed {
    let names: Vec<&str> = sources.iter().filter_map(|source| source.peek("name")).collect();
    let zone = site.map_or(chrono_tz::UTC, |site| site.timezone);
    let mut schedules = parts::Schedules::default();
    let sources: Vec<Source> =
        sources.into_iter().filter_map(|table| parts::source(table, zone, &mut schedules)).collect();
    let newsletters: Vec<Newsletter> = newsletters
        .into_iter()
        .filter_map(|table| {
            let (newsletter, named) = newsletter::newsletter(table, site);
            check_listed(&named.listed, &names, faults);
            for Located { spot, value } in named.elsewhere.iter().filter(|named| !names.contains(&named.value.as_str()))
            {
                faults.add(spot, format_args!("there is no source `{value}`"));
            }
            newsletter
        })
        .collect();
    let reserved: Vec<Slug> =
        sources.iter().filter(|source| !source.may_republish).map(|source| source.name.clone()).collect();
    let around =
        outlet::Around { site, newsletters: &newsletters, sources: &names, reserved: &reserved, environment, relays };
    let outlets = outlets.into_iter().filter_map(|table| outlet::outlet(table, &around)).collect();
    Followed { sources, newsletters, outlets }
}

/// Says which of `tables` have the same text at `key` as an earlier one.
fn unique(tables: &[Table<'_>], key: &'static str, faults: &Collector) {
    let mut seen: HashMap<&str, &Table<'_>> = HashMap::new();
    for table in tables {
        let Some(text) = table.peek(key) else { continue };
        if let Some(first) = seen.get(text) {
            let first = first.place(key);
            let message = format_args!("the same {key} stands already at {}:{}", first.file.display(), first.line);
            faults.add(&table.place(key), message);
        } else {
            seen.insert(text, table);
        }
    }
}

/// Says which names in a newsletter's list are no source's.
fn check_listed(listed: &[Located<String>], names: &[&str], faults: &Collector) {
    for (number, Located { spot, value }) in listed.iter().enumerate() {
        if listed.iter().take(number).any(|earlier| earlier.value == *value) {
            faults.add(spot, format_args!("`{value}` is listed twice"));
        } else if !names.contains(&value.as_str()) {
            let message = format!("there is no source `{value}`");
            match nearest(value, names.iter().copied()) {
                Some(meant) => faults.add_hint(spot, message, format_args!("did you mean `{meant}`?")),
                None => faults.add_hint(spot, message, "leave `sources` out to take all of them"),
            }
        }
    }
}
