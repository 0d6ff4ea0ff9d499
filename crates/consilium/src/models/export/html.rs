//! The document as one page that needs nothing else.

use super::doc::{Block, Inline};
use base::Lang;
use std::fmt::Write;

/// Legible on a screen and on paper, dark where the reader's system is; wide tables scroll on their own.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b2126;--soft:#5b6670;--line:#d5dbe0;--page:#fff;--head:#f2f5f7;--link:#0b5cad}
@media(prefers-color-scheme:dark){:root{--ink:#dfe5ea;--soft:#97a3ad;--line:#39424a;--page:#14181b;--head:#1e2429;--link:#7ab8ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:94rem;padding:1.5rem 1.25rem 4rem;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,'Segoe UI','PingFang SC','Hiragino Sans GB','Microsoft YaHei','Noto Sans CJK SC',sans-serif}
h1{font-size:1.9rem;line-height:1.25;margin:0 0 .5rem}
h2{font-size:1.35rem;margin:2.5rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.8rem 0 .3rem}
p,ul{margin:.4rem 0 .8rem;max-width:60rem}
ul{padding-left:1.25rem}
a{color:var(--link);overflow-wrap:anywhere}
.table{overflow-x:auto;margin:.6rem 0 1rem}
table{border-collapse:collapse;font-size:.86rem;line-height:1.42;min-width:100%}
th,td{text-align:left;vertical-align:top;overflow-wrap:anywhere;padding:.42rem .5rem;border-bottom:1px solid var(--line);min-width:4.6rem}
th{background:var(--head);font-weight:600;hyphens:auto}
td:first-child{font-weight:600;min-width:8.5rem}
td a{overflow-wrap:break-word}
td.long{min-width:12.5rem}
@media print{body{max-width:none;font-size:10pt}a{color:inherit}tr{break-inside:avoid}}
";

/// Cells from this length on get a wider column.
const LONG: usize = 48;

/// The page.
pub fn text(blocks: &[Block], lang: Lang) -> String {
    let title = blocks.iter().find_map(|block| match block {
        Block::Heading { level: 1, text, .. } => Some(text.as_str()),
        _ => None,
    });
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        lang.tag(),
        escape(title.unwrap_or_default()),
    );
    blocks.iter().for_each(|one| block(&mut out, one));
    out + "</body>\n</html>\n"
}

fn block(out: &mut String, block: &Block) {
    match block {
        Block::Heading { level, text, anchor } => {
            let (anchor, text) = (escape(anchor), escape(text));
            let _ = writeln!(out, "<h{level} id=\"{anchor}\">{text}</h{level}>");
        }
        Block::Paragraph(line) => {
            let _ = writeln!(out, "<p>{}</p>", inlines(line));
        }
        Block::List(items) => {
            *out += "<ul>\n";
            items.iter().for_each(|item| {
                let _ = writeln!(out, "<li>{}</li>", inlines(item));
            });
            *out += "</ul>\n";
        }
        Block::Table { head, rows } => {
            *out += "<div class=\"table\"><table>\n<thead><tr>";
            head.iter().for_each(|cell| {
                let _ = write!(out, "<th scope=\"col\">{}</th>", escape(cell));
            });
            *out += "</tr></thead>\n<tbody>\n";
            for row in rows {
                *out += "<tr>";
                for cell in row {
                    let class = if length(cell) >= LONG { " class=\"long\"" } else { "" };
                    let _ = write!(out, "<td{class}>{}</td>", inlines(cell));
                }
                *out += "</tr>\n";
            }
            *out += "</tbody>\n</table></div>\n";
        }
    }
}

fn length(line: &[Inline]) -> usize {
    let one = |inline: &Inline| match inline {
        Inline::Text(text) | Inline::Strong(text) | Inline::Link { text, .. } => {
            crate::models::table::columns_of(text)
        }
    };
    line.iter().map(one).sum()
}

fn inlines(line: &[Inline]) -> String {
    let one = |inline: &Inline| match inline {
        Inline::Text(text) => escape(text),
        Inline::Strong(text) => format!("<strong>{}</strong>", escape(text)),
        Inline::Link { to, text } => format!("<a href=\"{}\">{}</a>", escape(to), escape(text)),
    };
    line.iter().map(one).collect()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\n' => out += "<br>",
            c => out.push(c),
        }
    }
    out
}
