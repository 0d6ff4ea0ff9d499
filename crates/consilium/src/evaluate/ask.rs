//! What was asked of `evaluate`.

use crate::cli::Arguments;
use crate::read::Common;
use crate::score::{Policy, Settings, Task};
use base::words::evaluate as words;
use base::words::judge;
use base::{Error, Kind, Result};

/// The flags, read.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// `KIND:PATH`.
    pub place: String,
    /// Only the cases of this official split.
    pub split: Option<String>,
    /// Models by name or folder.
    pub models: Vec<String>,
    /// `PATH` or `ID=PATH`.
    pub weights: Vec<String>,
    /// `--labels`, cut at commas.
    pub labels: Vec<String>,
    /// Volumes: mirrored copies too.
    pub mirror: bool,
    /// Cases to a file of predictions.
    pub shard: Option<usize>,
    /// How to judge; the task is set later.
    pub settings: Settings,
    /// Shared by all commands.
    pub common: Common,
}

impl Asked {
    /// Errors of kind `Usage`.
    pub fn of(typed: &Arguments, common: &Common) -> Result<Asked> {
        let missing = |text: &base::Text| Error::new(Kind::Usage, text.clone());
        let place = typed.value("--dataset").or(typed.free.first().map(String::as_str));
        let place = place.ok_or_else(|| missing(&words::WHICH_DATASET))?;
        let models = typed.list("--model");
        if models.is_empty() {
            return Err(missing(&words::WHICH_MODEL));
        }
        let settings = Settings::of_task(Task::Classification, typed, common)?;
        if settings.uncertain == Some(Policy::MultiClass) {
            return Err(missing(&judge::ONE_SCORE));
        }
        Ok(Asked {
            place: place.to_owned(),
            split: typed.value("--split").map(str::to_owned),
            models,
            weights: typed.values("--weights"),
            labels: typed.list("--labels"),
            mirror: typed.has("--tta"),
            shard: typed.number("--shard")?,
            settings,
            common: common.clone(),
        })
    }

    /// What changes predictions, as the record keeps it.
    pub fn prediction_settings(&self) -> Vec<(String, String)> {
        let mut settings = vec![("isa".to_owned(), kernels::cpu_name().to_owned())];
        let switches = [
            ("despite-header", self.common.despite_header),
            ("exact", self.common.exact),
            ("tta", self.mirror),
        ];
        let on = switches.into_iter().filter(|(_, on)| *on);
        settings.extend(on.map(|(name, _)| (name.to_owned(), "true".to_owned())));
        settings.extend(crate::tune::setting());
        settings
    }
}
