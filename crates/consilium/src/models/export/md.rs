//! The document as Markdown (CommonMark with tables).

use super::doc::{Block, Inline};
use std::fmt::Write;

/// All blocks, one blank line between them.
pub fn text(blocks: &[Block]) -> String {
    let all: Vec<String> = blocks.iter().map(block).collect();
    all.join("\n")
}

fn block(block: &Block) -> String {
    match block {
        // Anchors of Markdown differ from host to host; a link target of our own is the same on all.
        Block::Heading { level, text, anchor } => {
            let marks = "#".repeat(usize::from(*level));
            format!("<a id=\"{anchor}\"></a>\n\n{marks} {}\n", escape(text))
        }
        Block::Paragraph(line) => inlines(line) + "\n",
        Block::List(items) => items.iter().map(|item| format!("- {}\n", inlines(item))).collect(),
        Block::Table { head, rows } => {
            let mut out = String::new();
            let cells = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
            out += &cells(head.iter().map(|cell| escape(cell)).collect());
            let _ = writeln!(out, "|{}", "---|".repeat(head.len()));
            for row in rows {
                out += &cells(row.iter().map(|cell| inlines(cell)).collect());
            }
            out
        }
    }
}

fn inlines(line: &[Inline]) -> String {
    let one = |inline: &Inline| match inline {
        Inline::Text(text) => escape(text),
        Inline::Strong(text) => strong(text),
        Inline::Link { to, text } => format!("[{}](<{to}>)", escape(text)),
    };
    line.iter().map(one).collect()
}

/// Colons and spaces at the end stay outside the marks: after them closing marks are none (CommonMark 6.2).
fn strong(text: &str) -> String {
    let inner = text.trim_end_matches([':', '：', ' ']);
    format!("**{}**{}", escape(inner), escape(&text[inner.len()..]))
}

/// Marks that Markdown would take for its own.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~') {
            out.push('\\');
        }
        out.push(if c == '\n' { ' ' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::export::doc::plain;

    #[test]
    fn strong_text_ends_where_markdown_sees_it() {
        let line = |label: &str| {
            text(&[Block::Paragraph(vec![Inline::Strong(label.into()), Inline::text("以")])])
        };
        assert_eq!(line("claim: "), "**claim**: 以\n");
        assert_eq!(line("综述："), "**综述**：以\n");
    }

    #[test]
    fn marks_in_texts_stay_texts() {
        let table = Block::Table {
            head: vec!["a|b".into()],
            rows: vec![
                vec![plain("x_y *z*")],
                vec![vec![Inline::Link { to: "https://a.b/c_d".into(), text: "c_d".into() }]],
            ],
        };
        let expected = "| a\\|b |\n|---|\n| x\\_y \\*z\\* |\n| [c\\_d](<https://a.b/c_d>) |\n";
        assert_eq!(text(&[table]), expected);
    }
}
