//! Errors of the engine: a kind to act on, a message that names what was expected and found.

use std::fmt;
use std::path::{Path, PathBuf};

/// `Result` with the engine's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What an error is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file cannot be read.
    Io,
    /// The file is broken or contradicts itself.
    BrokenFile,
    /// The file is sound, but this build cannot read it.
    Unsupported,
    /// A limit that protects the machine was reached.
    Limit,
    /// Tensors are missing, have other shapes, or are left over.
    WeightsMismatch,
    /// Shapes do not fit together.
    Shape,
}

/// An error of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    message: String,
    path: Option<PathBuf>,
    node: Option<String>,
}

impl Error {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, message: message.into(), path: None, node: None }))
    }

    /// Names the file. The innermost name wins.
    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Error {
        self.0.path.get_or_insert_with(|| path.as_ref().to_path_buf());
        self
    }

    /// Names the node of the graph. The innermost name wins.
    #[must_use]
    pub fn in_node(mut self, node: impl Into<String>) -> Error {
        self.0.node.get_or_insert_with(|| node.into());
        self
    }

    /// What it is about.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The message without file and node.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The node of the graph.
    pub fn node(&self) -> Option<&str> {
        self.0.node.as_deref()
    }

    /// The file.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}: ", path.display())?;
        }
        if let Some(node) = &self.0.node {
            write!(f, "{node}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}
