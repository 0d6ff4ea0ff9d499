//! `compare`: several models on the same cases, with paired tests and rankings.

mod areas;
mod boxes;
mod cases;
mod grades;
mod page;
mod side;
mod texts;
mod wholes;

pub use side::{Pair, SideBySide};

use super::lesions::Lesions;
use super::pairs::Pairs;
use super::report::holds_labels;
use super::segmentation::Cases;
use super::settings::{Settings, Task};
use super::target::Target;
use super::{lesions, masks, masks_of, patients};
use crate::World;
use crate::cli::{Arguments, print};
use crate::read::{Common, io_error, write_file};
use areas::Areas;
use base::words::score as words;
use base::{Error, Kind, Result};
use boxes::Boxes;
use metrics::compare::Units;
use std::io::Write;
use std::path::{Path, PathBuf};
use texts::{FoundLabels, Reports};

/// Compares what was typed: predictions of two or more models, then the truth.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let settings = Settings::of(typed, common)?;
    let [models @ .., truth] = typed.free.as_slice() else {
        return Err(Error::new(Kind::Usage, words::THREE_INPUTS.clone()));
    };
    if models.len() < 2 {
        return Err(Error::new(Kind::Usage, words::THREE_INPUTS.clone()));
    }
    let found = compare(models, Path::new(truth), &settings)?;
    let json = found.to_json();
    if let Some(folder) = typed.value("--out").map(PathBuf::from) {
        world.make_folder(&folder).map_err(|error| io_error(&error, &folder))?;
        let text = serde_json::to_string_pretty(&json).unwrap_or_default() + "\n";
        let page = page::page(&found, common.lang);
        write_file(world, &folder.join("comparison.csv"), found.to_csv().as_bytes())?;
        write_file(world, &folder.join("comparison.html"), page.as_bytes())?;
        write_file(world, &folder.join("comparison.json"), text.as_bytes())?;
    }
    if common.json {
        return print(out, &format!("{json}\n"));
    }
    print(out, &found.to_text(common.lang))
}

/// Compares models by the paths of their predictions.
pub fn compare(models: &[String], truth: &Path, settings: &Settings) -> Result<SideBySide> {
    let mut found = SideBySide::new(models, settings);
    let paths = || models.iter().map(Path::new);
    let tables =
        || paths().map(|model| Pairs::read(model, truth, settings)).collect::<Result<Vec<Pairs>>>();
    match settings.task {
        Task::Classification => Areas::new(tables()?, settings)?.all(&mut found)?,
        Task::Regression => Several(tables()?, cases::errors).all(&mut found)?,
        Task::Segmentation => {
            let judged = paths().map(|model| masks_of(model, truth, settings));
            let judged = Several(judged.collect::<Result<Vec<_>>>()?, cases::masks);
            found.settings = judged.0[0].settings(settings);
            judged.all(&mut found)?;
        }
        Task::Detection if paths().all(|model| masks::are_folders(model, truth)) => {
            let read = paths().map(|model| lesions::read(model, truth, settings));
            Several(read.collect::<Result<Vec<_>>>()?, boxes::lesion_maps).all(&mut found)?;
        }
        Task::Detection => {
            let target = Target::open(truth, settings)?;
            found.settings = target.settings(settings);
            let read = paths().map(|model| target.with(model)).collect::<Result<Vec<_>>>()?;
            Boxes::new(target, read).all(&mut found)?;
        }
        Task::Report => {
            let pairs = tables()?;
            match holds_labels(&pairs[0]) {
                true => FoundLabels::new(&pairs, settings)?.all(&mut found)?,
                false => Reports::new(&pairs, settings)?.all(&mut found)?,
            }
        }
    }
    Ok(found)
}

/// One model's answers to the cases, which know their patients and subgroups.
trait Answers: Sized {
    /// Number of cases, and their patients.
    fn cases(&self) -> (usize, &Units);

    /// Column and each case's value.
    fn subgroups(&self) -> &[(String, Vec<String>)];

    /// The answers to some of the cases alone.
    fn only(&self, members: &[usize]) -> Self;
}

/// Tables, masks and maps know their patients and subgroups under the same names.
macro_rules! answers {
    ($($own:ty),*) => {$(
        impl Answers for $own {
            fn cases(&self) -> (usize, &Units) {
                (self.units.of_case().len(), &self.units)
            }

            fn subgroups(&self) -> &[(String, Vec<String>)] {
                &self.subgroups
            }

            fn only(&self, members: &[usize]) -> $own {
                self.of(members)
            }
        }
    )*};
}

answers!(Pairs, Cases, Lesions);

/// Several models' answers, and how they are compared. All of them are to the same cases, which are read
/// off the first.
struct Several<T>(Vec<T>, fn(&[T], &Settings, &mut SideBySide) -> Result<()>);

impl<T: Answers> Models for Several<T> {
    fn cases(&self) -> (usize, &Units) {
        self.0[0].cases()
    }

    fn subgroups(&self) -> &[(String, Vec<String>)] {
        self.0[0].subgroups()
    }

    fn of(&self, members: &[usize]) -> Several<T> {
        Several(self.0.iter().map(|model| model.only(members)).collect(), self.1)
    }

    fn compare(&self, settings: &Settings, out: &mut SideBySide) -> Result<()> {
        (self.1)(&self.0, settings, out)
    }
}

/// Several models' answers to the same cases.
trait Models: Sized {
    /// Number of cases, and their patients.
    fn cases(&self) -> (usize, &Units);

    /// Column and each case's value.
    fn subgroups(&self) -> &[(String, Vec<String>)];

    /// The answers to some of the cases alone.
    fn of(&self, members: &[usize]) -> Self;

    /// Says what differs between them.
    fn compare(&self, settings: &Settings, out: &mut SideBySide) -> Result<()>;

    /// Compares all cases, then those of each subgroup, whose patients alone are drawn.
    fn all(&self, out: &mut SideBySide) -> Result<()> {
        self.whole(out)?;
        out.notes.extend(patients::few(out.units));
        for (column, value, members) in patients::groups(self.subgroups()) {
            let own = self.of(&members);
            let mut found = SideBySide::new(&out.models, &out.settings);
            own.whole(&mut found)?;
            found.notes.extend(patients::few(own.cases().1.len()));
            out.subgroups.push((column.clone(), value, found));
        }
        Ok(())
    }

    /// Compares the cases there are.
    fn whole(&self, out: &mut SideBySide) -> Result<()> {
        let (cases, units) = self.cases();
        (out.cases, out.units) = (cases, units.len());
        if let [pairs, ..] = self.tables() {
            out.notes.extend(pairs.notes.iter().cloned());
        }
        self.compare(&out.settings.clone(), out)?;
        out.adjust();
        Ok(())
    }

    /// The tables they were read from, where there are any.
    fn tables(&self) -> &[Pairs] {
        &[]
    }
}
