//! lungmask: lungs and lobes on CT, slice by slice.
//!
//! Reference: JoHof/lungmask 0.2.20, `mask.py`, `utils.py`, `resunet.py`. Slices are turned to LPS, cropped
//! to the body, brought to 256 × 256, read by a 2-D U-Net, and the labels cleaned in three dimensions.

mod body;
mod case;
mod clean;

pub use body::{Slice, prepare};
pub use clean::clean;

use crate::ahead::{Preparer, one_image};
use crate::arch::lung_unet;
use crate::channels;
use crate::error::{translate, translate_volume};
use crate::volume_system::{
    Published, Structure, Told, VolumeAnswer, VolumeCard, VolumeCase, VolumeOptions, VolumeReader,
    VolumeSystem, find_published, fits_modality, labels_of, map_on, open_checkpoint, single_volume,
    write_made_up,
};
use base::words::lungmask as words;
use base::{Modality, Note, Result, Text, Volume};
use case::Case;
use engine::Tensor;
use engine::cpu::{Network, Pool};
use engine::graph::Builder;
use std::path::Path;
use std::time::Duration;

/// Rows and columns of what the network sees.
pub const SIDE: usize = 256;

/// Labels 1 and 2 of R231.
const SIDES: [&str; 2] = ["lung_right", "lung_left"];
/// Labels 1 to 5 of LTRCLobes.
const LOBE_NAMES: [&str; 5] = [
    "lung_upper_lobe_left",
    "lung_lower_lobe_left",
    "lung_upper_lobe_right",
    "lung_middle_lobe_right",
    "lung_lower_lobe_right",
];

const R231: Published = Published {
    name: "unet_r231-d5d2fc3d.pth",
    url: "https://github.com/JoHof/lungmask/releases/download/v0.0/unet_r231-d5d2fc3d.pth",
    sha256: None,
};
const LOBES: Published = Published {
    name: "unet_ltrclobes-3a07043d.pth",
    url: "https://github.com/JoHof/lungmask/releases/download/v0.0/unet_ltrclobes-3a07043d.pth",
    sha256: None,
};
const COVID: Published = Published {
    name: "unet_r231covid-0de78a7e.pth",
    url: "https://github.com/JoHof/lungmask/releases/download/v0.0/unet_r231covid-0de78a7e.pth",
    sha256: None,
};

/// Two lungs, whatever the disease.
pub static LUNGS: Lungmask = Lungmask {
    id: "lungmask-r231",
    aliases: &["lungmask", "R231"],
    name: words::R231,
    weights: &[R231],
    structures: &SIDES,
};
/// Two lungs, tuned on web images of COVID-19.
pub static LUNGS_COVID: Lungmask = Lungmask {
    id: "lungmask-r231covidweb",
    aliases: &["R231CovidWeb"],
    name: words::COVID,
    weights: &[COVID],
    structures: &SIDES,
};
/// Five lobes.
pub static LUNG_LOBES: Lungmask = Lungmask {
    id: "lungmask-ltrclobes",
    aliases: &["LTRCLobes"],
    name: words::LTRC,
    weights: &[LOBES],
    structures: &LOBE_NAMES,
};
/// Five lobes within the lungs that R231 finds.
pub static LUNG_LOBES_FUSED: Lungmask = Lungmask {
    id: "lungmask-ltrclobes-r231",
    aliases: &["LTRCLobes_R231"],
    name: words::FUSED,
    weights: &[LOBES, R231],
    structures: &LOBE_NAMES,
};

/// One of the published models, or the fusion of two.
pub struct Lungmask {
    id: &'static str,
    aliases: &'static [&'static str],
    name: Text,
    /// The model, and the one that fills it.
    weights: &'static [Published],
    /// Names of labels 1, 2, ….
    structures: &'static [&'static str],
}

impl VolumeSystem for Lungmask {
    fn card(&self) -> VolumeCard {
        VolumeCard {
            id: self.id,
            aliases: self.aliases,
            name: self.name.clone(),
            survey_row: "lungmask",
            modalities: &[Modality::Ct],
            choices: &[],
            weights: self.weights,
            code_licence: "Apache-2.0",
            weights_licence: words::WEIGHTS_LICENCE,
            intended_use: words::USE,
            limits: words::LIMITS,
            paper: "Hofmanninger et al., European Radiology Experimental 4:50 (2020)",
        }
    }

    fn open(&self, path: &Path, options: &VolumeOptions) -> Result<Box<dyn VolumeReader>> {
        let card = self.card();
        let classes = self.structures.len() + 1;
        let mut networks = Vec::new();
        let mut sha256 = Vec::new();
        for (number, published) in self.weights.iter().enumerate() {
            let file = find_published(&card, path, published)?;
            let checkpoint = open_checkpoint(&card, &file)?;
            // The filling model tells right from left only.
            let classes = if number == 0 { classes } else { SIDES.len() + 1 };
            let scope = checkpoint.scope();
            let mut b = Builder::new();
            let network = lung_unet::logits(&mut b, &scope, SIDE, classes)
                .and_then(|logits| {
                    scope.finish(lung_unet::LEFT_OVER)?;
                    let graph = b.finish(&[("logits", logits)]);
                    Network::compile(graph, &options.compute.options())
                })
                .map_err(|error| translate_volume(&card, error.at(&file)))?;
            networks.push(network);
            sha256.push(checkpoint.sha256().to_owned());
        }
        let pool = options.compute.pool.clone();
        Ok(Box::new(Reader { card, networks, structures: self.structures, sha256, pool }))
    }

    fn made_up(&self, folder: &Path, _chosen: &[String]) -> Result<bool> {
        for (number, published) in self.weights.iter().enumerate() {
            let classes = if number == 0 { self.structures.len() } else { SIDES.len() } + 1;
            write_made_up(&folder.join(published.name), |b, s| {
                lung_unet::logits(b, s, SIDE, classes)
            })?;
        }
        Ok(true)
    }
}

struct Reader {
    card: VolumeCard,
    networks: Vec<Network>,
    structures: &'static [&'static str],
    sha256: Vec<String>,
    pool: Pool,
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        vec!["CT".into()]
    }

    fn sha256(&self) -> Option<String> {
        self.sha256.first().cloned()
    }

    fn container(&self) -> String {
        "pytorch".into()
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let [_, _, slices] = volume.size();
        let networks: u64 = self.networks.iter().map(Network::planned_bytes).sum();
        // The image, labels of both grids, and what cleaning keeps of each voxel.
        let small = (slices * SIDE * SIDE) as u64;
        Ok(networks + 8 * volume.frame_len() as u64 + 16 * small)
    }

    fn network_time(&self) -> Option<Duration> {
        Some(self.networks.iter().map(Network::ran).sum())
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        one_image(&self.card, case::bytes, |volume, _, pool| Case::of(volume, pool))
    }

    fn rest(&mut self) {
        self.networks.iter_mut().for_each(Network::release_buffers);
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        fits_modality(&self.card, case.facts)?;
        let volume = single_volume(&self.card, case.volumes)?;
        let prepared = match case.take_prepared() {
            Some(prepared) => prepared,
            None => Case::of(volume, &self.pool)?,
        };
        let Case { slices, turned, mut notes } = prepared;
        let [ni, nj, nk] = turned.size();
        let (mut done, total) = (0, nk * self.networks.len());
        let mut maps = Vec::new();
        for network in &mut self.networks {
            let mut small = Vec::with_capacity(nk * SIDE * SIDE);
            for slice in &slices {
                let input =
                    Tensor::new(&[1, 1, SIDE, SIDE], slice.values.clone()).map_err(translate)?;
                let logits = network.run(&[&input]).map_err(translate)?.remove(0);
                small.extend(channels::largest::<u16>(logits.data(), SIDE * SIDE));
                done += 1;
                told(done, total);
            }
            let cleaned = clean(&small, [nk, SIDE, SIDE], &[]);
            let labels = body::restore(&self.pool, &cleaned, &slices, [nk, nj, ni])?;
            let map = map_on(&turned, labels)?.reoriented(volume.orientation());
            maps.push(labels_of(&map));
        }
        let mut labels = maps.remove(0);
        if let Some(filled) = maps.pop() {
            labels = fuse(labels, &filled, [volume.size()[2], volume.size()[1], volume.size()[0]]);
        }
        if labels.iter().all(|&label| label == 0) {
            notes.push(Note::warning("nothing-found", words::NOTHING));
        }
        let named = self.structures.iter().zip(1..);
        let structures = named.map(|(id, label)| Structure::new(id, vec![label])).collect();
        let map = map_on(volume, labels)?;
        Ok(VolumeAnswer {
            map,
            structures,
            boxes: Vec::new(),
            values: Vec::new(),
            tables: Vec::new(),
            pictures: Vec::new(),
            notes,
        })
    }
}

/// The lobes where the lungs are: what the lobes leave out is shared among their neighbours
/// (`LMInferer.apply` with a filling model).
pub fn fuse(mut lobes: Vec<u16>, lungs: &[u16], shape: [usize; 3]) -> Vec<u16> {
    let spare = lobes.iter().copied().max().unwrap_or(0) + 1;
    for (lobe, &lung) in lobes.iter_mut().zip(lungs) {
        match (*lobe, lung) {
            (_, 0) => *lobe = 0,
            (0, _) => *lobe = spare,
            _ => {}
        }
    }
    clean(&lobes, shape, &[spare])
}
