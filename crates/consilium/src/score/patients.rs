//! Whose case it is, and to which subgroups it belongs: columns of the judged tables, or of a table
//! beside them as `FILE.csv/COLUMN`.

use super::table;
use base::words::score as words;
use base::{Error, Kind, Note, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Fewer patients (or cases) carry a warning.
const SMALL: usize = 10;
/// A column of numbers with more different values than this is cut into bands.
const MOST_VALUES: usize = 10;
/// Where bands of ages begin, in years: children, then grown-ups by twenty.
const AGES: [f64; 5] = [0.0, 18.0, 40.0, 60.0, 80.0];

/// The file and the column of `FILE.csv/COLUMN`; `None` where there is no such file, as a column's own
/// name may have a slash in it.
pub(super) fn beside(typed: &str) -> Option<(PathBuf, &str)> {
    let slashes = typed.match_indices('/').map(|(at, _)| at);
    slashes.map(|at| (Path::new(&typed[..at]), &typed[at + 1..])).find_map(|(file, column)| {
        let fits = !column.is_empty() && file.is_file();
        fits.then(|| (file.to_path_buf(), column))
    })
}

/// The column of a table beside the cases, in their order.
///
/// Errors: no such column, cases that the table does not have or has without a value.
pub(super) fn column(
    flag: &str,
    (path, name): (&Path, &str),
    cases: &[String],
) -> Result<Vec<String>> {
    let table = table::read(path)?;
    let at = table.header.iter().position(|column| column == name);
    let at = at.ok_or_else(|| Error::new(Kind::Usage, words::no_column(flag, name)).at(path))?;
    let known: BTreeMap<&str, &str> =
        table.rows.iter().map(|row| (row.id(), row.cells[at].as_str())).collect();
    let missing: Vec<String> = cases
        .iter()
        // An unknown patient cannot be a unit; an unknown sex can be a subgroup.
        .filter(|case| {
            let value = known.get(case.as_str());
            value.is_none_or(|value| value.is_empty() && flag == "--group")
        })
        .cloned()
        .collect();
    if !missing.is_empty() {
        let text = words::cases_without(name, &missing);
        return Err(Error::new(Kind::BrokenInput, text).at(path));
    }
    Ok(cases.iter().map(|case| known[case.as_str()].to_owned()).collect())
}

/// The column that `flag` names for cases that are no rows of a table: of a table beside them, or of the
/// data set that they are of. `strata` has one value a case under each name; where several `namings` of
/// the cases are given, the first counts whose every name the table has.
pub(super) fn of_cases(
    flag: &str,
    typed: &str,
    strata: &[(String, Vec<String>)],
    namings: &[&[String]],
) -> Result<Vec<String>> {
    if let Some((path, name)) = beside(typed) {
        let mut tried = namings.iter().map(|names| column(flag, (&path, name), names));
        let first = tried.next().unwrap_or(Ok(Vec::new()));
        return first.or_else(|error| tried.find(Result::is_ok).unwrap_or(Err(error)));
    }
    match strata.iter().find(|(name, _)| name == typed) {
        Some((_, values)) => Ok(values.clone()),
        None => {
            let error = Error::new(Kind::Usage, words::no_column(flag, typed));
            Err(error.hint(words::COLUMN_BESIDE.clone()))
        }
    }
}

/// The columns of `--by` for such cases: name and banded values.
pub(super) fn strata_of(
    by: &[String],
    strata: &[(String, Vec<String>)],
    namings: &[&[String]],
) -> Result<Vec<(String, Vec<String>)>> {
    let one = |name: &String| {
        let values = of_cases("--by", name, strata, namings)?;
        Ok((name.clone(), banded(name, values)))
    };
    by.iter().map(one).collect()
}

/// Column, value and cases of every subgroup.
pub(super) fn groups(columns: &[(String, Vec<String>)]) -> Vec<(&String, String, Vec<usize>)> {
    let mut groups = Vec::new();
    for (column, values) in columns {
        let mut members: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
        for (case, value) in values.iter().enumerate() {
            members.entry(value).or_default().push(case);
        }
        groups.extend(members.into_iter().map(|(value, cases)| (column, value.clone(), cases)));
    }
    groups
}

/// The warning of so few patients, or cases where none are known.
pub(super) fn few(units: usize) -> Option<Note> {
    (units < SMALL).then(|| Note::warning("few-cases", words::FEW_CASES.clone()))
}

/// The values that make subgroups: as they are, or bands where they are many numbers: of twenty years for
/// ages, quarters of the cases otherwise. Cases without a value stay apart under no name.
pub(super) fn banded(name: &str, values: Vec<String>) -> Vec<String> {
    let numbers: Option<Vec<f64>> = values
        .iter()
        .filter(|value| !value.is_empty())
        .map(|value| super::pairs::number(value))
        .collect();
    let Some(mut sorted) = numbers else { return values };
    sorted.sort_by(f64::total_cmp);
    let mut different = sorted.clone();
    different.dedup();
    if different.len() <= MOST_VALUES {
        return values;
    }
    let is_age = name.rsplit(['/', '_', ' ']).next().is_some_and(|n| n.eq_ignore_ascii_case("age"));
    let starts: Vec<f64> = if is_age {
        AGES.to_vec()
    } else {
        let quarters =
            (0..4).map(|at| metrics::stats::quantile_sorted(&sorted, 0.25 * f64::from(at)));
        let mut starts: Vec<f64> = quarters.flatten().collect();
        starts.dedup();
        starts
    };
    let band = |value: &String| -> String {
        let Some(number) = super::pairs::number(value) else { return String::new() };
        let at = starts.partition_point(|start| *start <= number).max(1) - 1;
        match starts.get(at + 1) {
            // Padded, so that bands stand in their order.
            Some(next) if is_age => format!("{:02}–{:02}", starts[at], next - 1.0),
            None if is_age => format!("{:02}+", starts[at]),
            Some(next) => format!("{} · [{}, {next})", at + 1, starts[at]),
            None => format!("{} · ≥ {}", at + 1, starts[at]),
        }
    };
    values.iter().map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_numbers_become_bands() {
        let ages: Vec<String> =
            (0..30).map(|at| (3 * at).to_string()).chain([String::new()]).collect();
        let bands = banded("age", ages.clone());
        assert_eq!(
            [&bands[0], &bands[5], &bands[6], &bands[29], &bands[30]],
            ["00–17", "00–17", "18–39", "80+", ""]
        );
        let bands = banded("exposure", ages);
        assert_eq!((bands[0].as_str(), bands[29].as_str()), ("1 · [0, 21.75)", "4 · ≥ 65.25"));
        let few = ["1", "2", "1"].map(str::to_owned).to_vec();
        assert_eq!(banded("grade", few.clone()), few);
        let words = (0..20).map(|at| format!("s{at}")).collect::<Vec<_>>();
        assert_eq!(banded("scanner", words.clone()), words);
    }
}
