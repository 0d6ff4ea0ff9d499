//! What is wrong with a card.

use base::{Lang, Text};

/// One thing that is wrong, or doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the card, from 1; `None` when it is about the folder or the network.
    pub line: Option<usize>,
    /// What is wrong and what was expected.
    pub text: Text,
    /// The model can be used all the same.
    pub warning: bool,
}

impl Problem {
    /// Something that must be mended.
    pub fn new(line: Option<usize>, text: Text) -> Problem {
        Problem { line, text, warning: false }
    }

    /// Something that should be looked at.
    pub fn warning(line: Option<usize>, text: Text) -> Problem {
        Problem { line, text, warning: true }
    }

    /// `model.toml:12: …`, or the text alone.
    pub fn render(&self, lang: Lang) -> String {
        match self.line {
            Some(line) => format!("{}:{line}: {}", super::CARD, self.text.get(lang)),
            None => self.text.get(lang).to_owned(),
        }
    }
}
