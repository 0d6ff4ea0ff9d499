//! `leaderboard`: finished runs of `evaluate` over the very same data, ranked with intervals, in one
//! local file.

mod board;
mod entry;
mod page;
mod rank;
mod show;

use crate::World;
use crate::cli::{Arguments, print};
use crate::evaluate::model_folders;
use crate::read::{Common, write_file};
use crate::rfc3339;
use base::words::leaderboard as words;
use base::{Error, Kind, Result};
use board::{Added, Store};
use entry::Entry;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where the file is if nothing else is said.
const VARIABLE: &str = "CONSILIUM_LEADERBOARD";
const FILE: &str = "leaderboard.sqlite";

/// `leaderboard add FOLDER… | list | show [NAME] | export [NAME]`.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let given = typed.value("--file").map(str::to_owned).or_else(|| world.variable(VARIABLE));
    let path = PathBuf::from(given.unwrap_or_else(|| FILE.to_owned()));
    let (what, free) = match typed.free.split_first() {
        Some((what, free)) => (what.as_str(), free),
        None => ("list", &[][..]),
    };
    let usage = || Error::new(Kind::Usage, words::USAGE.clone());
    match (what, free) {
        ("add", folders) if !folders.is_empty() => {
            let date = rfc3339(world.now());
            let date = date.split('T').next().unwrap_or("");
            let added = add(&path, folders, typed.value("--board"), date)?;
            print(out, &show::added(&added, common))
        }
        ("list", []) => {
            let boards = Store::existing(&path)?.map_or(Ok(Vec::new()), |store| store.boards())?;
            print(out, &show::list(&boards, common))
        }
        ("show" | "export", names) if names.len() < 2 => {
            let store = Store::existing(&path)?;
            let empty = || Error::new(Kind::Usage, words::EMPTY.clone()).at(&path);
            let store = store.ok_or_else(empty)?;
            let name = typed.value("--board").or(names.first().map(String::as_str));
            let board = store.board(name)?;
            let runs = store.runs(&board.name)?;
            let by = rank::By::of(&board, typed.value("--metric"), typed.value("--label"), &runs)?;
            let ranked = rank::ranked(&runs, &by);
            if what == "show" {
                return print(out, &show::ranking(&board, &by, &ranked, common));
            }
            let page = page::page(&board, &by, &ranked, common.lang);
            let file = PathBuf::from(typed.value("--out").unwrap_or("leaderboard.html"));
            write_file(world, &file, page.as_bytes())?;
            match common.json {
                true => Ok(()),
                false => {
                    let text = base::words::cli::report_at(&file);
                    print(out, &format!("{}\n", text.get(common.lang)))
                }
            }
        }
        _ => Err(usage()),
    }
}

/// Adds every model's run in the folders, all or none.
fn add(
    path: &Path,
    folders: &[String],
    board: Option<&str>,
    date: &str,
) -> Result<Vec<(String, String, Added)>> {
    let mut entries = Vec::new();
    for folder in folders.iter().map(Path::new) {
        let own = model_folders(folder);
        if own.is_empty() {
            return Err(Error::new(Kind::BrokenInput, words::NO_RUN.clone()).at(folder));
        }
        for folder in own {
            entries.push(Entry::read(&folder)?);
        }
    }
    Store::create(path)?.add(&entries, board, date)
}
