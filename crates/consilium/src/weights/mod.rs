//! `weights`: the store of weights, filled over the network or from a stick.

mod fetch;
mod found;
pub(crate) mod hash;
mod import;
mod place;
mod source;
mod store;
mod trained;

pub use fetch::{Client, Settings, Token};
pub(crate) use found::of_volumes;
pub use found::{given, stored};
pub use hash::Expected;
pub use import::import;
pub use place::Mirror;
pub use source::{Source, all, find};
pub use store::{Kept, Store};

use crate::World;
use crate::cli::{Arguments, print};
use crate::models::table::table;
use crate::read::Common;
use base::words::weights as words;
use base::{Error, Kind, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What there is to say after `weights`.
const WORDS: &str = "list [ID…], pull ID…, import PATH…, verify [ID…], remove ID…, where [ID]";
/// A file with a token that is larger is none.
const MOST_TOKEN_BYTES: u64 = 64 << 10;
/// Columns of a cell on a terminal.
const WIDEST: usize = 52;

/// `weights [list|pull|import|verify|remove|where]`.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let store = Store::open(typed.value("--store"), world)?;
    let words: Vec<&str> = typed.free.iter().map(String::as_str).collect();
    match words[..] {
        [] => list(&store, &[], common, out),
        ["list", ref ids @ ..] => list(&store, ids, common, out),
        ["pull", ref ids @ ..] if !ids.is_empty() => pull(world, &store, typed, ids, common, out),
        ["import", ref paths @ ..] if !paths.is_empty() => {
            for path in paths {
                let done = import(world, &store, Path::new(path), typed.value("--as"))?;
                for kept in &done.kept {
                    say_kept(&store, kept, common, out)?;
                }
                if done.passed_over > 0 && !common.json {
                    let text = words::passed_over(done.passed_over);
                    print(out, &format!("{}\n", text.get(common.lang)))?;
                }
            }
            Ok(())
        }
        ["verify", ref ids @ ..] => verify(&store, ids, common, out),
        ["remove", ref ids @ ..] if !ids.is_empty() => {
            remove(world, &store, ids, typed.value("--file"), common, out)
        }
        ["where"] => print(out, &format!("{}\n", store.root().display())),
        ["where", id] => place(&store, id, out),
        _ => {
            let text = base::words::cli::unknown_command(&words.join(" "), WORDS);
            Err(Error::new(Kind::Usage, text))
        }
    }
}

fn of(ids: &[&str]) -> Result<Vec<Source>> {
    if ids.is_empty() {
        return Ok(all());
    }
    let mut sources = Vec::new();
    for id in ids {
        sources.extend(find(id)?);
    }
    Ok(sources)
}

/// Files kept of one source: of a repository, all of its system that no other source names.
fn kept_of(store: &Store, source: &Source, kept: &[Kept], every: &[Source]) -> bool {
    if source.repository().is_none() {
        return store.find(&source.id, &source.name).is_some();
    }
    let named = |kept: &Kept| every.iter().any(|s| s.id == kept.id && s.name == kept.name);
    kept.iter().any(|kept| kept.id == source.id && !named(kept))
}

fn list(store: &Store, ids: &[&str], common: &Common, out: &mut dyn Write) -> Result<()> {
    let (kept, every, lang) = (store.all(), all(), common.lang);
    // What was brought under a name of its own is in no catalogue.
    let named: Vec<&str> =
        ids.iter().copied().filter(|id| kept.iter().all(|k| k.id != *id)).collect();
    let mut sources = if ids.is_empty() || !named.is_empty() { of(&named)? } else { Vec::new() };
    sources.extend(
        ids.iter().filter(|id| !named.contains(id)).filter_map(|id| find(id).ok()).flatten(),
    );
    // Models of one's own, and files of a system that were not published one by one.
    let listed = |kept: &Kept| {
        every.iter().any(|s| s.id == kept.id && (s.name == kept.name || s.repository().is_some()))
    };
    let asked = |kept: &Kept| ids.is_empty() || ids.contains(&kept.id.as_str());
    let own: Vec<&Kept> = kept.iter().filter(|kept| asked(kept) && !listed(kept)).collect();
    if common.json {
        let one = |source: &Source| {
            json!({
                "id": source.id,
                "system": source.system,
                "file": source.name,
                "url": source.url,
                "bytes": source.expected.bytes,
                "sha256": source.expected.sha256,
                "licence": source.licence.id,
                "gate": source.gate.map(|gate| gate.id),
                "in_store": kept_of(store, source, &kept, &every),
            })
        };
        let mut sources: Vec<Value> = sources.iter().map(one).collect();
        sources.extend(own.iter().map(|kept| {
            json!({ "id": kept.id, "file": kept.name, "bytes": kept.bytes, "sha256": kept.sha256,
                "in_store": true })
        }));
        let all = json!({ "store": store.root(), "files": sources });
        return print(out, &format!("{all:#}\n"));
    }
    let mut rows: Vec<Vec<String>> = sources
        .iter()
        .map(|source| {
            let here = kept_of(store, source, &kept, &every);
            let gate = source.gate.map_or(String::new(), |gate| gate.name.get(lang).to_owned());
            vec![
                source.id.clone(),
                source.name.clone(),
                if here { words::HERE.get(lang).to_owned() } else { String::new() },
                source.licence.name().get(lang).to_owned(),
                gate,
            ]
        })
        .collect();
    rows.extend(own.iter().map(|kept| {
        let here = words::HERE.get(lang).to_owned();
        vec![kept.id.clone(), kept.name.clone(), here, String::new(), String::new()]
    }));
    let head = [&words::ID, &words::FILE, &words::STATE, &words::LICENCE, &words::GATE];
    let head = head.map(|title| title.get(lang));
    let place = words::store_at(&store.root().display().to_string());
    print(out, &format!("{}\n\n{}", place.get(lang), table(&head, &rows, WIDEST)))
}

fn settings(world: &dyn World, typed: &Arguments) -> Result<Settings> {
    let mut given = typed.list("--mirror");
    if given.is_empty() {
        let variable = world.variable("CONSILIUM_MIRROR").unwrap_or_default();
        given = variable
            .split(',')
            .map(str::trim)
            .filter(|m| !m.is_empty())
            .map(str::to_owned)
            .collect();
    }
    let mut mirrors = Vec::new();
    for text in given {
        let bad = || Error::new(Kind::Usage, words::no_mirror(&text));
        mirrors.push(Mirror::parse(&text).ok_or_else(bad)?);
    }
    let stall = typed.number("--timeout")?.map(|seconds| Duration::from_secs(seconds as u64));
    let defaults = Settings::default();
    Ok(Settings {
        mirrors_only: typed.has("--mirror-only"),
        mirrors,
        token: token(world, typed)?,
        stall: stall.unwrap_or(defaults.stall),
        ..defaults
    })
}

/// From `--token-file`, else the variables `CONSILIUM_TOKEN` and `HF_TOKEN`.
fn token(world: &dyn World, typed: &Arguments) -> Result<Option<Token>> {
    if let Some(path) = typed.value("--token-file") {
        let failed =
            |error: std::io::Error| Error::new(Kind::Io, words::cannot_read(&error)).at(path);
        let bad = || Error::new(Kind::Usage, words::no_token()).at(path);
        if std::fs::metadata(path).map_err(failed)?.len() > MOST_TOKEN_BYTES {
            return Err(bad());
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        return Token::new(&text).map(Some).ok_or_else(bad);
    }
    let given = ["CONSILIUM_TOKEN", "HF_TOKEN"].iter().find_map(|name| world.variable(name));
    Ok(given.as_deref().and_then(Token::new))
}

fn pull(
    world: &dyn World,
    store: &Store,
    typed: &Arguments,
    ids: &[&str],
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let mut sources = of(ids)?;
    if let Some(name) = typed.value("--file") {
        sources.retain(|source| source.name == name);
    }
    if sources.is_empty() {
        return Err(Error::new(Kind::Usage, words::nothing_to_pull(&ids.join(", "))));
    }
    for source in &sources {
        agree(world, store, typed, source, common, out)?;
    }
    let client = Client::new(settings(world, typed)?);
    let mut failed = None;
    for source in sources {
        if let Some(why) = source.by_hand() {
            let place = store.root().display().to_string();
            let hint = words::by_hand(&source.name, &source.url, &source.id, &place);
            let error = Error::new(Kind::Unsupported, why).hint(hint);
            failed = failed.or(Some(error));
            continue;
        }
        let files = client.repository(&source)?;
        for file in files {
            if let Some(kept) = store.find(&file.id, &file.name) {
                let same = file.expected.sha256.as_ref().is_none_or(|hash| *hash == kept.sha256);
                if same {
                    say_kept(store, &kept, common, out)?;
                    continue;
                }
            }
            let bar = progress(common, &file.name);
            let kept = client.fetch(world, store, &file, &|have, total| {
                bar.set_length(total.unwrap_or(have));
                bar.set_position(have);
            });
            bar.finish_and_clear();
            match kept {
                Ok(kept) => say_kept(store, &kept, common, out)?,
                // What only a person can fetch is said first.
                Err(error) => return Err(failed.unwrap_or(error)),
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// The licence is shown; where it asks for it, it must be agreed to once, which is recorded.
fn agree(
    world: &dyn World,
    store: &Store,
    typed: &Arguments,
    source: &Source,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let (licence, lang) = (source.licence, common.lang);
    if store.accepted(&source.id, licence.id) {
        return Ok(());
    }
    let note = source.licence_note.as_ref();
    if licence.ask && !typed.has("--accept") {
        let text = words::agree(&source.id, &licence.name(), note);
        let hint = words::how_to_agree(&source.id);
        return Err(Error::new(Kind::Usage, text).hint(hint));
    }
    if !common.json {
        let text = words::licence_of(&source.id, &licence.name(), note);
        print(out, &format!("{}\n", text.get(lang)))?;
    }
    store.accept(world, &source.id, licence.id)
}

fn progress(common: &Common, name: &str) -> ProgressBar {
    if !common.progress {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let style = "{msg}  {bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.set_message(name.to_owned());
    bar
}

fn say_kept(store: &Store, kept: &Kept, common: &Common, out: &mut dyn Write) -> Result<()> {
    if common.json {
        let line = json!({
            "id": kept.id, "file": kept.name, "bytes": kept.bytes, "sha256": kept.sha256,
            "verified": kept.verified, "from": kept.from, "folder": store.folder(&kept.id),
        });
        return print(out, &format!("{line}\n"));
    }
    let text = words::kept(&kept.id, &kept.name, kept.bytes, &kept.sha256, kept.verified);
    print(out, &format!("{}\n", text.get(common.lang)))
}

/// Kept files of the systems and networks named; of all when none is.
fn kept(store: &Store, ids: &[&str]) -> Result<Vec<Kept>> {
    let all = store.all();
    if ids.is_empty() {
        return Ok(all);
    }
    let mut wanted: Vec<String> = Vec::new();
    for id in ids {
        // Something kept under an id that the catalogue no longer has can still be removed.
        if all.iter().any(|kept| kept.id == *id) {
            wanted.push((*id).to_owned());
        } else {
            wanted.extend(find(id)?.into_iter().map(|source| source.id));
        }
    }
    let found: Vec<Kept> = all.into_iter().filter(|kept| wanted.contains(&kept.id)).collect();
    if found.is_empty() {
        return Err(Error::new(Kind::Usage, words::not_in_store(&ids.join(", "))).at(store.root()));
    }
    Ok(found)
}

fn verify(store: &Store, ids: &[&str], common: &Common, out: &mut dyn Write) -> Result<()> {
    let mut wrong = 0;
    let all = kept(store, ids)?;
    for kept in &all {
        let checked = store.verify(kept);
        if common.json {
            let line = json!({ "id": kept.id, "file": kept.name, "sound": checked.is_ok() });
            print(out, &format!("{line}\n"))?;
        } else {
            let state = match &checked {
                Ok(()) => words::SOUND.get(common.lang).to_owned(),
                Err(error) => error.render(common.lang),
            };
            print(out, &format!("{} {}: {state}\n", kept.id, kept.name))?;
        }
        wrong += usize::from(checked.is_err());
    }
    if !common.json {
        print(out, &format!("{}\n", words::verified(all.len(), wrong).get(common.lang)))?;
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(Error::new(Kind::BrokenInput, words::verified(all.len(), wrong))),
    }
}

fn remove(
    world: &dyn World,
    store: &Store,
    ids: &[&str],
    file: Option<&str>,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let (mut count, mut free) = (0, 0);
    for kept in kept(store, ids)?.iter().filter(|kept| file.is_none_or(|name| name == kept.name)) {
        free += store.remove(world, kept)?;
        count += 1;
    }
    print(out, &format!("{}\n", words::removed(count, free).get(common.lang)))
}

/// Where the files of a system or network lie, a folder a line.
fn place(store: &Store, id: &str, out: &mut dyn Write) -> Result<()> {
    let mut folders: Vec<PathBuf> =
        kept(store, &[id])?.iter().map(|kept| store.folder(&kept.id)).collect();
    folders.dedup();
    folders.iter().try_for_each(|folder| print(out, &format!("{}\n", folder.display())))
}
