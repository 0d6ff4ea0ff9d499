//! The file of the leaderboard: boards, runs, numbers.

use super::entry::{Entry, Score};
use crate::evaluate::record::differ;
use base::words::leaderboard as words;
use base::{Error, Kind, Result};
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};

/// Says that a data base is one of these: "CONS" in SQLite's header.
const APPLICATION: i64 = 0x434f_4e53;
/// Version of the tables.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS boards(
  name TEXT PRIMARY KEY, dataset_sha256 TEXT NOT NULL, kind TEXT NOT NULL, split TEXT,
  task TEXT NOT NULL, cases INTEGER NOT NULL, patients INTEGER NOT NULL, settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs(
  id INTEGER PRIMARY KEY, board TEXT NOT NULL REFERENCES boards(name), run_sha256 TEXT NOT NULL,
  model TEXT NOT NULL, name_en TEXT NOT NULL, name_zh TEXT NOT NULL, weights_sha256 TEXT,
  version TEXT NOT NULL, added TEXT NOT NULL, cases_sha256 TEXT NOT NULL,
  answered INTEGER NOT NULL, unanswered INTEGER NOT NULL, UNIQUE(board, run_sha256));
CREATE TABLE IF NOT EXISTS scores(
  run INTEGER NOT NULL REFERENCES runs(id), label TEXT NOT NULL, metric TEXT NOT NULL,
  value REAL, undefined TEXT, low REAL, high REAL, method TEXT,
  PRIMARY KEY(run, label, metric));
";

/// One board: runs over the same data, judged alike.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Board {
    /// Its name.
    pub name: String,
    /// Of cases, truth and contents.
    pub dataset_sha256: String,
    /// Kind of data set.
    pub kind: String,
    /// Split.
    pub split: Option<String>,
    /// Task.
    pub task: String,
    /// Cases and patients.
    pub counts: [u64; 2],
    /// How runs are judged, as JSON.
    pub settings: String,
    /// How many runs it has.
    pub runs: u64,
}

/// A run on a board.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OnBoard {
    /// The model.
    pub model: String,
    /// Its name in both languages.
    pub name: [String; 2],
    /// Its weights.
    pub weights_sha256: Option<String>,
    /// The program.
    pub version: String,
    /// `2026-01-31`.
    pub added: String,
    /// Hash of the ids that were answered.
    pub cases_sha256: String,
    /// Answered, and not.
    pub answered: [u64; 2],
    /// The numbers.
    pub scores: Vec<Score>,
}

/// What became of a run that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// It is on the board now.
    New,
    /// It was before.
    Already,
}

/// An open leaderboard.
pub(super) struct Store {
    path: PathBuf,
    connection: Connection,
}

impl Store {
    /// Opens a leaderboard, or begins one. Errors: a file of something else, or one that cannot be
    /// written.
    pub fn create(path: &Path) -> Result<Store> {
        let new = !path.exists();
        let failed = |error: rusqlite::Error| failed(error, path);
        let connection = Connection::open(path).map_err(failed)?;
        if new {
            let begin = format!(
                "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};{TABLES}"
            );
            connection.execute_batch(&begin).map_err(failed)?;
        }
        Store { path: path.to_path_buf(), connection }.checked()
    }

    /// Opens a leaderboard; `None` where there is none.
    pub fn existing(path: &Path) -> Result<Option<Store>> {
        if path.exists() { Store::create(path).map(Some) } else { Ok(None) }
    }

    fn checked(self) -> Result<Store> {
        let number = |pragma: &str| {
            self.connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
        };
        let ours = number("application_id").map_err(|error| failed(error, &self.path))?;
        if ours != APPLICATION || number("user_version").ok() != Some(VERSION) {
            let error = Error::new(Kind::BrokenInput, words::NOT_A_BOARD.clone());
            return Err(error.at(&self.path));
        }
        Ok(self)
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        failed(error, &self.path)
    }

    /// Adds runs, all or none. Gives each run's model, its board, and what became of it.
    ///
    /// Errors of kind `Refused`: the board is of other data, or judges otherwise.
    pub fn add(
        &mut self,
        entries: &[Entry],
        board: Option<&str>,
        date: &str,
    ) -> Result<Vec<(String, String, Added)>> {
        let path = self.path.clone();
        let failed = |error| failed(error, &path);
        let all = self.connection.transaction().map_err(failed)?;
        let mut added = Vec::new();
        for entry in entries {
            let name = board.map_or_else(|| default_name(entry), str::to_owned);
            match one_board(&all, &name).map_err(failed)? {
                Some(known) => fits(&known, entry)?,
                None => {
                    all.execute(
                        "INSERT INTO boards VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                        params![
                            name,
                            entry.dataset_sha256,
                            entry.kind,
                            entry.split,
                            entry.task,
                            entry.counts[0] as i64,
                            entry.counts[1] as i64,
                            entry.settings.to_string()
                        ],
                    )
                    .map_err(failed)?;
                }
            }
            let new = insert(&all, &name, entry, date).map_err(failed)?;
            added.push((entry.model.clone(), name, new));
        }
        all.commit().map_err(failed)?;
        Ok(added)
    }

    /// All boards by name.
    pub fn boards(&self) -> Result<Vec<Board>> {
        let failed = |error| self.failed(error);
        let mut names =
            self.connection.prepare("SELECT name FROM boards ORDER BY name").map_err(failed)?;
        let names = names.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
        let mut boards = Vec::new();
        for name in names {
            boards.extend(one_board(&self.connection, &name.map_err(failed)?).map_err(failed)?);
        }
        Ok(boards)
    }

    /// The board of that name, or the only one.
    pub fn board(&self, name: Option<&str>) -> Result<Board> {
        let mut boards = self.boards()?;
        let names: Vec<String> = boards.iter().map(|board| board.name.clone()).collect();
        if let Some(name) = name {
            let found = boards.into_iter().find(|board| board.name == name);
            return found.ok_or_else(|| Error::new(Kind::Usage, words::no_board(name, &names)));
        }
        match (boards.pop(), boards.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(Error::new(Kind::Usage, words::which_board(&names))),
            (None, _) => Err(Error::new(Kind::Usage, words::EMPTY.clone()).at(&self.path)),
        }
    }

    /// The runs of a board in the order they were added.
    pub fn runs(&self, board: &str) -> Result<Vec<OnBoard>> {
        let failed = |error| self.failed(error);
        let mut query = self
            .connection
            .prepare(
                "SELECT id, model, name_en, name_zh, weights_sha256, version, added, cases_sha256, \
                 answered, unanswered FROM runs WHERE board = ?1 ORDER BY id",
            )
            .map_err(failed)?;
        let found = query.query_map([board], |row| {
            let run = OnBoard {
                model: row.get(1)?,
                name: [row.get(2)?, row.get(3)?],
                weights_sha256: row.get(4)?,
                version: row.get(5)?,
                added: row.get(6)?,
                cases_sha256: row.get(7)?,
                answered: [row.get::<_, i64>(8)? as u64, row.get::<_, i64>(9)? as u64],
                scores: Vec::new(),
            };
            Ok((row.get::<_, i64>(0)?, run))
        });
        let mut runs = Vec::new();
        for found in found.map_err(failed)? {
            let (id, mut run) = found.map_err(failed)?;
            run.scores = self.scores(id).map_err(failed)?;
            runs.push(run);
        }
        Ok(runs)
    }

    fn scores(&self, run: i64) -> rusqlite::Result<Vec<Score>> {
        let mut query = self.connection.prepare(
            "SELECT label, metric, value, undefined, low, high, method FROM scores WHERE run = ?1 \
             ORDER BY rowid",
        )?;
        let found = query.query_map([run], |row| {
            let (low, high): (Option<f64>, Option<f64>) = (row.get(4)?, row.get(5)?);
            Ok(Score {
                label: row.get(0)?,
                metric: row.get(1)?,
                value: row.get(2)?,
                undefined: row.get(3)?,
                interval: low.zip(high).map(|(low, high)| [low, high]),
                method: row.get(6)?,
            })
        })?;
        found.collect()
    }
}

fn failed(error: rusqlite::Error, path: &Path) -> Error {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error.sqlite_error_code() {
        Some(NotADatabase | DatabaseCorrupt) => {
            Error::new(Kind::BrokenInput, words::NOT_A_BOARD.clone()).at(path)
        }
        _ => Error::new(Kind::Io, words::database(&error)).at(path),
    }
}

/// `chexpert-valid-classification`.
fn default_name(entry: &Entry) -> String {
    let split = entry.split.as_deref().map_or(String::new(), |split| format!("{split}-"));
    format!("{}-{split}{}", entry.kind, entry.task)
}

fn one_board(connection: &Connection, name: &str) -> rusqlite::Result<Option<Board>> {
    let read = |row: &rusqlite::Row| {
        Ok(Board {
            name: row.get(0)?,
            dataset_sha256: row.get(1)?,
            kind: row.get(2)?,
            split: row.get(3)?,
            task: row.get(4)?,
            counts: [row.get::<_, i64>(5)? as u64, row.get::<_, i64>(6)? as u64],
            settings: row.get(7)?,
            runs: row.get::<_, i64>(8)? as u64,
        })
    };
    connection
        .query_row(
            "SELECT name, dataset_sha256, kind, split, task, cases, patients, settings, \
             (SELECT count(*) FROM runs WHERE runs.board = boards.name) FROM boards WHERE name = ?1",
            [name],
            read,
        )
        .optional()
}

/// Errors of kind `Refused` with the reason.
fn fits(board: &Board, entry: &Entry) -> Result<()> {
    let refused = |text| Error::new(Kind::Refused, text).hint(words::name_hint());
    if board.dataset_sha256 != entry.dataset_sha256 {
        let start = |hash: &str| hash.chars().take(12).collect::<String>();
        let (theirs, ours) = (start(&board.dataset_sha256), start(&entry.dataset_sha256));
        return Err(refused(words::other_data(&board.name, &theirs, &ours)));
    }
    let settings: serde_json::Value = serde_json::from_str(&board.settings).unwrap_or_default();
    let mut differences = Vec::new();
    if board.task != entry.task {
        differences.push(format!("task: {} → {}", board.task, entry.task));
    }
    differ(&mut differences, "", &settings, &entry.settings);
    match differences.is_empty() {
        true => Ok(()),
        false => Err(refused(words::other_settings(&board.name, &differences))),
    }
}

fn insert(
    connection: &Connection,
    board: &str,
    entry: &Entry,
    date: &str,
) -> rusqlite::Result<Added> {
    let added = connection.execute(
        "INSERT OR IGNORE INTO runs(board, run_sha256, model, name_en, name_zh, weights_sha256, \
         version, added, cases_sha256, answered, unanswered) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            board,
            entry.run_sha256,
            entry.model,
            entry.name[0],
            entry.name[1],
            entry.weights_sha256,
            entry.version,
            date,
            entry.cases_sha256,
            entry.answered[0] as i64,
            entry.answered[1] as i64
        ],
    )?;
    if added == 0 {
        return Ok(Added::Already);
    }
    let run = connection.last_insert_rowid();
    let mut insert =
        connection.prepare("INSERT INTO scores VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    for score in &entry.scores {
        insert.execute(params![
            run,
            score.label,
            score.metric,
            score.value,
            score.undefined,
            score.interval.map(|ends| ends[0]),
            score.interval.map(|ends| ends[1]),
            score.method
        ])?;
    }
    Ok(Added::New)
}
