//! Which systems suit a purpose on a machine, with the reasons; and which would not fit, and why.

use super::{Ability, Entry, Filter, Framework, catalogue};
use base::Text;
use base::words::catalogue::{self as words, Term};

/// What a machine has to offer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Cores of the processor.
    pub cores: usize,
    /// Memory in GB; `None` where the system does not tell.
    pub ram_gb: Option<f32>,
    /// Memory of the largest GPU in GB; `None` without one.
    pub gpu_gb: Option<f32>,
}

/// A system that suits.
#[derive(Clone, Debug)]
pub struct Recommended {
    /// The system.
    pub entry: &'static Entry,
    /// More is better; the sum of what stands in the reasons.
    pub points: i32,
    /// Why, the weightiest first.
    pub reasons: Vec<Text>,
}

/// A system that would suit and does not fit the machine.
#[derive(Clone, Debug)]
pub struct Unfit {
    /// The system.
    pub entry: &'static Entry,
    /// What it needs and what is there.
    pub why: Text,
}

/// Memory that a system needs which runs in this build and whose row names none: a 2-D network of
/// this build takes well below 1 GB, beside the case and the report.
const LEAST_RAM_GB: f32 = 1.0;

/// Systems for a purpose that pass the filter: those that fit the machine, best first, and those
/// that do not.
pub fn recommend(
    machine: &Machine,
    scenario: Option<&'static Term>,
    filter: &Filter,
) -> (Vec<Recommended>, Vec<Unfit>) {
    let (mut fitting, mut unfit) = (Vec::new(), Vec::new());
    for entry in catalogue().entries.iter().filter(|entry| filter.passes(entry)) {
        let ability = Ability::of(entry);
        if !suits(entry, &ability, scenario) {
            continue;
        }
        match fits(entry, &ability, machine) {
            Err(why) => unfit.push(Unfit { entry, why }),
            Ok(fit) => fitting.push(judge(entry, &ability, fit, scenario)),
        }
    }
    // A stable sort: equal points stay in the survey's order.
    fitting.sort_by_key(|found| -found.points);
    (fitting, unfit)
}

/// The scenarios of the survey.
fn suits(entry: &Entry, ability: &Ability, scenario: Option<&'static Term>) -> bool {
    let does = |tasks: &[&str]| entry.tasks.iter().any(|task| tasks.contains(&task.id));
    // A paper nobody can run answers no purpose.
    let dead = entry.access.id == "none" && !matches!(ability, Ability::StoodInFor(_));
    let open = !matches!(entry.access.id, "product" | "api" | "none");
    match scenario.map_or("", |scenario| scenario.id) {
        _ if dead => false,
        "prototype" => entry.effort == Some(1) || ability.runs(),
        "research" => {
            open && does(&["segmentation", "classification", "report", "detection", "features"])
        }
        "segmentation" => open && does(&["segmentation"]),
        "classification" => open && does(&["classification", "grading"]),
        "reports" => does(&["report", "labelling", "entities"]),
        "orthopaedics" => orthopaedic(entry),
        "chinese" => matches!(entry.chinese.id, "yes" | "partly"),
        _ => true,
    }
}

/// A row of the survey's part on orthopaedics, what stands in for one, or the program's own reader of
/// a part of the body that such a row reads.
fn orthopaedic(entry: &Entry) -> bool {
    let rows = || catalogue().entries.iter().filter(|row| row.section.id == "orthopaedics");
    let alike = |row: &Entry| entry.body_parts.iter().all(|part| row.body_parts.contains(part));
    entry.section.id == "orthopaedics"
        || rows().flat_map(|row| &row.successors).any(|id| *id == entry.id)
        || entry.section.id == "own" && rows().any(alike)
}

/// How a system fits a machine; an error says what is missing.
fn fits(entry: &Entry, ability: &Ability, machine: &Machine) -> Result<Text, Text> {
    let least_gb = entry.hardware.ram_gb.unwrap_or(LEAST_RAM_GB);
    let short = machine.ram_gb.filter(|ram| *ram < least_gb);
    if ability.runs() {
        return match short {
            Some(ram) => Err(words::too_little_ram(least_gb, ram)),
            None => Ok(words::FITS_CPU.clone()),
        };
    }
    if matches!(entry.connection.id, "remote" | "vendor" | "paper") {
        return Ok(words::FITS_ELSEWHERE.clone());
    }
    if let Some(ram) = short {
        return Err(words::too_little_ram(least_gb, ram));
    }
    let Some((needed, _)) = entry.hardware.gpu_gb else { return Ok(words::FITS_UNKNOWN.clone()) };
    match machine.gpu_gb {
        Some(gpu) if gpu >= needed => Ok(words::fits_gpu(needed, gpu)),
        Some(gpu) => Err(words::too_little_gpu(needed, Some(gpu))),
        // Light networks run on a processor too, in as much memory, beside the system.
        None if needed <= 8.0 && machine.ram_gb.is_none_or(|ram| ram >= needed) => {
            Ok(words::FITS_CPU_SLOWLY.clone())
        }
        None => Err(words::too_little_gpu(needed, None)),
    }
}

/// Points and reasons. The weights are ours: what runs here at once counts most, then what can be
/// had without asking anybody, then effort, licence, clearance and evidence.
fn judge(
    entry: &'static Entry,
    ability: &Ability,
    fit: Text,
    scenario: Option<&'static Term>,
) -> Recommended {
    let mut scored: Vec<(i32, Text)> = Vec::new();
    match ability {
        Ability::Runs(_) | Ability::RunsVolumes(_) => {
            scored.push((40, words::runs_here(ability.runnable().len())));
        }
        Ability::RunsTrained(Framework::NnUnet) => scored.push((40, words::RUNS_TRAINED.clone())),
        Ability::RunsTrained(Framework::Bundles) => scored.push((40, words::RUNS_BUNDLES.clone())),
        Ability::StoodInFor(ids) => scored.push((15, words::stood_in_for(&ids.join(", ")))),
        Ability::Described => {}
    }
    let access = match entry.access.id {
        "built-in" => 20,
        "weights" | "train" | "code" => 15,
        "api" => 12,
        "gated-weights" => 8,
        "product" => 4,
        "requested-weights" => 0,
        _ => -20,
    };
    scored.push((access, entry.access.name.clone()));
    scored.push((5, fit));
    if let Some(effort) = entry.effort {
        let hurry = if scenario.is_some_and(|s| s.id == "prototype") { 10 } else { 5 };
        scored.push((hurry * (3 - i32::from(effort)), words::effort(effort)));
    }
    let (code, weights) = (entry.code_licence.commercial, entry.weights_licence.commercial);
    if code == Some(true) && weights == Some(true) {
        scored.push((5, words::COMMERCIAL.clone()));
    } else if weights == Some(false) {
        scored.push((-3, words::NOT_COMMERCIAL.clone()));
    }
    if !entry.clearances.is_empty() {
        let numbers = entry.clearances.iter().map(|clearance| clearance.number.as_str());
        scored.push((6, words::cleared(&numbers.collect::<Vec<_>>().join(", "))));
    }
    if scenario.is_some_and(|scenario| scenario.id == "chinese") {
        let points = if entry.chinese.id == "yes" { 25 } else { 5 };
        scored.push((points, words::chinese(&entry.chinese.name)));
    }
    if entry.results.iter().any(|result| result.verified) {
        scored.push((4, words::EVIDENCE_VERIFIED.clone()));
    }
    if entry.correction.is_some() && entry.in_survey() {
        scored.push((0, words::CORRECTED.clone()));
    }
    scored.sort_by_key(|(points, _)| -points.abs());
    Recommended {
        entry,
        points: scored.iter().map(|(points, _)| points).sum(),
        reasons: scored.into_iter().map(|(_, reason)| reason).collect(),
    }
}
