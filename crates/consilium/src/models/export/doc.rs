//! A document as both formats understand it.

/// A piece of the document.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A heading, its level (1 to 3) and where links can lead.
    Heading { level: u8, text: String, anchor: String },
    /// A paragraph.
    Paragraph(Vec<Inline>),
    /// A list.
    List(Vec<Vec<Inline>>),
    /// A table: head and rows.
    Table { head: Vec<String>, rows: Vec<Vec<Vec<Inline>>> },
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Inline {
    /// Plain text.
    Text(String),
    /// Text that matters more.
    Strong(String),
    /// A link and what it is called.
    Link { to: String, text: String },
}

impl Inline {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Inline {
        Inline::Text(text.into())
    }
}

/// A line of plain text.
pub fn plain(text: impl Into<String>) -> Vec<Inline> {
    vec![Inline::text(text)]
}
