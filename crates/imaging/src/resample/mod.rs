//! Resizing exactly as each reference does it. Each file names the library and version it agrees
//! with; none of them is "the" bilinear filter.
//!
//! The floating ones are separable: a [`Taps`] table per axis says which source samples make each
//! output sample and with which weights. [`separable`] applies two tables to a picture; a
//! [`Resampler`] applies three to a volume, on all threads, and gives any slab of the result.
//!
//! | file | reference |
//! |---|---|
//! | `scipy` | `scipy.ndimage.zoom`, `affine_transform` along the axes |
//! | `rotate` | `scipy.ndimage.rotate` |
//! | `skimage` | `skimage.transform.resize` |
//! | `torch` | `torch.nn.functional.interpolate` |
//! | `segment` | an argmax over resampled logits, without holding them |
//! | `labels` | `resize_segmentation` of batchgenerators |
//! | `nnunet`, `nnunet_torch` | nnU-Net's resampling of images, logits and label maps |
//! | `grid`, `label_gaussian` | ITK's resample filter, from grid to grid |
//! | `opencv` | `cv2.resize` |
//! | `pil` | `PIL.Image.resize` |

mod grid;
mod label_gaussian;
mod labels;
mod nnunet;
mod nnunet_torch;
mod opencv;
mod parallel;
mod pil;
mod rotate;
mod scipy;
mod segment;
mod skimage;
mod spline;
mod taps;
mod torch;
mod volume;

pub use grid::{GridResampler, Sampling, labels_to_grid, resample_to_grid};
pub use label_gaussian::labels_to_grid_smooth;
pub use labels::{Label, Rule, resize_labels};
pub use nnunet::NnUnet;
pub use nnunet_torch::NnUnetTorch;
pub use opencv::{OpenCv, opencv_u8, opencv_u16};
pub use pil::{Pil, bilinear as pil_bilinear, pil_u8};
pub use rotate::rotate_planes;
pub use scipy::{Mode, Zoom, rescale};
pub use segment::{Decision, Segmenter, segment_volume};
pub use skimage::{Edge, Resize, resize as skimage};
pub use taps::{Taps, separable};
pub use torch::{Interpolate, Interpolation};
pub use torch::{antialiased as torch_antialiased, bilinear as torch_bilinear};
pub use volume::Resampler;

use base::words::resample as words;
use base::{Error, Kind, Result};
use kernels::Pool;

/// Which reference resamples, and with which options.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// `scipy.ndimage.zoom`.
    Scipy(Zoom),
    /// `skimage.transform.resize`.
    Skimage(Resize),
    /// `torch.nn.functional.interpolate`.
    Torch(Interpolate),
    /// `cv2.resize` on 32-bit floats.
    OpenCv(OpenCv),
    /// `Image.resize` of Pillow on images of mode `F`.
    Pil(Pil),
}

impl Method {
    /// Tables for extents that are not zero.
    fn plan(&self, from: [usize; 3], to: [usize; 3]) -> volume::Plan {
        match self {
            Method::Scipy(zoom) => zoom.plan(from, to),
            Method::Skimage(resize) => resize.plan(from, to),
            Method::Torch(interpolate) => interpolate.plan(from, to),
            Method::OpenCv(interpolation) => interpolation.plan(from, to),
            Method::Pil(filter) => filter.plan(from, to),
        }
    }
}

/// Resamples a volume `[from[0]][from[1]][from[2]]` to `[to[0]][to[1]][to[2]]`; a picture has
/// `from[0] == to[0] == 1`.
///
/// The same result for any number of threads. Errors: see [`Resampler::new`].
pub fn resample_volume(
    pool: &Pool,
    data: &[f32],
    from: [usize; 3],
    to: [usize; 3],
    method: &Method,
) -> Result<Vec<f32>> {
    Ok(Resampler::new(pool, data, from, to, method)?.all(pool))
}

/// Checks that shapes have samples, fit memory, and go with the data.
fn extents(length: usize, from: [usize; 3], to: [usize; 3]) -> Result<()> {
    let count = |shape: [usize; 3]| {
        shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent))
    };
    if from.contains(&0) || to.contains(&0) {
        return Err(Error::new(Kind::BrokenInput, words::ZERO_EXTENT));
    }
    if count(from) != Some(length) {
        return Err(Error::new(Kind::BrokenInput, words::not_the_shape(length, &from)));
    }
    match count(to) {
        Some(count) if count <= isize::MAX as usize / 8 => Ok(()),
        _ => Err(Error::new(Kind::Limit, words::TOO_LARGE)),
    }
}
