//! Films: every case's scores from one model. Films are decoded on threads of their own and read
//! side by side; what comes out does not depend on either.

use super::ask::Asked;
use super::findings::{self, Matched};
use super::shards::{Answer, Shards, Status};
use super::source::{Source, joined};
use crate::World;
use crate::datasets::{Case, Truth};
use crate::read::{Panel, weights_given};
use crate::score::Task;
use crate::weights::hash as sha256;
use base::words::evaluate as words;
use base::{Error, Kind, Reading, Result, Text};
use imaging::{Limits, Study};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use zoo::Task as ModelTask;

/// A model for films, ready.
pub(super) struct FilmModel {
    panel: Panel,
    lanes: Vec<Panel>,
    /// What is judged.
    pub task: Task,
    /// Names of its outputs.
    pub outputs: Vec<String>,
    /// Which of them belong to which label.
    pub matched: Matched,
}

impl FilmModel {
    /// Loads the model and finds what it has in common with the data set.
    ///
    /// Errors: weights that are not there; a model that gives no scores, or of another part of the
    /// body, or nothing in common (`Refused`).
    pub fn open(
        world: &dyn World,
        asked: &Asked,
        name: &str,
        source: &Source,
    ) -> Result<FilmModel> {
        let models = [name.to_owned()];
        let weights = weights_given(world, &models, &asked.weights);
        let panel = Panel::load(&models, &weights, &asked.common.compute())?;
        let loaded = panel
            .loaded()
            .first()
            .ok_or_else(|| Error::new(Kind::Usage, words::WHICH_MODEL.clone()))?;
        let card = loaded.system().card();
        super::bind::fits(source.kind, &card)?;
        let task = match card.task {
            ModelTask::Classification => Task::Classification,
            ModelTask::Regression => Task::Regression,
            _ => return Err(Error::new(Kind::Refused, words::NO_SCORES.clone())),
        };
        let mut outputs: Vec<String> =
            card.labels.iter().flatten().map(|code| code.id.to_owned()).collect();
        let grade = loaded.system().grade();
        outputs.extend(grade.map(str::to_owned));
        let usable = |label: usize| {
            of_task(source, label, task) || grade.is_some() && holds_grades(source, label)
        };
        let matched = findings::matched(&source.set.labels, &usable, &outputs, &asked.labels)?;
        let lanes = panel.lanes(source.cases().len());
        Ok(FilmModel { panel, lanes, task, outputs, matched })
    }

    /// The model.
    pub fn loaded(&self) -> &zoo::Loaded {
        &self.panel.loaded()[0]
    }

    /// What the model says of some cases, in their order. `told` is called for every case.
    pub fn answers(
        &mut self,
        asked: &Asked,
        source: &Source,
        cases: &[Case],
        shards: &Shards,
        told: &(dyn Fn() + Sync),
    ) -> Vec<Answer> {
        let films: Vec<(usize, usize)> = cases
            .iter()
            .enumerate()
            .flat_map(|(case, of)| (0..of.files.len()).map(move |film| (case, film)))
            .collect();
        let last = |(case, film): (usize, usize)| film + 1 == cases[case].files.len();
        let taken = AtomicUsize::new(0);
        let read = Mutex::new(vec![None; films.len()]);
        let lanes: Vec<&mut Panel> = match self.lanes.is_empty() {
            true => vec![&mut self.panel],
            false => self.lanes.iter_mut().collect(),
        };
        let decoders = asked.common.threads.div_ceil(4).min(films.len());
        let (send, receive) = sync_channel(1);
        let receive = Mutex::new(receive);
        std::thread::scope(|scope| {
            for _ in 0..decoders {
                let (send, taken, films) = (send.clone(), &taken, &films);
                scope.spawn(move || {
                    loop {
                        let at = taken.fetch_add(1, Ordering::Relaxed);
                        let Some(&(case, film)) = films.get(at) else { return };
                        if send.send((at, decode(source, &cases[case], film))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(send);
            for panel in lanes {
                let (receive, read, films) = (&receive, &read, &films);
                scope.spawn(move || {
                    loop {
                        let next = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok((at, (hash, study))) = next else { return };
                        let film = Film { hash, outcome: ask(panel, asked, study, shards) };
                        read.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(film);
                        if last(films[at]) {
                            told();
                        }
                    }
                });
            }
        });
        let mut read = read.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter();
        cases
            .iter()
            .map(|case| {
                let films = read.by_ref().take(case.files.len()).flatten().collect();
                answer(case, films, shards.columns().len())
            })
            .collect()
    }
}

/// Whether a label's truth is of a kind the task judges.
fn of_task(source: &Source, label: usize, task: Task) -> bool {
    let mut truths = source.cases().iter().filter_map(|case| case.truth.get(label));
    let values = truths.clone().any(|truth| matches!(truth, Truth::Value(_)));
    let texts = truths.any(|truth| matches!(truth, Truth::Text(_)));
    !texts && values == (task == Task::Regression)
}

/// Whether a label's truth is a grade: whole numbers, none below 0.
fn holds_grades(source: &Source, label: usize) -> bool {
    let mut truths = source.cases().iter().filter_map(|case| case.truth.get(label));
    truths.all(|truth| match truth {
        Truth::Value(value) => *value >= 0.0 && value.fract() == 0.0,
        Truth::Uncertain | Truth::Text(_) => false,
        Truth::Unknown | Truth::Negative | Truth::Positive => true,
    })
}

/// What came of one film.
#[derive(Clone)]
struct Film {
    hash: String,
    outcome: Outcome,
}

#[derive(Clone)]
enum Outcome {
    Scores(Vec<Option<f32>>),
    Refused(Text),
    Failed(Text),
}

fn decode(source: &Source, case: &Case, film: usize) -> (String, Result<Study>) {
    let path = &case.files[film];
    let bytes = match source.bytes(path) {
        Ok(bytes) => bytes,
        Err(error) => return (String::new(), Err(error)),
    };
    let hash = sha256::of_bytes(&bytes);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    (hash, imaging::read_bytes(bytes, &name, &Limits::default()))
}

fn ask(panel: &mut Panel, asked: &Asked, study: Result<Study>, shards: &Shards) -> Outcome {
    let said = study.and_then(|study| panel.read(&study, 0, asked.common.despite_header));
    let reading: Reading = match said {
        Ok((readings, _)) => match readings.into_iter().next() {
            Some(reading) => reading,
            None => return Outcome::Failed(words::NO_ANSWER.clone()),
        },
        Err(error) if error.kind() == Kind::Refused => {
            return Outcome::Refused(error.what().clone());
        }
        Err(error) => return Outcome::Failed(error.what().clone()),
    };
    if let Some(refusal) = reading.refused {
        return Outcome::Refused(refusal.reason);
    }
    let score = |name: &String| {
        let finding = reading.findings.iter().find(|finding| finding.code.id == name);
        let value = reading.values.iter().find(|value| value.id == name);
        finding.map(|finding| finding.score).or(value.map(|value| value.value as f32))
    };
    Outcome::Scores(shards.columns().iter().map(score).collect())
}

/// A case's answer from those of its films: the mean of each score over the films that were read, as
/// MURA scores a study (Rajpurkar et al. 2018).
fn answer(case: &Case, films: Vec<Film>, columns: usize) -> Answer {
    let hashes: Vec<String> = films.iter().map(|film| film.hash.clone()).collect();
    let mut sums = vec![(0.0f64, 0usize); columns];
    let (mut read, mut refused, mut why) = (0, 0, None);
    for film in &films {
        match &film.outcome {
            Outcome::Scores(scores) => {
                read += 1;
                for (sum, score) in sums.iter_mut().zip(scores) {
                    if let Some(score) = score {
                        *sum = (sum.0 + f64::from(*score), sum.1 + 1);
                    }
                }
            }
            Outcome::Refused(text) => {
                refused += 1;
                why = why.or(Some(text.clone()));
            }
            Outcome::Failed(text) => why = Some(text.clone()),
        }
    }
    let all = films.len();
    let status = match read {
        0 if all > 0 && refused == all => Status::Refused,
        0 => Status::Failed,
        n if n < all => Status::Partly,
        _ => Status::Answered,
    };
    let why = match status {
        Status::Partly => why.map(|why| words::films_left_out(read, all, &why)),
        Status::Failed => Some(why.unwrap_or_else(|| words::NO_FILE.clone())),
        _ => why,
    };
    let mean = |(sum, count): (f64, usize)| (count > 0).then(|| (sum / count as f64) as f32);
    Answer {
        id: case.id.clone(),
        patient: case.patient.clone(),
        status,
        why,
        files: [all as i32, read as i32],
        input_sha256: joined(&hashes),
        mask: None,
        scores: sums.into_iter().map(mean).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_study_has_the_mean_of_its_films_and_says_which_were_not_read() {
        let case = Case { id: "s".into(), files: vec!["a".into(); 3], ..Case::default() };
        let film = |outcome| Film { hash: "h".into(), outcome };
        let scores = |score| film(Outcome::Scores(vec![Some(score), None]));
        let refused = || film(Outcome::Refused(Text::fixed("lateral", "侧位")));
        let failed = || film(Outcome::Failed(Text::fixed("cut", "不完整")));
        let of = |films| answer(&case, films, 2);
        let found = of(vec![scores(0.25), scores(0.75), scores(0.5)]);
        assert_eq!((found.status, found.scores), (Status::Answered, vec![Some(0.5), None]));
        let found = of(vec![scores(0.25), refused(), failed()]);
        assert_eq!((found.status, found.files), (Status::Partly, [3, 1]));
        assert_eq!(found.scores[0], Some(0.25));
        assert_eq!(found.why.unwrap().en(), "1 of 3 films read; cut");
        assert_eq!(of(vec![refused(), refused()]).status, Status::Refused);
        assert_eq!(of(vec![refused(), failed()]).status, Status::Failed);
        let none = of(Vec::new());
        assert_eq!((none.status, none.why.unwrap()), (Status::Failed, words::NO_FILE.clone()));
    }
}
