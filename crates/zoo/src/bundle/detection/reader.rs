//! A detector's bundle as a reader of volumes: boxes around what was found, and a label map of them.

use super::boxes::{Found, LevelAnswer, select};
use super::heads::{Image, answer, answer_tiles};
use super::plan::Plan;
use crate::Compute;
use crate::ahead::Preparer;
use crate::arch::retina_net::LEFT_OVER;
use crate::bundle::before::foresee;
use crate::bundle::case::{Case, Preparing};
use crate::bundle::folder::Bundle;
use crate::bundle::reader::turned;
use crate::error::translate;
use crate::volume_system::{
    Structure, Told, VolumeAnswer, VolumeCase, VolumeOptions, VolumeReader, count_voxels, map_on,
    write_made_up,
};
use base::words::bundle as words;
use base::{Affine, Error, Kind, Note, Result, Text, Volume, VolumeBox};
use engine::cpu::Network;
use engine::graph::Builder;
use engine::weights::Scope;
use std::path::{Path, PathBuf};

/// A detector with its weights.
pub struct Reader {
    bundle: Bundle<Plan>,
    compute: Compute,
    scope: Scope,
    sha256: String,
    container: &'static str,
    /// Bytes of the weights.
    weights: u64,
    /// The network and the extents it is planned for.
    network: Option<(Network, [usize; 3])>,
}

impl Reader {
    /// Opens the bundle at `path` and its weights.
    ///
    /// Errors name what the bundle needs and this build lacks, or every tensor that does not fit.
    pub fn open(path: &Path, options: &VolumeOptions) -> Result<Reader> {
        let bundle = Bundle::detector(path)?;
        if !options.chosen.is_empty() {
            let text = words::no_prompts(&options.chosen.join("+"));
            return Err(Error::new(Kind::Usage, text));
        }
        let checkpoint = bundle.checkpoint()?;
        let counts = checkpoint.names().filter_map(|name| checkpoint.entry(name));
        let weights = 4 * counts.map(|entry| entry.count() as u64).sum::<u64>();
        let mut reader = Reader {
            compute: options.compute.clone(),
            scope: checkpoint.scope(),
            sha256: checkpoint.sha256().to_owned(),
            container: checkpoint.container(),
            weights,
            network: None,
            bundle,
        };
        // The least image tells whether the weights fit.
        let least = reader.bundle.plan.divisors.map(|extent| 2 * extent);
        let network = reader.plan(least)?;
        let left = reader.scope.finish(LEFT_OVER);
        left.map_err(|error| translate(error).at(reader.bundle.weights_file()))?;
        reader.network = Some((network, least));
        Ok(reader)
    }

    /// Writes made-up weights of the right shapes where the configuration of the bundle folder at `path`
    /// names its own; gives the file.
    pub fn make_up(path: &Path) -> Result<PathBuf> {
        let bundle = Bundle::detector(path)?;
        let file = bundle.made_up_file(path)?;
        let [i, j, k] = bundle.plan.divisors;
        write_made_up(&file, |b, s| {
            let image = b.input("image", &[1, 1, i, j, k]);
            let levels = bundle.plan.network.levels_of(b, s, image)?;
            Ok(levels.first().map_or(image, |level| level.classes))
        })?;
        Ok(file)
    }

    fn plan(&self, [i, j, k]: [usize; 3]) -> Result<Network> {
        let mut b = Builder::new();
        let image = b.input("image", &[1, 1, i, j, k]);
        let built = self.bundle.plan.network.levels_of(&mut b, &self.scope, image);
        let built = built.and_then(|levels| {
            let names: Vec<[String; 2]> =
                (0..levels.len()).map(|n| [format!("classes {n}"), format!("boxes {n}")]).collect();
            let both = names.iter().zip(&levels);
            let outputs: Vec<(&str, engine::graph::Value)> = both
                .flat_map(|([a, b], level)| {
                    [(a.as_str(), level.classes), (b.as_str(), level.boxes)]
                })
                .collect();
            Network::compile(b.finish(&outputs), &self.compute.options())
        });
        built.map_err(|error| translate(error).at(self.bundle.weights_file()))
    }

    /// Extents of what the network sees at once of a prepared image.
    fn seen(&self, size: [usize; 3]) -> [usize; 3] {
        let plan = &self.bundle.plan;
        let filled = [0, 1, 2].map(|axis| size[axis].next_multiple_of(plan.divisors[axis]));
        match &plan.tiles {
            Some(tiles)
                if plan.always_tiles || count_voxels(size) >= count_voxels(tiles.tile(filled)) =>
            {
                tiles.tile(filled)
            }
            _ => filled,
        }
    }

    fn levels(&mut self, image: Image, told: Told<'_>) -> Result<Vec<LevelAnswer>> {
        let (size, divisors) = (image.size, self.bundle.plan.divisors);
        let seen = self.seen(size);
        let image = image.filled_up(divisors);
        let mut network = match self.network.take() {
            Some((network, planned)) if planned == seen => network,
            _ => self.plan(seen)?,
        };
        let levels = match &self.bundle.plan.tiles {
            Some(tiles) if seen != image.size => answer_tiles(&mut network, tiles, &image, told),
            _ => {
                told(0, 1);
                let levels = answer(&mut network, &image);
                told(1, 1);
                levels
            }
        };
        self.network = Some((network, seen));
        levels
    }

    /// What a class is called: as the bundle says, else what its task says.
    fn class(&self, number: usize) -> (String, Text) {
        let metadata = &self.bundle.metadata;
        if let Some(name) = metadata.outputs.get(number).cloned().flatten() {
            let known = Structure::new(&name, Vec::new());
            let id = base::structure(&name).map_or_else(|| base::kebab(&name), |known| known.id);
            return (id, known.name);
        }
        let says = metadata.name.as_deref().unwrap_or_default().to_ascii_lowercase();
        match base::structure("lung nodule") {
            Some(nodule)
                if self.bundle.plan.network.classes == 1 && says.contains("lung nodule") =>
            {
                (nodule.id, nodule.name)
            }
            _ => (format!("finding-{}", number + 1), words::finding(number + 1)),
        }
    }

    /// What preparing a case takes.
    fn preparing(&self) -> Preparing {
        Preparing { images: self.images(), steps: self.bundle.plan.before.clone() }
    }
}

/// A box of the prepared image in the patient: the axes' own extremes of its first and last corner
/// (`apply_affine_to_boxes`); centre and lengths.
fn placed(found: &Found, affine: &Affine) -> ([f64; 3], [f64; 3]) {
    let at = |corner: [f32; 3]| affine.apply(corner.map(f64::from));
    let (a, b) = (at(found.low), at(found.high));
    let centre = [0, 1, 2].map(|axis| (a[axis] + b[axis]) / 2.0);
    (centre, [0, 1, 2].map(|axis| (a[axis] - b[axis]).abs()))
}

/// Marks the voxels of the case's grid whose centres lie in a box of the prepared image; the nearest one where
/// the box lies between them.
fn mark(labels: &mut [u16], case: &Volume, prepared: &Affine, found: &Found, label: u16) {
    let (Some(to_case), Some(to_box)) = (case.affine().inverse(), prepared.inverse()) else {
        return;
    };
    let (to_case, to_box) = (to_case.after(prepared), to_box.after(case.affine()));
    let size = case.size();
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for corner in 0..8u8 {
        let at = [0, 1, 2].map(|axis| {
            let end = if corner >> axis & 1 == 1 { found.high } else { found.low };
            f64::from(end[axis])
        });
        let at = to_case.apply(at);
        for axis in 0..3 {
            (low[axis], high[axis]) = (low[axis].min(at[axis]), high[axis].max(at[axis]));
        }
    }
    let last = |axis: usize| size[axis].saturating_sub(1) as f64;
    let range = |axis: usize| {
        let first = low[axis].ceil().clamp(0.0, last(axis));
        first as usize..=high[axis].floor().clamp(0.0, last(axis)) as usize
    };
    let inside = |at: [f64; 3]| {
        (0..3).all(|axis| {
            (f64::from(found.low[axis])..=f64::from(found.high[axis])).contains(&at[axis])
        })
    };
    let mut marked = false;
    for k in range(2) {
        for j in range(1) {
            for i in range(0) {
                if inside(to_box.apply([i as f64, j as f64, k as f64])) {
                    labels[(k * size[1] + j) * size[0] + i] = label;
                    marked = true;
                }
            }
        }
    }
    if !marked {
        let middle = |axis: usize| f64::from(found.low[axis] + found.high[axis]) / 2.0;
        let at = to_case.apply([middle(0), middle(1), middle(2)]);
        let [i, j, k] = [0, 1, 2].map(|axis| at[axis].round().clamp(0.0, last(axis)) as usize);
        if let Some(voxel) = labels.get_mut((k * size[1] + j) * size[0] + i) {
            *voxel = label;
        }
    }
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        self.bundle.metadata.images(1)
    }

    fn sha256(&self) -> Option<String> {
        Some(self.sha256.clone())
    }

    fn container(&self) -> String {
        format!("MONAI bundle, {}", self.container)
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let prepared = foresee(&self.bundle.plan.before, volume.size(), volume.spacing_mm());
        // What is planned beside the weights grows with the image.
        let seen = count_voxels(self.seen(prepared));
        let network = self.network.as_ref().map_or(0, |(network, planned)| {
            let buffers = network.planned_bytes().saturating_sub(self.weights);
            let planned = count_voxels(*planned).max(1);
            let share = u128::from(buffers) * u128::from(seen) / u128::from(planned);
            u64::try_from(share).unwrap_or(u64::MAX).saturating_add(self.weights)
        });
        let net = &self.bundle.plan.network;
        let divisors = net.divisors().iter().product::<usize>() as u64;
        // Of the finest level, an eighth of whose places the coarser ones have: heads' answers and their copies.
        let places = count_voxels(prepared) / (divisors >> (3 * (net.levels() - 1))).max(1);
        let answers = 4 * 3 * places * (net.anchors * (net.classes + 6)) as u64;
        Ok(network
            .saturating_add(answers + 16 * (count_voxels(prepared) + volume.frame_len() as u64)))
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        Some(Box::new(self.preparing()))
    }

    fn rest(&mut self) {
        if let Some((network, _)) = &mut self.network {
            network.release_buffers();
        }
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        let prepared = match case.take_prepared() {
            Some(prepared) => prepared,
            None => self.preparing().case(case.volumes, &self.compute.pool)?,
        };
        let Case { volume: prepared, mut notes, .. } = prepared;
        let (size, affine) = (prepared.size(), *prepared.affine());
        let image = Image { values: turned(&prepared.frame_f32(0), size), size };
        drop(prepared);
        let levels = self.levels(image, told)?;
        let plan = &self.bundle.plan;
        let filled = [0, 1, 2].map(|axis| size[axis].next_multiple_of(plan.divisors[axis]));
        let found = select(&plan.anchors, &plan.selector, &levels, filled, size);
        if found.is_empty() {
            notes.push(Note::warning("nothing-found", words::NOTHING));
        }
        let first = case.volumes[0];
        let mut labels = vec![0u16; first.frame_len()];
        let mut boxes = Vec::with_capacity(found.len());
        for (number, found) in found.iter().enumerate() {
            let (centre_mm, extent_mm) = placed(found, &affine);
            let (id, name) = self.class(found.class);
            let label = (number + 1) as u16;
            boxes.push(VolumeBox { id, name, label, score: found.score, centre_mm, extent_mm });
        }
        // The best come last and lie above the others.
        for (number, found) in found.iter().enumerate().rev() {
            mark(&mut labels, first, &affine, found, (number + 1) as u16);
        }
        let classes = 0..plan.network.classes;
        let structures = classes.map(|class| {
            let (id, name) = self.class(class);
            let own = found.iter().zip(1u16..).filter(|(found, _)| found.class == class);
            let labels = own.map(|(_, label)| label).collect();
            let name = words::boxes_around(&name);
            Structure { id: format!("{id}-box"), name, labels, volume_ml: None, appraisal: None }
        });
        let structures = structures.filter(|structure| !structure.labels.is_empty()).collect();
        let map = map_on(first, labels)?;
        let (values, tables) = (Vec::new(), Vec::new());
        Ok(VolumeAnswer { map, structures, boxes, values, tables, pictures: Vec::new(), notes })
    }
}
