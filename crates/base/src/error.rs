//! The error pattern of the medical crates: what went wrong, with which file, and what to do.

use crate::text::{Lang, Text};
use std::fmt;
use std::path::{Path, PathBuf};

/// `Result` with the crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Whose turn it is after an error; the command line makes the exit code from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The input is broken or contradicts itself.
    BrokenInput,
    /// The input is sound, but this build cannot do it; the text names the missing thing.
    Unsupported,
    /// A limit that protects the machine was reached.
    Limit,
    /// The case does not fit what was asked of it (wrong modality, body part, view).
    Refused,
    /// The command was called wrongly.
    Usage,
    /// The file system or the system said no.
    Io,
    /// A defect of this program.
    Bug,
}

/// An error as a user reads it. Never carries patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: Kind,
    what: Text,
    path: Option<PathBuf>,
    hint: Option<Text>,
}

impl Error {
    /// An error of `kind`; `what` says what was expected and what was found.
    pub fn new(kind: Kind, what: Text) -> Error {
        Error(Box::new(Inner { kind, what, path: None, hint: None }))
    }

    /// Names the file it happened with. The innermost name wins.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Error {
        if self.0.path.is_none() {
            self.0.path = Some(path.as_ref().to_path_buf());
        }
        self
    }

    /// Says what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: Text) -> Error {
        self.0.hint = Some(hint);
        self
    }

    /// Whose turn it is now.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The file it happened with.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What went wrong, without file and hint.
    pub fn what(&self) -> &Text {
        &self.0.what
    }

    /// What to do.
    pub fn hint_text(&self) -> Option<&Text> {
        self.0.hint.as_ref()
    }

    /// File, what went wrong, and the hint on a line of its own.
    pub fn render(&self, lang: Lang) -> String {
        let mut out = String::new();
        if let Some(path) = &self.0.path {
            // An empty name would leave nothing before the colon.
            let name = path.display().to_string();
            out.push_str(if name.is_empty() { "\"\"" } else { &name });
            out.push_str(match lang {
                Lang::En => ": ",
                Lang::Zh => "：",
            });
        }
        out.push_str(self.0.what.get(lang));
        if let Some(hint) = &self.0.hint {
            out.push_str(match lang {
                Lang::En => "\nhint: ",
                Lang::Zh => "\n提示：",
            });
            out.push_str(hint.get(lang));
        }
        out
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Lang::En))
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_fault_and_remedy() {
        let error = Error::new(Kind::BrokenInput, Text::fixed("cut short", "文件不完整"))
            .at("inner.dcm")
            .at("outer.zip")
            .hint(Text::fixed("copy it again", "请重新复制"));
        assert_eq!(error.render(Lang::En), "inner.dcm: cut short\nhint: copy it again");
        assert_eq!(error.render(Lang::Zh), "inner.dcm：文件不完整\n提示：请重新复制");
    }

    #[test]
    fn an_empty_name_is_shown_as_one() {
        let error = Error::new(Kind::Io, Text::fixed("cannot read", "无法读取")).at("");
        assert_eq!(error.render(Lang::En), "\"\": cannot read");
        assert_eq!(error.render(Lang::Zh), "\"\"：无法读取");
    }
}
