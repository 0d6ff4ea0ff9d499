//! What a reader should know beside the value: warnings that travel with it to the report.

use crate::text::Text;

/// How much a note matters to the physician.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// May change what the result means.
    Warning,
    /// The result should not be used without looking into it.
    Serious,
}

/// One remark. `code` is stable across versions and languages (`monochrome1-inverted`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Note {
    /// Stable identifier, kebab-case.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What the user reads. Never carries patient data.
    pub text: Text,
}

impl Note {
    /// A remark worth knowing.
    pub fn info(code: &'static str, text: Text) -> Note {
        Note { code, severity: Severity::Info, text }
    }

    /// A remark that may change what the result means.
    pub fn warning(code: &'static str, text: Text) -> Note {
        Note { code, severity: Severity::Warning, text }
    }

    /// A remark that puts the result in doubt.
    pub fn serious(code: &'static str, text: Text) -> Note {
        Note { code, severity: Severity::Serious, text }
    }
}

/// A value and what should be known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted<T> {
    /// The value.
    pub value: T,
    /// Remarks, in the order in which they arose.
    pub notes: Vec<Note>,
}
