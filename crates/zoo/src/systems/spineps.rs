//! SPINEPS and VERIDAH: every vertebra by itself, its parts, discs and endplates, cord and canal, on MRI and CT.
//!
//! Reference: Hendrik-code/spineps (60cc736) `seg_run.py` and what it calls, with the command line's defaults. An
//! nnU-Net marks parts of vertebrae (phase 1), in large scans at fine models only near the spine; around each body three vertebrae are told apart in a cut-out, and
//! what cut-outs agree on becomes a vertebra (phase 2); both maps clean each other on the case's own grid; a
//! classifier looks at each vertebra, and the cheapest way through its answers names them (VERIDAH).

mod attach;
mod bodies;
mod classifier;
pub mod config;
mod find;
pub mod grid;
pub mod instances;
pub mod labels;
mod names;
pub mod naming;
mod network;
pub mod path;
pub mod post;
pub mod region;
pub mod semantic;
mod told;
mod turn;

use crate::nnunet::{self, MadeUp, Model, Options};
use crate::volume_system::{
    Choice, Needed, Published, Told, VolumeAnswer, VolumeCard, VolumeCase, VolumeOptions,
    VolumeReader, VolumeSystem, fits_modality, map_on, single_image, write_made_up,
};
use base::words::spineps as words;
use base::{Error, Grid, Kind, Modality, Note, Result, Text, Volume, Voxels};
use classifier::Names;
use config::{Config, Role};
use engine::cpu::Pool;
use find::{Found, pick, search};
use grid::Prepared;
use instances::{Nothing, Rules};
use labels::{Box3, Labels};
use naming::Asking;
use network::Cutouts;
use path::Heads;
use post::{Counting, Maps};
use region::Region;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// The system.
pub static SYSTEM: Spineps = Spineps;

/// See the module.
pub struct Spineps;

/// Contrasts, each with a model of phase 1.
const CONTRASTS: [&str; 4] = ["t2w", "t1w", "vibe", "ct"];

static CARD: VolumeCard = VolumeCard {
    id: "spineps",
    aliases: &["veridah"],
    name: words::NAME,
    survey_row: "spineps",
    modalities: &[Modality::Mr, Modality::Ct],
    choices: &[
        Choice { name: "t2w", about: words::T2W },
        Choice { name: "t1w", about: words::T1W },
        Choice { name: "vibe", about: words::VIBE },
        Choice { name: "ct", about: words::CT },
        Choice { name: "parts", about: words::PARTS },
        Choice { name: "no-labelling", about: words::NO_LABELLING },
        Choice { name: "twelve", about: words::TWELVE },
        Choice { name: "no-n4", about: words::NO_N4 },
    ],
    weights: &[T2W, INSTANCE, LABELLING],
    code_licence: "Apache-2.0",
    weights_licence: words::WEIGHTS_LICENCE,
    intended_use: words::USE,
    limits: words::LIMITS,
    paper: "Möller et al., European Radiology (2024), doi:10.1007/s00330-024-11155-y",
};

/// An archive as it is published (`utils/auto_download.py`).
macro_rules! published {
    ($release:literal, $name:literal) => {
        Published {
            name: $name,
            url: concat!(
                "https://github.com/Hendrik-code/spineps/releases/download/",
                $release,
                "/",
                $name
            ),
            sha256: None,
        }
    };
}

const T2W: Published = published!("v1.0.9", "t2w.zip");
const T1W: Published = published!("v1.0.9", "t1w.zip");
const VIBE: Published = published!("v1.0.9", "vibe.zip");
const CT: Published = published!("v1.4.2", "ct.zip");
const INSTANCE: Published = published!("v1.2.0", "instance.zip");
const CT_INSTANCE: Published = published!("v1.4.2", "CT_instance.zip");
const LABELLING: Published = published!("v1.4.0", "labeling.zip");
const CT_LABELLING: Published = published!("v1.4.0", "ct_labeling.zip");

/// What a contrast needs.
fn archives(contrast: Option<&str>) -> [Published; 3] {
    match contrast {
        Some("t1w") => [T1W, INSTANCE, LABELLING],
        Some("vibe") => [VIBE, INSTANCE, LABELLING],
        Some("ct") => [CT, CT_INSTANCE, CT_LABELLING],
        _ => [T2W, INSTANCE, LABELLING],
    }
}

/// The contrast that was chosen. Errors: several.
fn contrast(chosen: &[String]) -> Result<Option<&'static str>> {
    let mut asked = CONTRASTS.into_iter().filter(|name| chosen.iter().any(|one| one == name));
    match (asked.next(), asked.next()) {
        (_, Some(_)) => Err(Error::new(Kind::Usage, words::ONE_CONTRAST)),
        (one, None) => Ok(one),
    }
}

impl VolumeSystem for Spineps {
    fn card(&self) -> VolumeCard {
        CARD.clone()
    }

    /// `path` is the folder with the archives, or with the folders that they unpack to, as the original keeps
    /// them (`SPINEPS_SEGMENTOR_MODELS`), or a zip with these folders.
    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        let contrast = contrast(&options.chosen)?;
        let found = search(path)?;
        let [semantic, instance, _] = archives(contrast);
        let need = |role: Role, phase: &Text, file: &Published| -> Result<&Found> {
            let absent = || {
                let (en, zh) = (phase.get(base::Lang::En), phase.get(base::Lang::Zh));
                let text = words::no_model(en, zh, file.name, file.url);
                Error::new(Kind::Io, text).at(path)
            };
            pick(&found, role, contrast).ok_or_else(absent)
        };
        let semantic = need(Role::Semantic, &words::PHASES[0], &semantic)?;
        let instance = need(Role::Instance, &words::PHASES[1], &instance)?;
        if !semantic.config.nnunet {
            return Err(Error::new(Kind::Unsupported, words::NOT_SEMANTIC).at(semantic.settings()));
        }
        // Without its weights vertebrae are counted.
        let labelling = match options.has("no-labelling") {
            true => None,
            false => pick(&found, Role::Labelling, contrast),
        };
        let names = labelling.map(|found| Names::open(found, &options.compute)).transpose()?;
        let pool = options.compute.pool.clone();
        let region = match region::is_fine(&semantic.config) {
            true => Region::open(path, &pool, options.compute.exact)?,
            false => None,
        };
        let own = |found: &Found| Options {
            inside: found.folder.clone(),
            folds: Some(found.config.folds.clone()),
            step: found.config.step,
            mirror: found.config.mirror || options.mirror,
            postprocess: false,
            exact: options.compute.exact,
            ..Options::default()
        };
        Ok(Box::new(Reader {
            model: Model::open(&semantic.root, &pool, &own(semantic))?,
            cutouts: Cutouts::open(instance, &options.compute, &own(instance))?,
            region,
            semantic: semantic.config.clone(),
            instance: instance.config.clone(),
            names,
            parts: options.has("parts"),
            twelve: options.has("twelve"),
            uncorrected: options.has("no-n4"),
            pool,
        }))
    }

    fn made_up(&self, folder: &Path, chosen: &[String]) -> Result<bool> {
        made_up(folder, contrast(chosen)?)?;
        Ok(true)
    }

    fn needed(&self, chosen: &[String]) -> Result<Option<Vec<Needed>>> {
        let needed = |file: &Published| Needed {
            file: file.name.to_owned(),
            url: file.url.to_owned(),
            licensed: false,
        };
        let unnamed = chosen.iter().any(|name| name == "no-labelling");
        let count = if unnamed { 2 } else { 3 };
        let contrast = contrast(chosen)?;
        // Its model for CT is fine enough for large scans to be cropped.
        let region = (contrast == Some("ct")).then_some(region::WEIGHTS);
        let own = archives(contrast).into_iter().take(count);
        Ok(Some(own.chain(region).map(|file| needed(&file)).collect()))
    }
}

/// Models of the published kind with weights of no meaning.
fn made_up(folder: &Path, contrast: Option<&str>) -> Result<()> {
    let failed = |error: std::io::Error| {
        let text = base::words::nnunet::unreadable(&error.to_string());
        Error::new(Kind::Io, text).at(folder)
    };
    let ct = contrast == Some("ct");
    let (modality, spacing) =
        if ct { ("CT", "[0.8, 0.8, 0.8]") } else { ("T2w", "[0.75, 0.75, 1.65]") };
    let [semantic, instance, labelling] =
        archives(contrast).map(|file| file.name.trim_end_matches(".zip"));
    let config = |modality: &str, kind: &str, labels: &str| {
        format!(
            r#"{{"log_name": "made up", "modality": "{modality}", "acquisition": "sag", "modeltype": "{kind}",
"model_expected_orientation": ["P", "I", "R"], "available_folds": 1, "inference_augmentation": false,
"resolution_range": {spacing}, "default_step_size": 0.5, "labels": {{{labels}}}}}"#
        )
    };
    let parts = [41, 42, 43, 44, 45, 46, 47, 48, 49, 60, 61, 62, 100, 26];
    let labels = parts.iter().zip(1..).map(|(label, class)| format!(r#""{class}": "{label}""#));
    let labels = labels.collect::<Vec<_>>().join(", ");
    let model = MadeUp {
        configuration: "3d_fullres",
        fold: "0",
        channels: &[if ct { "CT" } else { "MRI" }],
        spacing_mm: if ct { 0.8 } else { 0.75 },
        labels: nnunet::Labels::Count(parts.len()),
    };
    let place = folder.join(semantic);
    model.write(&place)?;
    let write =
        |place: &Path, text: String| std::fs::write(place.join(config::FILE), text).map_err(failed);
    write(&place, config(modality, "nnunet", &labels))?;
    let place = folder.join(instance);
    std::fs::create_dir_all(&place).map_err(failed)?;
    let three = r#""1": "1", "2": "2", "3": "3""#;
    write(&place, config("SEG", "unet", three))?;
    let (stem, channels) = if ct { (8, 11) } else { (16, 10) };
    let naming = folder.join(labelling);
    std::fs::create_dir_all(&naming).map_err(failed)?;
    write(&naming, config(modality, "classifier", ""))?;
    classifier::made_up(&naming.join("val_f1=0-valf1-weights.ckpt"))?;
    write_made_up(&place.join("made-up-weights.ckpt"), |b, scope| {
        let image = b.input("parts", &[1, channels, 16, 16, 16]);
        let network = crate::arch::spine_unet::SpineUnet { stem, classes: network::CLASSES };
        network.logits(b, &scope.at(network::PREFIX.trim_end_matches('.')), image)
    })
}

/// Loaded weights.
struct Reader {
    model: Model,
    /// What large scans are cropped by.
    region: Option<Region>,
    cutouts: Cutouts,
    semantic: Config,
    instance: Config,
    names: Option<Names>,
    parts: bool,
    twelve: bool,
    /// It was asked for what is done: no correction of the bias field.
    uncorrected: bool,
    pool: Pool,
}

/// What networks say: classes of phase 1 along the model's axes, vertebrae of a cut-out.
pub trait Networks {
    /// Classes of an image, `[z][y][x]`.
    fn classes(&mut self, images: nnunet::Images) -> Result<Vec<u16>>;

    /// Vertebrae 1 to 3 of a cut-out; its number and their count.
    fn vertebrae(
        &mut self,
        cutout: &Labels,
        spacing_mm: [f64; 3],
        at: [usize; 2],
    ) -> Result<Labels>;

    /// Probabilities of a patch around a vertebra; its number and their count.
    fn names(&mut self, patch: &[f32], at: [usize; 2]) -> Result<Heads>;
}

/// The models' settings.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Phase 1.
    pub semantic: &'a Config,
    /// Phase 2.
    pub instance: &'a Config,
    /// Phase 3, and the extents of its patches, where vertebrae are to be named.
    pub labelling: Option<(&'a Config, [usize; 3])>,
    /// There are exactly twelve thoracic vertebrae.
    pub twelve: bool,
    /// The bias field of MR images is divided out first.
    pub correct: bool,
    /// The part of the case that phase 1 is given.
    pub within: Option<Box3>,
}

/// What is found, or why nothing is.
pub enum Outcome {
    /// Both maps along the case's axes i, j, k, and whether vertebrae have names.
    Found(Box<Maps>, bool),
    /// Why the result is empty.
    Nothing(Text),
}

/// All of it between and after the networks.
///
/// Errors: kind `Refused` for an image of one value; whatever the networks give.
pub fn segment(
    pool: &Pool,
    volume: &Volume,
    settings: Settings<'_>,
    networks: &mut dyn Networks,
) -> Result<Outcome> {
    let Settings { semantic, instance, .. } = settings;
    let ct = of_ct(semantic);
    let (images, grid) = Prepared::new(volume, settings.within, !ct, settings.correct)?.images(
        pool,
        semantic.axes,
        |own| semantic.spacing_for(own),
    )?;
    let mut classes = networks.classes(images)?;
    for class in &mut classes {
        *class = semantic.labels.get(class).copied().unwrap_or(*class);
    }
    let (mut parts, grid) = along_pir(classes, &grid)?;
    if parts.values.iter().all(|label| *label == 0) {
        return Ok(Outcome::Nothing(words::NOTHING));
    }
    semantic::clean(&mut parts, grid.spacing_mm());
    let (told, fine) = grid::labels_at(&parts, &grid, instance.spacing_for(grid.spacing_mm()))?;
    let rules = Rules {
        cutout: instance.cutout,
        mapping: instance.mapping.clone(),
        least_mm3: instance.least_mm3,
    };
    let spacing = fine.spacing_mm();
    let mut predict = |cutout: &Labels, number: usize, count: usize| {
        networks.vertebrae(cutout, spacing, [number, count])
    };
    let vertebrae = match instances::vertebrae(&told, spacing, &rules, &mut predict)? {
        Ok(vertebrae) => vertebrae,
        Err(Nothing::NoBody) => return Ok(Outcome::Nothing(words::NO_BODY)),
        Err(Nothing::NoVertebra) => return Ok(Outcome::Nothing(words::NO_VERTEBRA)),
    };
    for label in parts.values.iter_mut().filter(|label| **label == names::BODY) {
        *label = names::BODY_BORDER;
    }
    let maps = Maps {
        parts: grid::nearest(&parts, &grid, volume.grid())?,
        vertebrae: grid::nearest(&vertebrae, &fine, volume.grid())?,
    };
    let counting = counting(semantic);
    let (axes, spacing) = (volume.orientation(), volume.spacing_mm());
    let mut named = false;
    let mut give = |maps: &Maps, bounds: [[usize; 2]; 3]| -> Result<BTreeMap<u16, u16>> {
        let Some((config, patch)) = settings.labelling else { return Ok(BTreeMap::new()) };
        let from_c1 = counting.first == 1 || semantic.has_c1;
        let asking = Asking { config, patch, from_c1, twelve: settings.twelve };
        let mut classify = |patch: &[f32], at: [usize; 2]| networks.names(patch, at);
        let names = naming::name(pool, volume, maps, bounds, &asking, &mut classify)?;
        named = names.is_some();
        Ok(names.unwrap_or_default())
    };
    let maps = post::clean(maps, axes, spacing, &counting, &mut give)?;
    Ok(Outcome::Found(Box::new(maps), named))
}

/// Where counting begins: at C2, or at C1 where a model for CT marks it.
fn counting(semantic: &Config) -> Counting {
    let first = if of_ct(semantic) && semantic.has_c1 { 1 } else { 2 };
    Counting { first, sacrum: semantic.sacrum.clone() }
}

fn of_ct(semantic: &Config) -> bool {
    semantic.modalities.iter().any(|known| known == "CT")
}

/// Labels `[k][j][i]` of a grid along posterior, inferior, right, and the grid turned so.
fn along_pir(labels: Vec<u16>, grid: &Grid) -> Result<(Labels, Grid)> {
    let lost = || Error::new(Kind::Bug, base::words::volume_systems::OTHER_GRID);
    let volume = Volume::new(*grid, Voxels::U16(labels)).ok_or_else(lost)?;
    let turned = volume.reoriented(turn::pir());
    let labels = crate::volume_system::labels_of(&turned);
    Ok((grid::along_ijk(&labels, turned.size()), *turned.grid()))
}

/// The two models, and whom their runs are told.
struct Running<'r> {
    model: &'r mut Model,
    cutouts: &'r mut Cutouts,
    names: Option<&'r mut Names>,
    told: Told<'r>,
    before: usize,
    notes: Vec<Note>,
}

impl Networks for Running<'_> {
    fn classes(&mut self, images: nnunet::Images) -> Result<Vec<u16>> {
        let (mut total, before) = (0, self.before);
        let found = self.model.predict(images, &mut |at| {
            total = at.total;
            (self.told)(before + at.done, before + at.total);
        });
        self.model.release_buffers();
        self.before += total;
        let found = found?;
        self.notes.extend(found.notes);
        Ok(found.labels)
    }

    fn vertebrae(
        &mut self,
        cutout: &Labels,
        spacing_mm: [f64; 3],
        [number, count]: [usize; 2],
    ) -> Result<Labels> {
        let answer = self.cutouts.predict(cutout, spacing_mm)?;
        (self.told)(self.before + number + 1, self.before + count);
        if number + 1 == count {
            self.before += count;
            self.cutouts.rest();
        }
        Ok(answer)
    }

    fn names(&mut self, patch: &[f32], [number, count]: [usize; 2]) -> Result<Heads> {
        let Some(names) = &mut self.names else { return Ok(Heads::new()) };
        let answer = names.classify(patch)?;
        (self.told)(self.before + number + 1, self.before + count);
        Ok(answer)
    }
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        vec![if of_ct(&self.semantic) { "CT" } else { "MR" }.into()]
    }

    fn sha256(&self) -> Option<String> {
        self.model.sha256().first().cloned()
    }

    fn container(&self) -> String {
        "nnU-Net, pytorch".into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let way = volume.orientation().way_to(self.semantic.axes);
        let size = way.map(|(axis, _)| volume.size()[axis]);
        let own = way.map(|(axis, _)| volume.spacing_mm()[axis]);
        let spacing = self.semantic.spacing_for(own);
        let [x, y, z] = grid::foreseen(size, own, spacing);
        let [dx, dy, dz] = spacing;
        let voxels = [x, y, z].iter().map(|&count| count as u64).product::<u64>();
        let first = self.model.need([z, y, x], [dz, dy, dx])?.bytes;
        let names = self.names.as_ref().map_or(0, Names::need_bytes);
        let mut weights = self.model.weight_bytes();
        let mut region = 0;
        if let Some(own) = self.region.as_ref().filter(|_| region::wanted(&self.semantic, volume)) {
            region = own.need_bytes(volume)?;
            weights += own.model.weight_bytes();
        }
        let second = self.cutouts.need_bytes()? + names + weights;
        // Beside a network the image and maps on its grid, two for each cut-out; then both maps on the case's.
        let maps = 24 * voxels + 40 * volume.frame_len() as u64;
        Ok(first.max(second).max(region) + maps)
    }

    fn network_time(&self) -> Option<Duration> {
        Some(
            self.model.network_time()
                + self.region.as_ref().map_or(Duration::ZERO, |own| own.model.network_time())
                + self.cutouts.ran()
                + self.names.as_ref().map_or(Duration::ZERO, Names::ran),
        )
    }

    fn rest(&mut self) {
        self.model.release_buffers();
        self.cutouts.rest();
        self.names.iter_mut().for_each(Names::rest);
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits_modality(&CARD, case.facts)?;
        let (volume, mut values) = single_image(&CARD, case)?;
        let mut notes: Vec<Note> =
            crate::volume_system::without_nan(&mut values).into_iter().collect();
        drop(values);
        let mut before = 0;
        let within = self.within(volume, &mut notes, &mut |done, total| {
            before = total;
            told(done, total);
        })?;
        let labelling = self.names.as_ref().map(|names| (names.config.clone(), names.patch));
        let settings = Settings {
            semantic: &self.semantic,
            instance: &self.instance,
            labelling: labelling.as_ref().map(|(config, patch)| (config, *patch)),
            twelve: self.twelve,
            correct: !self.uncorrected,
            within,
        };
        let mut running = Running {
            model: &mut self.model,
            cutouts: &mut self.cutouts,
            names: self.names.as_mut(),
            told,
            before,
            notes: Vec::new(),
        };
        let found = segment(&self.pool, volume, settings, &mut running)?;
        notes.append(&mut running.notes);
        self.rest();
        let (map, structures) = match found {
            Outcome::Nothing(why) => {
                notes.push(Note::warning("nothing-found", why));
                (vec![0; volume.frame_len()], Vec::new())
            }
            Outcome::Found(maps, _) if self.parts => {
                (grid::as_kji(&maps.parts), told::parts(&maps.parts))
            }
            Outcome::Found(maps, named) => {
                if !named {
                    let lost = self.names.is_some();
                    let why = if lost { words::NOT_NAMED } else { words::COUNTED };
                    notes.push(Note::info("counted", why));
                }
                let first = Some(counting(&self.semantic).first).filter(|_| !named);
                let map = told::whole(&maps);
                (grid::as_kji(&map), told::vertebrae(&map, first))
            }
        };
        Ok(VolumeAnswer {
            map: map_on(volume, map)?,
            structures,
            boxes: Vec::new(),
            values: Vec::new(),
            tables: Vec::new(),
            pictures: Vec::new(),
            notes,
        })
    }
}

impl Reader {
    /// The part of a large scan that phase 1 is given.
    fn within(
        &mut self,
        volume: &Volume,
        notes: &mut Vec<Note>,
        told: Told<'_>,
    ) -> Result<Option<Box3>> {
        if !region::wanted(&self.semantic, volume) {
            return Ok(None);
        }
        let Some(region) = &mut self.region else {
            let file = region::WEIGHTS;
            let text = words::uncropped(file.name, file.url);
            notes.push(Note::warning("not-cropped", text));
            return Ok(None);
        };
        let found = region.find(&self.pool, volume, told)?;
        if found.is_none() {
            notes.push(Note::warning("no-spine-region", words::NO_REGION));
        }
        Ok(found)
    }
}
