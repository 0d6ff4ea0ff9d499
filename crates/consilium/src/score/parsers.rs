//! Predictions and truth on bytes alone, for tests that feed them anything.

use super::outcome::Outcome;
use super::pairs::Pairs;
use super::settings::{Policy, Settings, Task};
use super::target::Target;
use super::{detection, judge_tables, policies, table};
use base::Result;
use std::path::Path;

/// Resamples of a case: what is tried is how files are read, not how many draws are made.
const RESAMPLES: usize = 3;
/// Between predictions, truth and the table that stands for uncertain labels.
const RULE: &str = "=====\n";

/// A case in one text: a line `TASK POLICY GROUP BY`, `-` for none; the predictions; a line `=====`; the
/// truth; where the policy is `selftrained`, another such line and the other model's table. `None` where the
/// first line says nothing.
pub fn case(text: &str) -> Option<Result<Outcome>> {
    let (head, rest) = text.split_once('\n')?;
    let mut words = head.split(' ');
    let mut settings = Settings::plain(Task::parse(words.next()?)?);
    settings.resamples = RESAMPLES;
    settings.uncertain = match words.next()? {
        "-" => None,
        name => Some(Policy::ALL.into_iter().find(|policy| policy.name() == name)?),
    };
    let column = |word: Option<&str>| word.filter(|word| *word != "-").map(str::to_owned);
    settings.group = column(words.next());
    settings.by = column(words.next()).into_iter().collect();
    let mut parts = rest.split(RULE).map(str::as_bytes);
    let (predicted, truth) = (parts.next()?, parts.next().unwrap_or(b""));
    Some(match settings.task {
        Task::Detection => boxes(predicted, truth, &settings),
        Task::Segmentation => return None,
        _ => tables(predicted, truth, parts.next(), &settings),
    })
}

fn tables(
    predicted: &[u8],
    truth: &[u8],
    relabel: Option<&[u8]>,
    settings: &Settings,
) -> Result<Outcome> {
    let read = |name: &str, bytes: &[u8]| {
        let path = Path::new(name);
        table::parse(path, bytes).map_err(|error| error.at(path))
    };
    let predicted = read("predictions.csv", predicted)?;
    let truth = read("truth.csv", truth)?;
    let relabel = relabel.map(|bytes| read("other.csv", bytes)).transpose()?;
    let (predicted, truth, notes) = policies::applied(predicted, truth, relabel, settings)?;
    judge_tables(Pairs { notes, ..Pairs::new(predicted, truth, settings)? }, settings)
}

fn boxes(predicted: &[u8], truth: &[u8], settings: &Settings) -> Result<Outcome> {
    let target = Target::of_coco(Path::new("truth.json"), truth, settings)?;
    let found = target.with_bytes(Path::new("predictions.json"), predicted)?;
    Ok(detection::judge(target, &found, settings))
}
