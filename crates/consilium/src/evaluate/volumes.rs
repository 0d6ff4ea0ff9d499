//! Volumes: every case's label map from one model, brought to the numbers of the data set's labels.

use super::ask::Asked;
use super::shards::{Answer, Status};
use super::source::{Source, Unpacked, joined};
use crate::World;
use crate::datasets::Case;
use crate::read::{Request, place, safe, unique};
use crate::segment::{self, Ready, Segmented, VolumeModel};
use crate::weights::hash as sha256;
use base::words::evaluate as words;
use base::words::regions as region_words;
use base::{Error, Kind, Result, Text, Volume, Voxels, kebab};
use imaging::volumes::nifti::{self, Level};
use kernels::Pool;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

/// Folder of the label maps in a model's folder.
pub(super) const MASKS: &str = "masks";

/// What the numbers in masks mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Numbering {
    /// The set's labels by name; the model's are matched with them.
    Named(Vec<(u32, String)>),
    /// There are no names; numbers stand for themselves. Those to judge; all when empty.
    Given(Vec<u32>),
}

impl Numbering {
    /// From `--labels` (`N` or `N=NAME`), else from the data set.
    pub fn of(source: &Source, asked: &[String]) -> Result<Numbering> {
        let own = source.mask_labels();
        if asked.is_empty() {
            return Ok(match own.is_empty() {
                true => Numbering::Given(Vec::new()),
                false => Numbering::Named(own),
            });
        }
        let mut named = Vec::new();
        for text in asked {
            let (number, name) = text.split_once('=').unwrap_or((text, ""));
            let known: Vec<String> = own.iter().map(|(at, name)| format!("{at}={name}")).collect();
            let number = number.trim().parse().ok().filter(|at| (1..=65_535).contains(at));
            let number = number
                .ok_or_else(|| Error::new(Kind::Usage, words::no_such_label(text, &known)))?;
            let from_set = own.iter().find(|(at, _)| *at == number).map(|(_, name)| name.as_str());
            let name = if name.is_empty() { from_set } else { Some(name.trim()) };
            named.push((number, name.map(str::to_owned)));
        }
        named.sort();
        named.dedup_by_key(|(number, _)| *number);
        let all: Option<Vec<(u32, String)>> =
            named.iter().map(|(number, name)| Some((*number, name.clone()?))).collect();
        Ok(match all {
            Some(named) => Numbering::Named(named),
            None => Numbering::Given(named.into_iter().map(|(number, _)| number).collect()),
        })
    }

    /// For the record of the run.
    pub fn to_json(&self) -> Json {
        match self {
            Numbering::Named(named) => {
                named.iter().map(|(number, name)| json!([number, name])).collect()
            }
            Numbering::Given(numbers) => json!(numbers),
        }
    }

    /// From the model's labels to the set's. Errors of kind `Refused` when none is shared.
    fn map(&self, structures: &[(String, Text, Vec<u16>)]) -> Result<BTreeMap<u16, u16>> {
        let mut map = BTreeMap::new();
        match self {
            Numbering::Given(numbers) => {
                let own = structures.iter().flat_map(|(_, _, labels)| labels.iter().copied());
                let kept = |label: &u16| numbers.is_empty() || numbers.contains(&u32::from(*label));
                map.extend(own.filter(kept).map(|label| (label, label)));
            }
            Numbering::Named(named) => {
                for (number, name) in named {
                    let found = structures.iter().find(|(id, shown, _)| same(id, shown, name));
                    let labels = found.map_or(&[][..], |(_, _, labels)| labels);
                    map.extend(labels.iter().map(|label| (*label, *number as u16)));
                }
            }
        }
        if !map.is_empty() {
            return Ok(map);
        }
        let set: Vec<String> = match self {
            Numbering::Named(named) => {
                named.iter().map(|(at, name)| format!("{at}={name}")).collect()
            }
            Numbering::Given(numbers) => numbers.iter().map(u32::to_string).collect(),
        };
        let model: Vec<String> = structures.iter().map(|(id, _, _)| id.clone()).collect();
        let error = Error::new(Kind::Refused, words::nothing_common(&set, &model));
        Err(error.hint(words::labels_hint("1=liver,2=spleen")))
    }
}

/// Whether a structure of a model is what the set calls `name`.
fn same(id: &str, shown: &Text, name: &str) -> bool {
    let known = |name: &str| base::structure(name).map(|structure| structure.id);
    kebab(id) == kebab(name) && name.is_ascii()
        || shown.en() == name
        || shown.zh() == name
        || known(name).is_some_and(|named| known(id) == Some(named))
}

/// A model for volumes, ready.
pub(super) struct VolumeRun {
    /// The model.
    pub model: VolumeModel,
    /// What the set's labels are called.
    pub numbering: Numbering,
    /// File name of each case's label map.
    names: Vec<String>,
    pool: Pool,
}

impl VolumeRun {
    /// Loads the model. Errors: weights that are not there, a data set without masks (`Refused`).
    pub fn open(asked: &Asked, name: &str, source: &Source) -> Result<VolumeRun> {
        if source.cases().iter().all(|case| case.mask.is_none()) {
            return Err(Error::new(Kind::Refused, words::NO_MASKS.clone()));
        }
        let asked_for = !asked.labels.is_empty() || !asked.settings.regions.is_empty();
        if let (false, Some(why)) = (asked_for, &source.set.regions.unclear) {
            let error = Error::new(Kind::Usage, why.clone());
            return Err(error.hint(region_words::REGIONS_HINT.clone()));
        }
        let request = Request {
            inputs: Vec::new(),
            models: vec![name.to_owned()],
            weights: asked.weights.clone(),
            mirror: asked.mirror,
            volume: segment::VolumeOptions::default(),
            common: crate::read::Common { progress: false, ..asked.common.clone() },
        };
        let mut taken = BTreeSet::new();
        let names =
            source.cases().iter().map(|case| unique(&safe(&case.id), &mut taken) + ".nii.gz");
        Ok(VolumeRun {
            model: VolumeModel::open(request)?,
            numbering: Numbering::of(source, &asked.labels)?,
            names: names.collect(),
            pool: Pool::new(asked.common.threads),
        })
    }

    /// What the model says of the cases from `first` on; label maps go to `folder`.
    ///
    /// Errors: a map cannot be written, or nothing is shared with the set.
    pub fn answers(
        &mut self,
        world: &dyn World,
        folder: &Path,
        source: &Source,
        cases: &[Case],
        first: usize,
        told: &dyn Fn(),
    ) -> Result<Vec<Answer>> {
        let unpacked = &Unpacked::new(world, folder);
        std::thread::scope(|scope| {
            let (send, receive) = sync_channel(0);
            let (signals, mut helper) = self.model.ahead();
            scope.spawn(move || {
                for case in cases {
                    let on_disk = |path: &PathBuf| source.on_disk(world, path, unpacked);
                    let own = case.files.iter().chain(&case.mask).map(on_disk);
                    let hashes = own.map(hash).collect();
                    let files: Result<Vec<PathBuf>> = case.files.iter().map(on_disk).collect();
                    let ready = Ready::decode(&case.id, files, &mut helper);
                    if send.send((case, hashes, ready)).is_err() {
                        return;
                    }
                }
            });
            let mut answers = Vec::new();
            for (case, hashes, ready) in receive {
                let name = self.names[first + answers.len()].clone();
                let said = self.model.read(ready, &signals);
                answers.push(self.answer(world, folder, case, &name, hashes, said)?);
                told();
            }
            Ok(answers)
        })
    }

    fn answer(
        &self,
        world: &dyn World,
        folder: &Path,
        case: &Case,
        name: &str,
        hashes: Vec<String>,
        said: Result<Segmented>,
    ) -> Result<Answer> {
        let files = case.files.len() as i32;
        let mut answer = Answer {
            id: case.id.clone(),
            patient: case.patient.clone(),
            status: Status::Answered,
            why: None,
            files: [files, files],
            input_sha256: joined(&hashes),
            mask: None,
            scores: Vec::new(),
        };
        match said {
            Ok(said) => {
                let map = self.numbering.map(&said.structures)?;
                let mask = renumbered(&said.map, &map);
                place(world, folder, &[name], |aside| {
                    let forms = said.forms.as_ref();
                    nifti::write(&aside.join(name), &mask, forms, Level::Small, &self.pool)
                })?;
                let given: BTreeSet<u16> = map.values().copied().collect();
                let given: Vec<String> = given.iter().map(u16::to_string).collect();
                let hash = sha256::of_file(&folder.join(name), false)?.sha256;
                answer.mask = Some([name.to_owned(), hash, given.join(",")]);
            }
            Err(error) => {
                let refused = error.kind() == Kind::Refused;
                answer.status = if refused { Status::Refused } else { Status::Failed };
                answer.files[1] = 0;
                answer.why = Some(error.what().clone());
            }
        }
        Ok(answer)
    }
}

/// SHA-256 of a file; empty for one that cannot be read.
fn hash(path: Result<PathBuf>) -> String {
    let found = path.and_then(|path| sha256::of_file(&path, false));
    found.map(|found| found.sha256).unwrap_or_default()
}

/// A label map with other numbers; what is not in `map` becomes background.
fn renumbered(map: &Volume, numbers: &BTreeMap<u16, u16>) -> Volume {
    let labels = zoo::volume_system::labels_of(map);
    let new = |label: &u16| numbers.get(label).copied().unwrap_or(0);
    let small = numbers.values().all(|label| *label <= 255);
    let voxels = match small {
        true => Voxels::U8(labels.iter().map(|label| new(label) as u8).collect()),
        false => Voxels::U16(labels.iter().map(new).collect()),
    };
    map.on_same_grid(voxels).unwrap_or_else(|| map.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Affine, Grid};

    fn structures() -> Vec<(String, Text, Vec<u16>)> {
        let one = |id: &str, labels: &[u16]| {
            (
                id.to_owned(),
                zoo::volume_system::Structure::new(id, Vec::new()).name,
                labels.to_vec(),
            )
        };
        vec![one("kidney_left", &[3]), one("liver", &[5]), one("tumour mass", &[7, 8])]
    }

    #[test]
    fn structures_are_found_by_name_and_numbers_stand_for_themselves_without() {
        let named = |names: &[(u32, &str)]| {
            let names = names.iter().map(|(at, name)| (*at, (*name).to_owned())).collect();
            Numbering::Named(names).map(&structures())
        };
        let map = named(&[(1, "liver"), (2, "Left kidney"), (3, "pancreas")]).unwrap();
        assert_eq!(map, BTreeMap::from([(5, 1), (3, 2)]));
        assert_eq!(named(&[(9, "Tumour_Mass")]).unwrap(), BTreeMap::from([(7, 9), (8, 9)]));
        let zh = structures()[1].1.zh().to_owned();
        assert_eq!(named(&[(1, &zh)]).unwrap(), BTreeMap::from([(5, 1)]));
        assert_eq!(named(&[(1, "pancreas")]).unwrap_err().kind(), Kind::Refused);
        let given = |numbers: &[u32]| Numbering::Given(numbers.to_vec()).map(&structures());
        assert_eq!(given(&[]).unwrap().len(), 4);
        assert_eq!(given(&[5]).unwrap(), BTreeMap::from([(5, 5)]));
        assert!(given(&[1]).is_err());
    }

    #[test]
    fn maps_are_renumbered_and_the_rest_is_background() {
        let grid = Grid { size: [4, 1, 1], affine: Affine::scaling([1.0; 3]) };
        let map = Volume::new(grid, Voxels::U8(vec![0, 3, 5, 7])).unwrap();
        let of = |pairs: &[(u16, u16)]| renumbered(&map, &pairs.iter().copied().collect());
        assert_eq!(of(&[(3, 2), (5, 1)]).voxels(), &Voxels::U8(vec![0, 2, 1, 0]));
        assert_eq!(of(&[(3, 300)]).voxels(), &Voxels::U16(vec![0, 300, 0, 0]));
    }
}
