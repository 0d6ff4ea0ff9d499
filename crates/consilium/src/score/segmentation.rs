//! Masks against masks, case by case and structure by structure.

use super::masks::{self, Labels, Pair, Paired, Reader, file_name};
use super::outcome::{Block, Outcome, Row, WorstCase};
use super::patients;
use super::plots::{Plot, columns};
use super::settings::{Others, Settings};
use super::slices;
use base::words::score as words;
use base::{Error, Kind, Note, Result, Text, Volume, Voxels};
use metrics::compare::Units;
use metrics::segmentation::{
    Lattice, LesionRule, MaskPair, Overlap, Status, SurfaceDistances, centreline_dice, lesion_wise,
    panoptic_quality,
};
use metrics::{Undefined, Value, stats};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a failure counts for in the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worst {
    /// 0, as for Dice.
    Zero,
    /// The diagonal of the image.
    Diagonal,
    /// Nothing: only cases with both count.
    None,
}

/// The metrics of a structure in one case.
const METRICS: [(&str, Worst); 15] = [
    ("dice", Worst::Zero),
    ("iou", Worst::Zero),
    ("sensitivity", Worst::None),
    ("precision", Worst::None),
    ("hausdorff_distance", Worst::Diagonal),
    ("hausdorff_distance_95", Worst::Diagonal),
    ("hausdorff_distance_95_surfels", Worst::Diagonal),
    ("hausdorff_distance_95_pooled", Worst::Diagonal),
    ("average_surface_distance", Worst::Diagonal),
    ("mean_average_surface_distance", Worst::Diagonal),
    ("surface_dice", Worst::Zero),
    ("surface_dice_voxels", Worst::Zero),
    ("volume_difference_ml", Worst::None),
    ("relative_volume_difference", Worst::None),
    ("absolute_volume_difference_ml", Worst::None),
];

/// Further metrics of `--more`.
const FURTHER: [(&str, Worst); 4] = [
    ("cl_dice", Worst::Zero),
    ("panoptic_quality", Worst::None),
    ("lesion_wise_dice", Worst::None),
    ("lesion_wise_hd95", Worst::None),
];

/// How many of the worst cases are named.
const WORST: usize = 10;

/// One structure in one case.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    /// What the case is.
    pub status: Status,
    /// Metric by name.
    pub values: BTreeMap<&'static str, Value>,
    /// Diagonal of the image in mm.
    pub diagonal_mm: f64,
}

/// All cases of all structures.
pub(super) struct Cases {
    /// Names of the cases.
    pub names: Vec<String>,
    /// Whose they are.
    pub units: Units,
    /// A data set said so, not the user.
    known_patients: bool,
    /// Subgroups: column, and each case's value.
    pub subgroups: Vec<(String, Vec<String>)>,
    /// Structures: label, name, one entry a case.
    pub structures: Vec<(u32, String, Vec<Judged>)>,
}

/// Judges folders of masks.
pub(super) fn judge(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Outcome> {
    judge_pairs(masks::pair(predicted, truth, settings)?, predicted, settings)
}

/// Judges pairs of masks. `predicted` is what errors name.
pub(super) fn judge_pairs(pairs: Paired, predicted: &Path, settings: &Settings) -> Result<Outcome> {
    let (files, reader, named) = (pairs.files.clone(), pairs.reader.clone(), pairs.labels.clone());
    let cases = cases_of(pairs, predicted, settings)?;
    let settings = &cases.settings(&with_labels(settings, named));
    let units = &cases.units;
    let mut notes = vec![Note::info(
        "bootstrap",
        words::how(settings.resamples, settings.seed, units.len(), settings.group.is_some()),
    )];
    notes.push(Note::info("failures", words::FAILURES.clone()));
    notes.push(Note::info("tolerance", words::tolerance(settings.tolerance_mm)));
    let mut blocks = cases.blocks(settings);
    if settings.pictures {
        draw(&mut blocks, &files, &reader, settings);
    }
    let all = overall(&cases, &blocks, settings);
    let mut subgroups = Vec::new();
    for (column, value, members) in patients::groups(&cases.subgroups) {
        let group = cases.of(&members);
        let few = || patients::few(group.units.len()).into_iter().collect();
        let own = group.blocks(settings);
        let rows = overall(&group, &own, settings);
        let counts = vec![("n", members.len() as u64)];
        let all = Block { name: value.clone(), counts, rows, notes: few(), ..Block::default() };
        subgroups.push((column.clone(), all));
        for (block, mut own) in blocks.iter_mut().zip(own) {
            // The cases stand under the whole structure already.
            own.more.remove("cases");
            own.worst.clear();
            let own = Block { name: value.clone(), notes: few(), ..own };
            block.subgroups.push((column.clone(), own));
        }
    }
    let mut more = Map::new();
    more.insert("tolerance_mm".into(), json!(settings.tolerance_mm));
    Ok(Outcome {
        settings: settings.clone(),
        cases: cases.names.len(),
        units: units.len(),
        overall: all,
        blocks,
        subgroups,
        more,
        notes,
        plots: plots(&cases),
    })
}

impl Cases {
    /// One a structure.
    fn blocks(&self, settings: &Settings) -> Vec<Block> {
        let one = |(label, name, judged): &(u32, String, Vec<Judged>)| {
            block(*label, name, judged, &self.names, &self.units, settings)
        };
        self.structures.iter().map(one).collect()
    }

    /// Some of the cases alone, without subgroups.
    pub fn of(&self, members: &[usize]) -> Cases {
        let own = |judged: &[Judged]| members.iter().map(|at| judged[*at].clone()).collect();
        let structures = self.structures.iter();
        Cases {
            names: members.iter().map(|at| self.names[*at].clone()).collect(),
            units: self.units.only(members),
            known_patients: self.known_patients,
            subgroups: Vec::new(),
            structures: structures
                .map(|(label, name, judged)| (*label, name.clone(), own(judged)))
                .collect(),
        }
    }

    /// The settings, with the patients that a data set knows.
    pub fn settings(&self, settings: &Settings) -> Settings {
        let known = self.known_patients.then(|| "patient".to_owned());
        Settings { group: settings.group.clone().or(known), ..settings.clone() }
    }
}

/// Boxes and dots of what is read most: every case with a value, failures included.
fn plots(cases: &Cases) -> Vec<Plot> {
    let groups = |metric: &str| -> Vec<(String, Vec<f64>)> {
        let one = |(_, name, judged): &(u32, String, Vec<Judged>)| {
            (name.clone(), with_failures(judged, metric).into_iter().flatten().collect())
        };
        cases.structures.iter().map(one).collect()
    };
    [
        columns(&words::PLOT_DICE, &words::AXIS_DICE, &groups("dice")),
        columns(&words::PLOT_HD95, &words::AXIS_MM, &groups("hausdorff_distance_95")),
        columns(&words::PLOT_SURFACE, &words::AXIS_DICE, &groups("surface_dice")),
    ]
    .concat()
}

/// Judges every case; labels that do not belong are named with their files.
pub(super) fn cases(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Cases> {
    cases_of(masks::pair(predicted, truth, settings)?, predicted, settings)
}

fn cases_of(pairs: Paired, predicted: &Path, settings: &Settings) -> Result<Cases> {
    let Paired { files, patients, strata, reader, labels } = pairs;
    let settings = &with_labels(settings, labels);
    let names: Vec<String> = files.iter().map(|files| files.name.clone()).collect();
    let known_patients = patients.is_some() && settings.group.is_none();
    let units = units_of(&names, settings, patients, &strata)?;
    let subgroups = patients::strata_of(&settings.by, &strata, &[&names])?;
    let mut found = Vec::with_capacity(files.len());
    let mut known: BTreeSet<u32> = settings.labels.iter().map(|(label, _)| *label).collect();
    if settings.labels.is_empty() {
        known.insert(1);
    }
    let mut outside: Vec<(u32, String)> = Vec::new();
    for files in &files {
        let case = one_case(files, &reader, settings, &mut known, &mut outside)?;
        found.push(case);
    }
    outside.retain(|(label, _)| !known.contains(label));
    if !outside.is_empty() {
        let labels: BTreeSet<u32> = outside.iter().map(|(label, _)| *label).collect();
        let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
        let mut names: Vec<String> = outside.into_iter().map(|(_, name)| name).collect();
        names.dedup();
        let text = words::labels_outside(&labels, &names);
        return Err(Error::new(Kind::BrokenInput, text).at(predicted));
    }
    let name_of = |label: u32| {
        let named = settings.labels.iter().find(|(number, _)| *number == label);
        named.and_then(|(_, name)| name.clone()).unwrap_or_else(|| label.to_string())
    };
    // Without labels given, 1 stands in only where there is nothing else.
    if settings.labels.is_empty() && known.len() > 1 {
        let anywhere = found.iter().any(|(case, _)| case.contains_key(&1));
        if !anywhere {
            known.remove(&1);
        }
    }
    let structures = known
        .into_iter()
        .map(|label| {
            let entry = |(case, lattice): &(BTreeMap<u32, Judged>, Lattice)| {
                case.get(&label).cloned().unwrap_or_else(|| empty(lattice))
            };
            (label, name_of(label), found.iter().map(entry).collect())
        })
        .collect();
    Ok(Cases { names, units, known_patients, subgroups, structures })
}

/// The settings with what a set calls its structures, where nothing else was asked for; what it calls
/// `ignore` (nnU-Net: nobody said what is there) is no structure.
fn with_labels(settings: &Settings, labels: Vec<(u32, String)>) -> Settings {
    if !settings.labels.is_empty() {
        return settings.clone();
    }
    let (ignored, labels): (Vec<_>, Vec<_>) =
        labels.into_iter().partition(|(_, name)| name.eq_ignore_ascii_case("ignore"));
    Settings {
        labels: labels.into_iter().map(|(number, name)| (number, Some(name))).collect(),
        ignored: ignored.first().map(|(number, _)| *number),
        ..settings.clone()
    }
}

/// The patients: those that `--group` names, else those a data set knows, else each case its own.
pub(super) fn units_of(
    names: &[String],
    settings: &Settings,
    patients: Option<Vec<String>>,
    strata: &[(String, Vec<String>)],
) -> Result<Units> {
    match (settings.group.as_deref(), patients) {
        (None | Some("patient"), Some(patients)) => Ok(Units::grouped(&patients)),
        (Some(typed), _) => {
            Ok(Units::grouped(&patients::of_cases("--group", typed, strata, &[names])?))
        }
        (None, None) => Ok(Units::single(names.len())),
    }
}

fn one_case(
    files: &Pair,
    reader: &Reader,
    settings: &Settings,
    known: &mut BTreeSet<u32>,
    outside: &mut Vec<(u32, String)>,
) -> Result<(BTreeMap<u32, Judged>, Lattice)> {
    let (predicted, truth) = masks::read(files, reader, settings)?;
    let (in_p, in_t) = (boxes(&predicted), boxes(&truth));
    let (p, t): (BTreeSet<u32>, BTreeSet<u32>) =
        (in_p.keys().copied().collect(), in_t.keys().copied().collect());
    if settings.labels.is_empty() {
        known.extend(&t);
        if settings.others == Others::Judged {
            known.extend(&p);
        }
    } else {
        let strange = t.iter().filter(|label| !known.contains(label));
        outside.extend(strange.map(|label| (*label, file_name(files.truth.path()))));
    }
    let strange = p.iter().filter(|label| !known.contains(label));
    outside.extend(strange.map(|label| (*label, file_name(files.predicted.path()))));
    let lattice = truth.lattice();
    let judged = p
        .union(&t)
        .map(|label| {
            let number = *label as u16;
            let both = [in_p.get(label), in_t.get(label)];
            let (low, high) =
                both.into_iter().flatten().fold(([usize::MAX; 3], [0; 3]), |(low, high), own| {
                    let each = [0, 1, 2];
                    (each.map(|a| low[a].min(own.0[a])), each.map(|a| high[a].max(own.1[a])))
                });
            let pair = MaskPair::cut_box(
                &lattice,
                low,
                high,
                |at| predicted.voxels[at] == number,
                |at| truth.voxels[at] == number,
                settings.threads,
            );
            (*label, structure(&pair, &lattice, settings))
        })
        .collect();
    Ok((judged, lattice))
}

/// The box of each label but 0, ends included, in one pass over the volume.
fn boxes(labels: &Labels) -> BTreeMap<u32, Box3> {
    let [nx, ny, _] = labels.grid.size;
    let mut found: Vec<Option<Box3>> = vec![None; 1 << 16];
    for (row, voxels) in labels.voxels.chunks(nx.max(1)).enumerate() {
        let (j, k) = (row % ny, row / ny);
        // Runs of one label, of which only the ends matter.
        let mut i = 0;
        for run in voxels.chunk_by(|a, b| a == b) {
            let (first, last) = (i, i + run.len() - 1);
            i += run.len();
            if run[0] == 0 {
                continue;
            }
            let own = found[usize::from(run[0])].get_or_insert(([usize::MAX; 3], [0; 3]));
            own.0 = [own.0[0].min(first), own.0[1].min(j), own.0[2].min(k)];
            own.1 = [own.1[0].max(last), own.1[1].max(j), own.1[2].max(k)];
        }
    }
    let named = found.into_iter().enumerate();
    named.filter_map(|(label, own)| Some((label as u32, own?))).collect()
}

/// Lowest and highest voxel of a box.
type Box3 = ([usize; 3], [usize; 3]);

/// A structure that neither mask has.
fn empty(lattice: &Lattice) -> Judged {
    let every = METRICS.iter().chain(&FURTHER);
    let values = every.map(|(name, _)| (*name, Err(Undefined::BothEmpty))).collect();
    Judged { status: Status::BothEmpty, values, diagonal_mm: lattice.diagonal_mm() }
}

fn structure(pair: &MaskPair, lattice: &Lattice, settings: &Settings) -> Judged {
    let overlap: Overlap = pair.overlap();
    let voxels = SurfaceDistances::of_voxels(pair, settings.threads);
    let surfels = SurfaceDistances::of_surfels(pair, settings.threads);
    let of = |distances: &std::result::Result<SurfaceDistances, Undefined>,
              f: &dyn Fn(&SurfaceDistances) -> f64|
     -> Value { distances.as_ref().map(f).map_err(|why| *why) };
    let difference = overlap.volume_difference_ml(lattice);
    let tolerance = settings.tolerance_mm;
    let mut values: BTreeMap<&'static str, Value> = BTreeMap::from([
        ("dice", overlap.dice()),
        ("iou", overlap.iou()),
        ("sensitivity", overlap.sensitivity()),
        ("precision", overlap.precision()),
        ("hausdorff_distance", of(&voxels, &|d| d.hausdorff_mm())),
        ("hausdorff_distance_95", of(&voxels, &|d| d.percentile_mm(95.0))),
        ("hausdorff_distance_95_surfels", of(&surfels, &|d| d.percentile_mm(95.0))),
        ("hausdorff_distance_95_pooled", of(&voxels, &|d| d.pooled_percentile_mm(95.0))),
        ("average_surface_distance", of(&voxels, &|d| d.assd_mm())),
        ("mean_average_surface_distance", of(&voxels, &|d| d.masd_mm())),
        ("surface_dice", of(&surfels, &|d| d.surface_dice(tolerance))),
        ("surface_dice_voxels", of(&voxels, &|d| d.surface_dice(tolerance))),
        ("volume_difference_ml", Ok(difference)),
        ("relative_volume_difference", overlap.relative_volume_difference()),
        ("absolute_volume_difference_ml", Ok(difference.abs())),
    ]);
    further(pair, settings, &mut values);
    Judged { status: overlap.status(), values, diagonal_mm: lattice.diagonal_mm() }
}

fn further(pair: &MaskPair, settings: &Settings, values: &mut BTreeMap<&'static str, Value>) {
    let (p, r, lattice) = (&pair.predicted, &pair.reference, &pair.lattice);
    for name in &settings.more {
        let rule = match name.as_str() {
            "cl_dice" => {
                values.insert("cl_dice", centreline_dice(p, r, lattice).cl_dice);
                continue;
            }
            "panoptic_quality" => {
                let found = panoptic_quality(p, r, lattice).panoptic_quality;
                values.insert("panoptic_quality", found);
                continue;
            }
            "lesion_wise=men" => LesionRule::MENINGIOMA,
            "lesion_wise=met" => LesionRule::METASTASES,
            _ => LesionRule::GLIOMA,
        };
        let found = lesion_wise(p, r, lattice, &rule, settings.threads);
        values.insert("lesion_wise_dice", found.dice);
        values.insert("lesion_wise_hd95", found.hd95_mm);
    }
}

/// A structure's metric in every case: the value, or what a failure counts for; `None` where the
/// case does not count.
pub(super) fn with_failures(judged: &[Judged], name: &str) -> Vec<Option<f64>> {
    let every = METRICS.iter().chain(&FURTHER);
    let worst =
        every.clone().find(|(known, _)| *known == name).map_or(Worst::None, |found| found.1);
    let one = |case: &Judged| match (case.values.get(name), case.status, worst) {
        (Some(Ok(value)), ..) => Some(*value),
        (_, Status::Missed | Status::Spurious, Worst::Zero) => Some(0.0),
        (_, Status::Missed | Status::Spurious, Worst::Diagonal) => Some(case.diagonal_mm),
        _ => None,
    };
    judged.iter().map(one).collect()
}

fn block(
    label: u32,
    name: &str,
    judged: &[Judged],
    names: &[String],
    units: &Units,
    settings: &Settings,
) -> Block {
    let count = |status| judged.iter().filter(|case| case.status == status).count() as u64;
    let rows = METRICS
        .iter()
        .chain(&FURTHER)
        .filter(|(metric, _)| {
            judged.iter().any(|case| case.values.get(metric).is_some_and(|value| value.is_ok()))
                || METRICS.iter().any(|(always, _)| always == metric)
        })
        .map(|(metric, _)| row(metric, judged, units, settings))
        .collect();
    let mut more = Map::new();
    more.insert("label".into(), json!(label));
    more.insert("cases".into(), cases_json(judged, names));
    Block {
        name: name.into(),
        counts: vec![
            ("n", judged.len() as u64),
            ("ok", count(Status::Ok)),
            ("both_empty", count(Status::BothEmpty)),
            ("missed", count(Status::Missed)),
            ("spurious", count(Status::Spurious)),
        ],
        rows,
        more,
        worst: worst(judged, names),
        ..Block::default()
    }
}

/// The cases with the lowest Dice, failures first; perfect ones are left out.
fn worst(judged: &[Judged], names: &[String]) -> Vec<WorstCase> {
    let dice = with_failures(judged, "dice");
    let mut order: Vec<(f64, usize)> =
        dice.iter().enumerate().filter_map(|(at, dice)| Some(((*dice)?, at))).collect();
    order.retain(|(dice, _)| *dice < 1.0);
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let shown = |(dice, at): (f64, usize)| {
        let text = match judged[at].status {
            Status::Missed => words::STATUS_MISSED.clone(),
            Status::Spurious => words::STATUS_SPURIOUS.clone(),
            _ => Text::same(format!("Dice {dice:.4}")),
        };
        WorstCase { id: names[at].clone(), what: text, picture: None }
    };
    order.into_iter().take(WORST).map(shown).collect()
}

/// Draws the first of the worst cases of every structure. A case is read once for all of its structures;
/// one that cannot be read again stays without picture.
fn draw(blocks: &mut [Block], files: &[Pair], reader: &Reader, settings: &Settings) {
    let most = slices::most(blocks.len());
    let worst = |block: &Block| block.worst.iter().take(most).map(|case| case.id.clone()).collect();
    let wanted: BTreeSet<String> =
        blocks.iter().flat_map(|block| -> Vec<String> { worst(block) }).collect();
    for files in files.iter().filter(|files| wanted.contains(&files.name)) {
        let Ok((predicted, truth)) = masks::read(files, reader, settings) else { continue };
        let volume = |labels: Labels| {
            let volume = Volume::new(labels.grid, Voxels::U16(labels.voxels));
            volume.map(|volume| slices::turned(&volume))
        };
        let (Some(predicted), Some(truth)) = (volume(predicted), volume(truth)) else { continue };
        let image = files.image.as_ref().and_then(|path| masks::scan(path, reader).ok());
        let image = image.map(|scan| slices::turned(&scan.volume));
        let image = image.filter(|image| image.size() == truth.size());
        for block in blocks.iter_mut() {
            let label = block.more.get("label").and_then(Json::as_u64).unwrap_or(0) as u16;
            for case in block.worst.iter_mut().take(most).filter(|case| case.id == files.name) {
                case.picture = slices::slice(image.as_ref(), &truth, &predicted, label);
            }
        }
    }
}

/// The mean over cases, failures included, with the mean over those where both have the structure.
fn row(name: &str, judged: &[Judged], units: &Units, settings: &Settings) -> Row {
    let all = with_failures(judged, name);
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let drawn =
        units.bootstrap(seed, resamples, threads, |weights| weighted_mean(&all, weights, units));
    let counted: Vec<f64> = all.iter().flatten().copied().collect();
    let none = if judged.iter().all(|case| case.status == Status::BothEmpty) {
        Undefined::BothEmpty
    } else {
        judged.iter().find_map(|case| case.values.get(name)?.err()).unwrap_or(Undefined::NoCases)
    };
    let value = stats::mean(&counted).ok_or(none);
    let found: Vec<f64> = judged
        .iter()
        .filter(|case| case.status == Status::Ok)
        .filter_map(|case| case.values.get(name)?.ok())
        .collect();
    Row::new(name, value, drawn.interval(settings.level), "bootstrap percentile")
        .with("mean_ok", json!(stats::mean(&found)))
        .with("median", json!(stats::median(&counted)))
        .with("counted", json!(counted.len()))
}

fn cases_json(judged: &[Judged], names: &[String]) -> Json {
    let one = |(case, name): (&Judged, &String)| {
        let mut out = Map::new();
        out.insert("id".into(), json!(name));
        out.insert("status".into(), json!(case.status.name()));
        for (metric, value) in &case.values {
            out.insert((*metric).into(), json!(value.ok()));
        }
        Json::Object(out)
    };
    judged.iter().zip(names).map(one).collect()
}

/// Means over the structures that have a value, with intervals from the same resamples.
fn overall(cases: &Cases, blocks: &[Block], settings: &Settings) -> Vec<Row> {
    let units = &cases.units;
    [
        ("dice", "mean_dice"),
        ("iou", "mean_iou"),
        ("hausdorff_distance_95", "hausdorff_distance_95"),
        ("average_surface_distance", "average_surface_distance"),
        ("surface_dice", "surface_dice"),
    ]
    .into_iter()
    .map(|(metric, name)| {
        let values: Vec<Value> = blocks
            .iter()
            .filter_map(|block| block.rows.iter().find(|row| row.name == metric))
            .map(|row| row.value)
            .collect();
        let (value, without) = metrics::classification::macro_average(&values);
        let kept: Vec<Vec<Option<f64>>> = cases
            .structures
            .iter()
            .zip(&values)
            .filter(|(_, value)| value.is_ok())
            .map(|((_, _, judged), _)| with_failures(judged, metric))
            .collect();
        let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
        let drawn = units.bootstrap(seed, resamples, threads, |weights| {
            let sum: Value =
                kept.iter().map(|structure| weighted_mean(structure, weights, units)).sum();
            if kept.is_empty() { Err(Undefined::BothEmpty) } else { Ok(sum? / kept.len() as f64) }
        });
        let value = value.map_err(|_| Undefined::BothEmpty);
        Row::new(name, value, drawn.interval(settings.level), "bootstrap percentile")
            .with("average", json!("macro"))
            .with("labels_without_value", json!(without))
    })
    .collect()
}

/// Mean of the values there are, each counted by its patient's weight.
fn weighted_mean(values: &[Option<f64>], weights: &[u32], units: &Units) -> Value {
    let (mut sum, mut total) = (0.0, 0.0);
    for (value, unit) in values.iter().zip(units.of_case()) {
        if let Some(value) = value {
            let weight = f64::from(weights[*unit as usize]);
            sum += value * weight;
            total += weight;
        }
    }
    if total > 0.0 { Ok(sum / total) } else { Err(Undefined::NoCases) }
}
