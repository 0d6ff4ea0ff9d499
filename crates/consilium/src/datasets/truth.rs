//! Cells of label tables.

use super::Truth;
use base::words::datasets as words;
use base::{Error, Kind};

/// 1, 0, -1 and empty, with or without decimals.
pub(super) fn mention(text: &str) -> Option<Truth> {
    match text.trim().parse::<f64>() {
        Ok(1.0) => Some(Truth::Positive),
        Ok(0.0) => Some(Truth::Negative),
        Ok(-1.0) => Some(Truth::Uncertain),
        Err(_) if text.trim().is_empty() => Some(Truth::Unknown),
        _ => None,
    }
}

/// A text, unknown where it is empty.
pub(super) fn text(cell: &str) -> Truth {
    if cell.trim().is_empty() { Truth::Unknown } else { Truth::Text(cell.into()) }
}

/// A value that the layout does not have.
pub(super) fn strange(label: &str, value: &str, line: usize) -> Error {
    Error::new(Kind::BrokenInput, words::strange_label(label, value, line))
}

/// Four numbers of a box; `None` where one is no finite number.
pub(super) fn numbers(cells: [&str; 4]) -> Option<[f64; 4]> {
    let mut numbers = [0.0; 4];
    for (number, cell) in numbers.iter_mut().zip(cells) {
        *number = cell.trim().parse().ok().filter(|value: &f64| value.is_finite())?;
    }
    Some(numbers)
}
