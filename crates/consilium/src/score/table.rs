//! Tables as comma-separated text (RFC 4180), read with limits.

use base::words::{cli, score as words};
use base::{Error, Kind, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A table with a header. Rows keep the line they began in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Where it came from.
    pub path: PathBuf,
    /// Names of the columns, the first being `id`.
    pub header: Vec<String>,
    /// One cell a column.
    pub rows: Vec<Row>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line of the file, from 1.
    pub line: usize,
    /// Cells without surrounding blanks.
    pub cells: Vec<String>,
}

impl Row {
    /// The first cell.
    pub fn id(&self) -> &str {
        &self.cells[0]
    }

    /// How messages name the row.
    pub fn named(&self) -> String {
        words::row(self.line, self.id())
    }
}

/// Bytes of a table.
const MOST_BYTES: u64 = 1 << 30;
/// Columns of a table.
const MOST_COLUMNS: usize = 10_000;

/// Reads a table whose first column is `id`, with unique ids.
pub fn read(path: &Path) -> Result<Table> {
    let text = bytes(path).and_then(|bytes| parse(path, &bytes));
    text.map_err(|error| error.at(path))
}

/// The bytes of a file of text, up to a limit.
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::new(Kind::Io, cli::cannot_read(&error)).at(path);
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > MOST_BYTES {
        let text = words::table_too_large("bytes", MOST_BYTES);
        return Err(Error::new(Kind::Limit, text).at(path));
    }
    std::fs::read(path).map_err(failed)
}

/// A table from the bytes of its file; `path` is only kept.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<Table> {
    let bad = |text| Error::new(Kind::BrokenInput, text);
    // Spreadsheets put a byte-order mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|_| bad(words::NOT_UTF8.clone()).hint(words::TABLE_SHAPE.clone()))?;
    let mut rows = split(text)?.into_iter();
    let header = rows
        .next()
        .ok_or_else(|| bad(words::EMPTY_FILE.clone()).hint(words::TABLE_SHAPE.clone()))?;
    let header = header.cells;
    if !header[0].eq_ignore_ascii_case("id") {
        let error = bad(words::first_column(&header[0]));
        return Err(error.hint(words::TABLE_SHAPE.clone()));
    }
    if header.len() > MOST_COLUMNS {
        let text = words::table_too_large("columns", MOST_COLUMNS as u64);
        return Err(Error::new(Kind::Limit, text));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = header.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(bad(words::column_twice(twice)));
    }
    let rows: Vec<Row> = rows.collect();
    for row in &rows {
        if row.cells.len() != header.len() {
            return Err(bad(words::row_width(row.line, header.len(), row.cells.len())));
        }
        if row.id().is_empty() {
            return Err(bad(words::empty_id(row.line)));
        }
    }
    let mut seen = BTreeSet::new();
    let twice: Vec<String> =
        rows.iter().filter(|row| !seen.insert(row.id())).map(Row::named).collect();
    if !twice.is_empty() {
        return Err(bad(words::ids_twice(&twice)));
    }
    Ok(Table { path: path.to_path_buf(), header, rows })
}

/// Rows of cells; lines without anything are passed over.
pub(crate) fn split(text: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let (mut line, mut begun) = (1, 1);
    let mut cells = Vec::new();
    let mut cell = String::new();
    let (mut quoted, mut was_quoted) = (false, false);
    let mut letters = text.chars().peekable();
    let finish = |cell: &mut String, was_quoted: &mut bool, cells: &mut Vec<String>| {
        let text = std::mem::take(cell);
        // Blanks inside quotes belong to the cell.
        cells.push(if *was_quoted { text } else { text.trim().to_owned() });
        *was_quoted = false;
    };
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted => {
                if letters.next_if_eq(&'"').is_some() {
                    cell.push('"');
                } else {
                    quoted = false;
                }
            }
            '"' if cell.trim().is_empty() && !was_quoted => {
                cell.clear();
                (quoted, was_quoted) = (true, true);
            }
            ',' if !quoted => finish(&mut cell, &mut was_quoted, &mut cells),
            '\n' | '\r' if !quoted => {
                if letter == '\r' {
                    letters.next_if_eq(&'\n');
                }
                finish(&mut cell, &mut was_quoted, &mut cells);
                let full = std::mem::take(&mut cells);
                if full.len() > 1 || !full[0].is_empty() {
                    rows.push(Row { line: begun, cells: full });
                }
                line += 1;
                begun = line;
            }
            _ => {
                line += usize::from(letter == '\n');
                cell.push(letter);
            }
        }
    }
    if quoted {
        return Err(Error::new(Kind::BrokenInput, words::OPEN_QUOTE.clone()));
    }
    if !cell.is_empty() || !cells.is_empty() {
        finish(&mut cell, &mut was_quoted, &mut cells);
        rows.push(Row { line: begun, cells });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Lang;

    fn table(text: &str) -> Result<Table> {
        parse(Path::new("t.csv"), text.as_bytes())
    }

    #[test]
    fn a_table_may_come_from_a_spreadsheet() {
        let text = "\u{feff}id, A ,\"B, C\"\r\n1,0.5,\"x \"\"y\"\"\nz\"\r\n\r\n2,,\r\n";
        let found = table(text).unwrap();
        assert_eq!(found.header, ["id", "A", "B, C"]);
        assert_eq!(found.rows[0].cells, ["1", "0.5", "x \"y\"\nz"]);
        assert_eq!((found.rows[0].line, found.rows[1].line), (2, 5));
        assert_eq!(found.rows[1].cells, ["2", "", ""]);
        assert_eq!(table("id,a\n1,2").unwrap().rows.len(), 1);
    }

    #[test]
    fn any_text_is_a_table_or_an_error() {
        let letters = ["id", "a", ",", "\"", "\n", "\r\n", " ", "1", "", "é"];
        for seed in 0..2000 {
            let mut random = metrics::random::Random::new(3, seed);
            let mut text = String::from(if seed % 2 == 0 { "id,a\n" } else { "" });
            for _ in 0..random.below(30) {
                text += letters[random.below(letters.len())];
            }
            if let Ok(found) = table(&text) {
                assert!(found.rows.iter().all(|row| row.cells.len() == found.header.len()));
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_table_is_said() {
        let said = |text: &str| table(text).unwrap_err().render(Lang::En);
        assert!(said("").contains("empty"));
        assert!(said("name,a\n1,2\n").contains("must be called id"));
        assert!(said("id,a\n1,2,3\n").contains("line 2 has 3 cells"));
        assert!(said("id,a,a\n").contains("occurs twice"));
        assert!(said("id,a\nx,1\ny,2\nx,3\n").contains("4 (x)"));
        assert!(said("id,a\n,1\n").contains("line 2 has no id"));
        assert!(said("id,a\n\"x,1\n").contains("not closed"));
        assert!(parse(Path::new("t"), b"id,a\n\xff,1\n").is_err());
    }
}
