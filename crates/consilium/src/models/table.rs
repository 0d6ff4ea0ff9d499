//! Tables for a terminal, in which Chinese characters take two columns.

/// Rows of cells under a head, columns two spaces apart. `widest` bounds each column; longer cells
/// end in `…`.
pub fn table(head: &[&str], rows: &[Vec<String>], widest: usize) -> String {
    let columns = head.len();
    let cut: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| shorten(cell, widest)).collect()).collect();
    let width = |column: usize| {
        let cells = cut.iter().filter_map(|row| row.get(column)).map(|cell| columns_of(cell));
        cells.max().unwrap_or(0).max(columns_of(head[column]))
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from(" ");
        for (cell, width) in cells.zip(&widths) {
            line.push(' ');
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - columns_of(cell) + 1));
        }
        line.trim_end().to_owned() + "\n"
    };
    let mut out = line(&mut head.iter().copied());
    cut.iter().for_each(|row| out += &line(&mut row.iter().map(String::as_str)));
    out
}

/// Columns of a terminal that a text takes (East Asian Width, UAX #11: wide and full-width).
pub fn columns_of(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(c: char) -> usize {
    let wide = matches!(c as u32,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3
        | 0xf900..=0xfaff | 0xfe30..=0xfe4f | 0xff00..=0xff60 | 0xffe0..=0xffe6);
    if wide { 2 } else { 1 }
}

fn shorten(text: &str, widest: usize) -> String {
    if columns_of(text) <= widest {
        return text.to_owned();
    }
    let mut used = 1;
    let kept = text.chars().take_while(|c| {
        used += columns(*c);
        used <= widest
    });
    kept.collect::<String>() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_in_both_scripts() {
        let rows =
            [vec!["骨龄".to_owned(), "手".to_owned()], vec!["abc".to_owned(), "x".to_owned()]];
        assert_eq!(table(&["id", "部位"], &rows, 20), "  id    部位\n  骨龄  手\n  abc   x\n");
        assert_eq!(shorten("胸部X线片", 6), "胸部X…");
        assert_eq!(shorten("chest", 5), "chest");
    }
}
