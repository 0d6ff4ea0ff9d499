//! The part of a large scan that phase 1 reads: the spine as VIBESegmentator sees it in the whole, an nnU-Net of
//! other authors.
//!
//! Reference: Hendrik-code/spineps (60cc736) `seg_run.py`, `phase_pre.py` (`compute_crop`); Hendrik-code/TPTBox
//! (f43f7fb) `segmentation/VibeSeg/{vibeseg,inference_nnunet,auto_download}.py`. Labels 23 sacrum, 68 disc, 69 body,
//! 70 what lies behind it.

use super::config::Config;
use super::grid::{Prepared, along_ijk, nearest};
use super::labels::{Box3, Labels};
use crate::nnunet::fields::Field;
use crate::nnunet::source::Source;
use crate::nnunet::{Images, Model, Options};
use crate::systems::totalsegmentator::bounds_of;
use crate::volume_system::{Published, count_voxels};
use base::words::spineps as words;
use base::{Grid, Orientation, Result, Volume};
use engine::cpu::Pool;
use std::path::{Path, PathBuf};

/// Its archive.
pub(super) const WEIGHTS: Published = Published {
    name: "100.zip",
    url: "https://github.com/robert-graf/VibeSegmentator/releases/download/v1.0.0/100.zip",
    sha256: None,
};
/// What its folder's name begins with.
const FOLDER: &str = "Dataset100";
/// Labels that are spine.
const SPINE: [u16; 4] = [23, 68, 69, 70];
/// Left around the spine (`VIBE_CROP_MARGIN_MM`), by the finest spacing along every axis.
const MARGIN_MM: f64 = 25.0 * 0.75;
/// Voxels that its image is mirrored by on every side.
const PAD: usize = 5;
/// A case of more voxels is cropped if the model's spacing is at most so many millimetres.
const MOST_VOXELS: usize = 200 * 200 * 200;
/// See [`MOST_VOXELS`].
const FINE_MM: f64 = 1.2;
/// Values above this are scaled to 1000, for they are read in half precision.
const HIGHEST: f32 = 10_000.0;

/// Whether a model of phase 1 is ever given a part.
pub(super) fn is_fine(semantic: &Config) -> bool {
    semantic.needs_crop || semantic.spacing_mm[1].into_iter().fold(0.0, f64::max) <= FINE_MM
}

/// Whether a scan is to be cropped for it.
pub fn wanted(semantic: &Config, volume: &Volume) -> bool {
    semantic.needs_crop || (is_fine(semantic) && volume.frame_len() > MOST_VOXELS)
}

/// Whether a file or folder beside the models of SPINEPS is VIBESegmentator's.
pub(super) fn is_its(name: &str) -> bool {
    name == WEIGHTS.name || name.starts_with(FOLDER)
}

/// VIBESegmentator with its weights.
pub(super) struct Region {
    pub model: Model,
    ask: Ask,
}

/// How its image lies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ask {
    /// Where its axes point to; the image's own where nothing is said.
    pub axes: Option<Orientation>,
    /// The spacing along them; the image's own where nothing is said.
    pub spacing_mm: Option<[f64; 3]>,
}

impl Region {
    /// Opens the weights beside those of SPINEPS; `None` where there are none.
    ///
    /// Errors name the file and what does not fit.
    pub fn open(path: &Path, pool: &Pool, exact: bool) -> Result<Option<Region>> {
        let Some((root, inside)) = find(path)? else { return Ok(None) };
        let options = Options { inside, postprocess: false, exact, ..Options::default() };
        let model = Model::open(&root, pool, &options)?;
        let trained = model.trained();
        let mut ask = Ask::default();
        // Later ones speak louder.
        for name in ["dataset.json", "inference_config.json"] {
            if let Some((file, json)) = trained.beside(name)? {
                ask.read(&Field::root(&file, &json))?;
            }
        }
        Ok(Some(Region { model, ask }))
    }

    /// Bytes that it takes while it runs.
    pub fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let axes = self.ask.axes.unwrap_or(volume.orientation());
        let way = volume.orientation().way_to(axes);
        let own = way.map(|(axis, _)| volume.spacing_mm()[axis]);
        let spacing = self.ask.spacing_mm.unwrap_or(own);
        let size: [usize; 3] = std::array::from_fn(|axis| {
            let count = volume.size()[way[axis].0] as f64 * own[axis] / spacing[axis];
            count.round().clamp(1.0, 1e6) as usize + 2 * PAD
        });
        let voxels = count_voxels(size);
        let [x, y, z] = size;
        let [dx, dy, dz] = spacing;
        Ok(self.model.need([z, y, x], [dz, dy, dx])?.bytes + 8 * voxels)
    }

    /// The box around the spine; `None` where none is seen.
    pub fn find(
        &mut self,
        pool: &Pool,
        volume: &Volume,
        told: &mut dyn FnMut(usize, usize),
    ) -> Result<Option<Box3>> {
        let model = &mut self.model;
        let found = spine(pool, volume, self.ask, &mut |images| {
            Ok(model.predict(images, &mut |at| told(at.done, at.total))?.labels)
        });
        self.model.release_buffers();
        found
    }
}

impl Ask {
    /// What a file of settings says.
    pub(crate) fn read(&mut self, root: &Field<'_>) -> Result<()> {
        if let Some(axes) = root.get("orientation").or(root.get("model_expected_orientation")) {
            let axis = |axis: &Field<'_>| axis.text().map(str::to_owned);
            let code = axes.list()?.iter().map(axis).collect::<Result<Vec<String>>>()?.concat();
            self.axes = Some(Orientation::parse(&code).ok_or_else(|| axes.wrong(&words::AXES))?);
        }
        let three = |field: &Field<'_>| -> Result<[f64; 3]> {
            let items = field.list_of(3)?;
            Ok([items[0].positive()?, items[1].positive()?, items[2].positive()?])
        };
        if let Some(spacing) = root.get("spacing") {
            let [z, y, x] = three(&spacing)?;
            self.spacing_mm = Some([x, y, z]);
        }
        if let Some(spacing) = root.get("resolution_range") {
            self.spacing_mm = Some(three(&spacing)?);
        }
        Ok(())
    }
}

/// The box around what a network calls spine; it answers labels `[z][y][x]` to an image.
pub fn spine(
    pool: &Pool,
    volume: &Volume,
    ask: Ask,
    network: &mut dyn FnMut(Images) -> Result<Vec<u16>>,
) -> Result<Option<Box3>> {
    let axes = ask.axes.unwrap_or(volume.orientation());
    let image = Prepared::untouched(volume, HIGHEST);
    let (images, grid) = image.images(pool, axes, |own| ask.spacing_mm.unwrap_or(own))?;
    let labels = network(mirrored(images))?;
    let labels = inner(labels, &grid);
    let labels = nearest(&labels, &grid, volume.grid())?;
    let mask: Vec<bool> =
        super::grid::as_kji(&labels).into_iter().map(|label| SPINE.contains(&label)).collect();
    let finest = volume.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
    Ok(bounds_of(&mask, volume.size(), [(MARGIN_MM / finest) as usize; 3]))
}

/// The image with its border mirrored outwards, the outermost voxels once.
fn mirrored(images: Images) -> Images {
    let [nz, ny, nx] = images.shape;
    let back = |at: usize, count: usize| {
        let period = (2 * (count - 1)).max(1) as isize;
        let at = (at as isize - PAD as isize).rem_euclid(period);
        at.min(period - at).min(count as isize - 1) as usize
    };
    let shape = images.shape.map(|count| count + 2 * PAD);
    let wider = |values: &Vec<f32>| {
        let mut out = Vec::with_capacity(shape.iter().product());
        for z in 0..shape[0] {
            for y in 0..shape[1] {
                let row = (back(z, nz) * ny + back(y, ny)) * nx;
                out.extend((0..shape[2]).map(|x| values[row + back(x, nx)]));
            }
        }
        out
    };
    let channels = images.channels.iter().map(wider).collect();
    Images { shape, spacing: images.spacing, channels }
}

/// Labels of the mirrored image without its border, along i, j, k of the grid.
fn inner(labels: Vec<u16>, grid: &Grid) -> Labels {
    let [ni, nj, nk] = grid.size;
    let (rows, width) = (nj + 2 * PAD, ni + 2 * PAD);
    let mut kept = Vec::with_capacity(ni * nj * nk);
    for k in PAD..PAD + nk {
        for j in PAD..PAD + nj {
            let start = (k * rows + j) * width + PAD;
            kept.extend_from_slice(labels.get(start..start + ni).unwrap_or(&[]));
        }
    }
    along_ijk(&kept, grid.size)
}

/// Where it lies: in the folder itself, as an archive there, or in the archive that is opened.
fn find(path: &Path) -> Result<Option<(PathBuf, String)>> {
    let archive = path.join(WEIGHTS.name);
    if archive.is_file() {
        return Ok(Some((archive, String::new())));
    }
    let source = Source::open(path)?;
    let names = ["".to_owned()].into_iter().chain(source.folders(""));
    let places = names.flat_map(|above| {
        let own = source.folders(&above).into_iter().filter(|name| name.starts_with(FOLDER));
        own.map(|name| crate::nnunet::inside(&above, &name)).collect::<Vec<_>>()
    });
    Ok(places.into_iter().next().map(|inside| (path.to_path_buf(), inside)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_are_mirrored_as_numpy_mirrors_them() {
        let channels = vec![vec![0.0, 1.0, 2.0, 3.0]];
        let wide = mirrored(Images { shape: [1, 1, 4], spacing: [1.0; 3], channels });
        assert_eq!(wide.shape, [11, 11, 14]);
        // numpy.pad([0, 1, 2, 3], 5, "reflect")
        let row = [1.0, 2.0, 3.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0, 1.0, 2.0];
        assert_eq!(wide.channels[0][..14], row);
    }
}
