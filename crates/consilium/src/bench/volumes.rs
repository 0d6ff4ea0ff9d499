//! Systems for volumes on made-up weights and a made-up case, from the case to its label map. The weights
//! are written by the process that asks; the one that measures reads them as published ones.

use crate::read::Common;
use base::words::{bench as words, cli as cli_words};
use base::{
    Affine, Error, GeometrySource, Grid, Kind, Laterality, Modality, PatientFacts, Result, Volume,
    VolumeFacts, VoxelType, Voxels,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;
use zoo::volume_system::{VolumeCase, VolumeOptions};
use zoo::{VolumeReader, VolumeSystem};

/// Voxels along each axis of the case, and their spacing: a trunk of 19 cm, which nnU-Net's usual tile
/// of 128³ covers at 1.5 mm.
const SIDE: usize = 96;
/// See [`SIDE`].
const SPACING_MM: f64 = 2.0;

/// What is measured: a system with what is asked of it, or a trained model.
pub(super) enum Target {
    /// `ID` or `ID:CHOICE+CHOICE`.
    System(&'static dyn VolumeSystem, Vec<String>),
    /// A folder or zip.
    Trained(PathBuf),
}

impl Target {
    /// `None` if it is no system for volumes and no trained model.
    pub fn find(name: &str) -> Option<Target> {
        if let Some((system, chosen)) = crate::segment::system(name) {
            return Some(Target::System(system, chosen));
        }
        zoo::trained::holds(Path::new(name)).then(|| Target::Trained(name.into()))
    }

    /// Writes made-up weights where the target has none; `false` where it has no networks of its own.
    pub fn prepare(&self, folder: &Path) -> Result<bool> {
        match self {
            Target::System(system, chosen) => system.made_up(folder, chosen),
            Target::Trained(_) => Ok(true),
        }
    }

    fn open(&self, folder: &Path, common: &Common) -> Result<Box<dyn VolumeReader>> {
        let mut options = VolumeOptions::new(common.compute());
        match self {
            Target::System(system, chosen) => {
                options.chosen.clone_from(chosen);
                // A single published file is named itself.
                let card = system.card();
                let file = card.weights.first().map(|file| folder.join(file.name));
                let path = file.filter(|file| file.is_file() && card.weights.len() == 1);
                system.open(&path.unwrap_or_else(|| folder.to_path_buf()), &options)
            }
            Target::Trained(path) => zoo::trained::open(path, &options),
        }
    }

    fn is_of_magnetic_resonance(&self, reader: &dyn VolumeReader) -> bool {
        match self {
            Target::System(system, _) => {
                let modalities = system.card().modalities;
                let named = reader.images().first().is_some_and(|name| name == "MR");
                named || modalities.first() == Some(&Modality::Mr)
            }
            Target::Trained(_) => reader.images().first().is_none_or(|name| name != "CT"),
        }
    }
}

/// Reads the made-up case so many times, the weights lying in `folder`; as a line for the process that
/// asked.
pub(super) fn measure(
    name: &str,
    target: &Target,
    folder: &Path,
    runs: usize,
    common: &Common,
    peak_mib: impl Fn() -> Option<f64>,
) -> Result<Value> {
    let started = Instant::now();
    let mut reader = target.open(folder, common)?;
    let load_s = started.elapsed().as_secs_f64();
    // A network that was trained refuses what is no head.
    let volume = match target {
        Target::System(system, _) if system.has_own_weights() => {
            crate::demo::head::draw(1, &common.compute().pool)?.image
        }
        _ => case(target.is_of_magnetic_resonance(reader.as_ref()))?,
    };
    let images = vec![&volume; reader.images().len().max(1)];
    let facts = facts();
    let planned = reader.need_bytes(&volume)?;
    let mut seconds = Vec::with_capacity(runs);
    for _ in 0..runs.max(1) {
        let started = Instant::now();
        reader.read(
            &VolumeCase { volumes: &images, facts: &facts, prepared: None },
            &mut |_, _| {},
        )?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let median_s = (seconds[(seconds.len() - 1) / 2] + seconds[seconds.len() / 2]) / 2.0;
    Ok(json!({
        "id": name,
        "median_s": median_s,
        "min_s": seconds[0],
        "load_s": load_s,
        "planned_bytes": planned,
        "peak_mib": peak_mib(),
        "case": { "size": volume.size(), "spacing_mm": volume.spacing_mm() },
    }))
}

/// An ellipsoid of soft tissue with two of lung in it, in air, with noise; in Hounsfield units, for
/// magnetic resonance raised until air is zero.
fn case(magnetic_resonance: bool) -> Result<Volume> {
    let inside = |at: [f64; 3], middle: [f64; 3], radii: [f64; 3]| {
        (0..3).map(|axis| ((at[axis] - middle[axis]) / radii[axis]).powi(2)).sum::<f64>() < 1.0
    };
    let value = |index: usize| {
        let at = [index % SIDE, index / SIDE % SIDE, index / (SIDE * SIDE)];
        // From -1 to 1 along each axis.
        let at = at.map(|place| (place as f64 + 0.5) / SIDE as f64 * 2.0 - 1.0);
        let lung = |x: f64| inside(at, [x, 0.0, 0.2], [0.3, 0.45, 0.6]);
        let tissue = match (lung(-0.4), lung(0.4)) {
            (false, false) if inside(at, [0.0; 3], [0.9, 0.8, 0.97]) => 40,
            (false, false) => -1000,
            _ => -800,
        };
        let noise = (index as u32).wrapping_mul(2_654_435_761) >> 26;
        let raised = if magnetic_resonance { 1000 } else { 0 };
        (tissue + noise as i16 + raised).max(raised - 1000)
    };
    let voxels = Voxels::I16((0..SIDE * SIDE * SIDE).map(value).collect());
    let s = SPACING_MM;
    let affine = Affine::from_lps([[s, 0.0, 0.0, 0.0], [0.0, s, 0.0, 0.0], [0.0, 0.0, s, 0.0]]);
    let lost = || Error::new(Kind::Bug, words::WHICH.clone());
    Volume::new(Grid { size: [SIDE; 3], affine }, voxels).ok_or_else(lost)
}

/// Of no file.
fn facts() -> VolumeFacts {
    VolumeFacts {
        name: "made-up".into(),
        format: "",
        bytes: 0,
        sha256: String::new(),
        compressed: false,
        big_endian: false,
        stored: VoxelType::I16,
        geometry: GeometrySource::SpacingOnly,
        codes: None,
        modality: None,
        // A system for one side must not ask which.
        laterality: Some(Laterality::Left),
        device: None,
        patient: PatientFacts::default(),
        images: None,
        segments: Vec::new(),
        notes: Vec::new(),
    }
}

/// The target of a name. Errors suggest the nearest name.
pub(super) fn find(name: &str) -> Result<Target> {
    Target::find(name).ok_or_else(|| {
        let error = Error::new(Kind::Usage, cli_words::unknown_model(name));
        match base::nearest(&name.to_ascii_lowercase(), ids()) {
            Some(near) => error.hint(cli_words::did_you_mean(near)),
            None => error,
        }
    })
}

fn ids() -> impl Iterator<Item = &'static str> {
    let films = zoo::SYSTEMS.iter().map(|system| system.card().id);
    films.chain(zoo::VOLUME_SYSTEMS.iter().map(|system| system.card().id))
}
