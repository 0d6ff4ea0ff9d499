//! Masks against masks, case by case and structure by structure.

use super::masks::{self, Labels, Pair, Paired, Reader};
use super::outcome::{Block, Outcome, Row, WorstCase};
use super::patients;
use super::plots::{Plot, columns};
use super::regions::{self, Region, Regions};
use super::settings::Settings;
use super::slices;
use super::structures::{FURTHER, Judged, METRICS, empty, of_case, with_failures};
use base::words::regions as region_words;
use base::words::score as words;
use base::{Error, Kind, Note, Result, Text, Volume, Voxels};
use metrics::compare::Units;
use metrics::segmentation::{Lattice, Status};
use metrics::{Undefined, Value, stats};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How many of the worst cases are named.
const WORST: usize = 10;

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
    /// Structures: label (of regions the place), name, one entry a case.
    pub structures: Vec<(u32, String, Vec<Judged>)>,
    /// What the structures are made of, where they are regions.
    regions: Vec<Region>,
}

/// Judges folders of masks.
pub(super) fn judge(predicted: &Path, truth: &Path, settings: &Settings) -> Result<Outcome> {
    judge_pairs(masks::pair(predicted, truth, settings)?, predicted, settings)
}

/// Judges pairs of masks. `predicted` is what errors name.
pub(super) fn judge_pairs(pairs: Paired, predicted: &Path, settings: &Settings) -> Result<Outcome> {
    let (files, reader) = (pairs.files.clone(), pairs.reader.clone());
    let settings = &with_structures(settings, pairs.labels.clone(), &pairs.regions)?;
    let mut cases = cases_of(pairs, predicted, settings)?;
    cases.without_unused();
    let shown = cases.structures.iter().filter_map(|(key, ..)| cases.regions.get(*key as usize));
    let settings = &Settings { regions: shown.cloned().collect(), ..cases.settings(settings) };
    let units = &cases.units;
    let mut notes = vec![Note::info(
        "bootstrap",
        words::how(settings.resamples, settings.seed, units.len(), settings.group.is_some()),
    )];
    notes.push(Note::info("failures", words::FAILURES.clone()));
    notes.push(Note::info("tolerance", words::tolerance(settings.tolerance_mm)));
    if !settings.regions.is_empty() {
        let parts: Vec<(&str, &[u16])> = settings
            .regions
            .iter()
            .map(|region| (region.name.as_str(), region.labels.as_slice()))
            .collect();
        notes.push(Note::info("regions", region_words::regions(&parts)));
    }
    if settings.lesion_wise() {
        notes.push(Note::info("lesion-wise", region_words::BRATS_MEAN.clone()));
    }
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
    if !settings.regions.is_empty() {
        more.insert("regions".into(), regions::to_json(&settings.regions));
    }
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
        let one = |(key, name, judged): &(u32, String, Vec<Judged>)| {
            let mut block = block(name, judged, &self.names, &self.units, settings);
            let own = match self.regions.get(*key as usize) {
                Some(region) => ("labels".into(), json!(region.labels)),
                None => ("label".into(), json!(key)),
            };
            block.more.extend([own]);
            block
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
            regions: self.regions.clone(),
        }
    }

    /// Leaves out the regions that may be left out and that no mask has.
    fn without_unused(&mut self) {
        let unused = |judged: &[Judged]| judged.iter().all(|case| case.status == Status::BothEmpty);
        let optional: Vec<bool> = self.regions.iter().map(|region| region.optional).collect();
        self.structures.retain(|(key, _, judged)| {
            !optional.get(*key as usize).is_some_and(|optional| *optional) || !unused(judged)
        });
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
    let Paired { files, patients, strata, reader, labels, regions } = pairs;
    let settings = &with_structures(settings, labels, &regions)?;
    let names: Vec<String> = files.iter().map(|files| files.name.clone()).collect();
    let known_patients = patients.is_some() && settings.group.is_none();
    let units = units_of(&names, settings, patients, &strata)?;
    let subgroups = patients::strata_of(&settings.by, &strata, &[&names])?;
    let mut found = Vec::with_capacity(files.len());
    let of_regions = settings.regions.iter().flat_map(|region| &region.labels);
    let mut known: BTreeSet<u32> = match settings.regions.is_empty() {
        true => settings.labels.iter().map(|(label, _)| *label).collect(),
        false => of_regions.map(|label| u32::from(*label)).collect(),
    };
    let found_out = known.is_empty();
    if found_out {
        known.insert(1);
    }
    let mut outside: Vec<(u32, String)> = Vec::new();
    for files in &files {
        let case = of_case(files, &reader, settings, &mut known, &mut outside)?;
        found.push(case);
    }
    outside.retain(|(label, _)| !known.contains(label));
    outside.extend(not_in_truth(&settings.regions, &found, &files));
    if !outside.is_empty() {
        let labels: BTreeSet<u32> = outside.iter().map(|(label, _)| *label).collect();
        let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
        let mut names: Vec<String> = outside.into_iter().map(|(_, name)| name).collect();
        names.dedup();
        let text = words::labels_outside(&labels, &names);
        return Err(Error::new(Kind::BrokenInput, text).at(predicted));
    }
    let name_of = |label: u32| {
        if let Some(region) = settings.regions.get(label as usize) {
            return region.name.clone();
        }
        let named = settings.labels.iter().find(|(number, _)| *number == label);
        named.and_then(|(_, name)| name.clone()).unwrap_or_else(|| label.to_string())
    };
    // Without labels given, 1 stands in only where there is nothing else.
    if found_out && known.len() > 1 {
        let anywhere = found.iter().any(|(case, _)| case.contains_key(&1));
        if !anywhere {
            known.remove(&1);
        }
    }
    let keys: Vec<u32> = match settings.regions.len() {
        0 => known.into_iter().collect(),
        count => (0..count as u32).collect(),
    };
    let structures = keys
        .into_iter()
        .map(|label| {
            let entry = |(case, lattice): &(BTreeMap<u32, Judged>, Lattice)| {
                case.get(&label).cloned().unwrap_or_else(|| empty(lattice))
            };
            (label, name_of(label), found.iter().map(entry).collect())
        })
        .collect();
    let regions = settings.regions.clone();
    Ok(Cases { names, units, known_patients, subgroups, structures, regions })
}

/// Labels of regions that a set need not have, does not have, and that are predicted all the same.
fn not_in_truth(
    regions: &[Region],
    found: &[(BTreeMap<u32, Judged>, Lattice)],
    files: &[Pair],
) -> Vec<(u32, String)> {
    let mut outside = Vec::new();
    for (key, region) in (0..).zip(regions).filter(|(_, region)| region.optional) {
        let status = |(case, _): &(BTreeMap<u32, Judged>, Lattice)| {
            case.get(&key).map_or(Status::BothEmpty, |judged| judged.status)
        };
        if found.iter().any(|case| matches!(status(case), Status::Ok | Status::Missed)) {
            continue;
        }
        let predicted =
            found.iter().zip(files).filter(|(case, _)| status(case) != Status::BothEmpty);
        outside.extend(predicted.flat_map(|(_, files)| {
            let name = masks::file_name(files.predicted.path());
            region.labels.iter().map(move |label| (u32::from(*label), name.clone()))
        }));
    }
    outside
}

/// The settings with what a set calls its structures, where nothing else was asked for; what it calls
/// `ignore` (nnU-Net: nobody said what is there) is no structure. Errors: the set does not tell which
/// labels make its regions.
fn with_structures(
    settings: &Settings,
    labels: Vec<(u32, String)>,
    regions: &Regions,
) -> Result<Settings> {
    if !settings.labels.is_empty() || !settings.regions.is_empty() {
        return Ok(settings.clone());
    }
    if let Some(why) = &regions.unclear {
        let error = Error::new(Kind::Usage, why.clone());
        return Err(error.hint(region_words::REGIONS_HINT.clone()));
    }
    let (ignored, labels): (Vec<_>, Vec<_>) =
        labels.into_iter().partition(|(_, name)| name.eq_ignore_ascii_case("ignore"));
    let mut settings = settings.clone();
    settings.ignored = ignored.first().map(|(number, _)| *number).or(regions.ignored);
    match regions.list.is_empty() {
        true => settings.labels = labels.into_iter().map(|(at, name)| (at, Some(name))).collect(),
        false => settings.regions = regions.list.clone(),
    }
    if !settings.lesion_wise() {
        settings.more.extend(regions.lesion_rule.map(str::to_owned));
    }
    Ok(settings)
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

fn block(
    name: &str,
    judged: &[Judged],
    names: &[String],
    units: &Units,
    settings: &Settings,
) -> Block {
    let count = |status| judged.iter().filter(|case| case.status == status).count() as u64;
    let mut rows: Vec<Row> = METRICS
        .iter()
        .chain(&FURTHER)
        .filter(|(metric, _)| {
            judged.iter().any(|case| case.values.get(metric).is_some_and(|value| value.is_ok()))
                || METRICS.iter().any(|(always, _)| always == metric)
        })
        .map(|(metric, _)| row(metric, judged, units, settings))
        .collect();
    if settings.lesion_wise() {
        rows.extend(AS_BRATS.map(|names| as_brats(names, judged, units, settings)));
    }
    let mut more = Map::new();
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
            let labels = labels_of(block);
            for case in block.worst.iter_mut().take(most).filter(|case| case.id == files.name) {
                case.picture = slices::slice(image.as_ref(), &truth, &predicted, &labels);
            }
        }
    }
}

/// The labels of a structure: its own, or those of its region.
pub(crate) fn labels_of(block: &Block) -> Vec<u16> {
    let number = |label: &Json| label.as_u64().map(|label| label as u16);
    match block.more.get("labels").and_then(Json::as_array) {
        Some(labels) => labels.iter().filter_map(number).collect(),
        None => block.more.get("label").and_then(number).into_iter().collect(),
    }
}

/// Lesion-wise metrics as BraTS averages them: name, metric of a case, and what a case counts for that
/// has no lesion to judge on either side.
const AS_BRATS: [(&str, &str, f64); 2] = [
    ("brats_lesion_wise_dice", "lesion_wise_dice", 1.0),
    ("brats_lesion_wise_hd95", "lesion_wise_hd95", 0.0),
];

fn as_brats(
    (name, metric, empty): (&str, &str, f64),
    judged: &[Judged],
    units: &Units,
    settings: &Settings,
) -> Row {
    let value = |case: &Judged| case.values.get(metric).and_then(|value| value.ok());
    let all: Vec<Option<f64>> =
        judged.iter().map(|case| Some(value(case).unwrap_or(empty))).collect();
    let (seed, resamples, threads) = (settings.seed, settings.resamples, settings.threads);
    let drawn =
        units.bootstrap(seed, resamples, threads, |weights| weighted_mean(&all, weights, units));
    let every: Vec<f64> = all.iter().flatten().copied().collect();
    let mean = stats::mean(&every).ok_or(Undefined::NoCases);
    Row::new(name, mean, drawn.interval(settings.level), "bootstrap percentile")
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
