//! What was probably meant.

/// The closest of several names, at most two edits away.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |other: &'a str| {
        // Longer names cannot be within two edits; this bounds the work on hostile input.
        (other.chars().count().abs_diff(name.chars().count()) <= 2)
            .then(|| (distance(name, other), other))
    };
    names.into_iter().filter_map(near).filter(|(edits, _)| *edits <= 2).min().map(|(_, n)| n)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let names = ["sigmoid", "softmax", "largest"];
        assert_eq!(nearest("sigmiod", names), Some("sigmoid"));
        assert_eq!(nearest("softmaxx", names), Some("softmax"));
        assert_eq!(nearest("argmax", names), None);
        assert_eq!(nearest("", names), None);
    }
}
