//! What may be asked for beside a label map.

use super::memory;
use crate::cli::Arguments;
use base::words::segmentation as own;
use base::{Error, Kind, Result};
use imaging::segmentation::Form;
use std::path::PathBuf;

/// Settings of `read` that concern volumes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VolumeOptions {
    /// DICOM segmentations to write where the case is a DICOM series.
    pub forms: Vec<Form>,
    /// DICOM results carry the patient's and the study's identifying attributes.
    pub with_patient: bool,
    /// Order statistics and shape of every structure.
    pub statistics: bool,
    /// The shares of all classes as a 4-D file.
    pub probabilities: bool,
    /// Systems that have a faster, coarser way take it.
    pub fast: bool,
    /// Label maps of the patients, of localizers or of the cases themselves: a file, or a folder with one a case.
    pub labels: Option<PathBuf>,
    /// Structures to keep; all when empty.
    pub structures: Vec<String>,
    /// Bytes that a case may take; what the system has when `None`.
    pub memory_limit: Option<u64>,
}

impl VolumeOptions {
    /// From what was typed. Errors of kind `Usage`.
    pub fn new(parsed: &Arguments) -> Result<VolumeOptions> {
        Ok(VolumeOptions {
            forms: forms(parsed)?,
            with_patient: parsed.has("--with-patient"),
            statistics: parsed.has("--statistics"),
            probabilities: parsed.has("--probabilities"),
            fast: parsed.has("--fast"),
            labels: given(parsed)?,
            structures: parsed.list("--roi"),
            memory_limit: parsed.value("--memory-limit").map(memory::parse).transpose()?.flatten(),
        })
    }
}

/// `--localizer` or `--masks`: what is meant is said by the system.
fn given(parsed: &Arguments) -> Result<Option<PathBuf>> {
    match (parsed.value("--localizer"), parsed.value("--masks")) {
        (Some(_), Some(_)) => Err(Error::new(Kind::Usage, own::ONE_LABEL_MAP.clone())),
        (one, other) => Ok(one.or(other).map(PathBuf::from)),
    }
}

/// `--seg binary,labelmap`; binary when nothing is said.
fn forms(parsed: &Arguments) -> Result<Vec<Form>> {
    let mut forms = Vec::new();
    let named = parsed.list("--seg");
    for name in &named {
        let form = match name.as_str() {
            "binary" => Form::Binary,
            "labelmap" => Form::LabelMap,
            "none" if named.len() == 1 => return Ok(forms),
            _ => return Err(Error::new(Kind::Usage, own::unknown_form(name))),
        };
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    if named.is_empty() {
        forms.push(Form::Binary);
    }
    Ok(forms)
}
