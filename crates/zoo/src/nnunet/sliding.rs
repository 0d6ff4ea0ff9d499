//! The sliding window: tiles through the networks of all folds, summed with their weights, and
//! handed on plane by plane as soon as no later tile touches a plane
//! (`nnUNetPredictor.predict_sliding_window_return_logits`).
//!
//! The slab is `[tile depth][channel][height][width]`, a ring along the first axis. Folds share one
//! slab: the mean of their answers is the sum over all of them by the sum of the weights times
//! their number. A tile's answer is added from where the network leaves it, turned back where it
//! was mirrored.

use super::tiles;
use crate::channels::softmax;
use crate::error::translate;
use base::Result;
use engine::Tensor;
use engine::cpu::{Network, Pool};
use std::sync::{Mutex, PoisonError};

/// How tiles go over a case.
#[derive(Clone, Debug)]
pub struct Window {
    /// Extents of a tile; depth 1 for a network of pictures.
    pub tile: [usize; 3],
    /// Spatial axes of the network, two or three.
    pub rank: usize,
    /// Share of a tile from one tile to the next.
    pub step: f64,
    /// Axes of the network along which mirrored copies are read too.
    pub mirror: Vec<usize>,
    /// Output channels of the networks.
    pub channels: usize,
    /// Each answer becomes probabilities before it is summed: version 1. `Some(true)` for regions.
    pub probabilities: Option<bool>,
    /// Weights of version 1.
    pub version_one: bool,
    /// Tiles and weights that another framework's rules gave; the image is no smaller than a tile.
    pub fixed: Option<Fixed>,
}

/// Where tiles start by axis, and how much each voxel of one counts, `[z][y][x]`.
#[derive(Clone, Debug)]
pub struct Fixed {
    /// First voxels, ascending; the last tile ends with the image.
    pub starts: [Vec<usize>; 3],
    /// As many as a tile has voxels, none of them 0.
    pub weights: Vec<f32>,
}

impl Window {
    /// Runs of networks that a case needs, for one fold.
    pub fn runs(&self, shape: [usize; 3]) -> usize {
        let (padded, _) = tiles::padded(shape, self.tile);
        let tiles: usize = (0..3).map(|axis| self.starts(padded, axis).len()).product();
        tiles << self.mirror.len()
    }

    /// Values of the slab and its weights.
    pub fn slab_values(&self, shape: [usize; 3]) -> usize {
        let (padded, _) = tiles::padded(shape, self.tile);
        (self.channels + 1) * self.tile[0] * padded[1] * padded[2]
    }

    fn starts(&self, padded: [usize; 3], axis: usize) -> Vec<usize> {
        if let Some(fixed) = &self.fixed {
            return fixed.starts[axis].clone();
        }
        match self.rank == 2 && axis == 0 {
            true => (0..padded[0]).collect(),
            false => tiles::starts(padded[axis], self.tile[axis], self.step),
        }
    }
}

/// What a run reports and takes.
pub struct Hooks<'h> {
    /// A finished plane: its number and its answer `[channel][height][width]`.
    pub plane: &'h mut dyn FnMut(usize, &[f32]) -> Result<()>,
    /// After each run of a network.
    pub ran: &'h mut dyn FnMut(),
}

/// Goes over `image`, `[channel][z][y][x]` of extents `shape`, with one network for each fold.
pub fn slide(
    pool: &Pool,
    window: &Window,
    networks: &mut [Network],
    image: &[Vec<f32>],
    shape: [usize; 3],
    hooks: &mut Hooks<'_>,
) -> Result<()> {
    let (padded, before) = tiles::padded(shape, window.tile);
    let inner = &window.tile[3 - window.rank..];
    let weights = match &window.fixed {
        Some(fixed) => fixed.weights.clone(),
        None => tiles::importance(inner, window.version_one),
    };
    let mut slab = Slab::new(window, padded);
    let mut input_shape = vec![1, image.len()];
    input_shape.extend(inner);
    let mut input = Tensor::zeros(&input_shape);
    let mut emitter = Emitter {
        folds: networks.len(),
        before,
        shape,
        out: vec![0.0; window.channels * shape[1] * shape[2]],
    };
    let mirrors = mirrors(window);
    // Mirrored copies count as one together. Their number is a power of two: the shares are exact.
    let shares: Vec<f32> = weights.iter().map(|weight| weight / mirrors.len() as f32).collect();
    let (tops, lefts, firsts) =
        (window.starts(padded, 1), window.starts(padded, 2), window.starts(padded, 0));
    for (place, &first) in firsts.iter().enumerate() {
        let corners =
            tops.iter().flat_map(|&top| lefts.iter().map(move |&left| [first, top, left]));
        for fold in 0..networks.len() {
            take_turn(networks, fold)?;
            for corner in corners.clone() {
                fill(input.data_mut(), image, shape, before, corner, window.tile);
                for mirror in &mirrors {
                    flip(input.data_mut(), window.tile, mirror);
                    let add = |answer: &mut [f32]| {
                        finish(pool, window, answer);
                        slab.add(pool, corner, answer, &shares, mirror);
                    };
                    networks[fold].run_lent(&[&input], add).map_err(translate)?;
                    flip(input.data_mut(), window.tile, mirror);
                    (hooks.ran)();
                }
            }
        }
        corners.for_each(|corner| slab.weigh(corner, &weights));
        let done = firsts.get(place + 1).copied().unwrap_or(padded[0]);
        for plane in first..done {
            emitter.emit(pool, &mut slab, plane, hooks)?;
        }
    }
    Ok(())
}

/// Gives the buffers to the network whose turn it is: the arena of only one is ever in memory.
fn take_turn(networks: &mut [Network], fold: usize) -> Result<()> {
    let count = networks.len();
    if count < 2 {
        return Ok(());
    }
    let holder = (fold + count - 1) % count;
    let (low, high) = networks.split_at_mut(holder.max(fold));
    match (low.get_mut(holder.min(fold)), high.first_mut()) {
        (Some(a), Some(b)) => a.exchange_buffers(b).map_err(translate),
        _ => Ok(()),
    }
}

/// A tile of the padded image; zeros outside the image.
fn fill(
    input: &mut [f32],
    image: &[Vec<f32>],
    shape: [usize; 3],
    before: [usize; 3],
    corner: [usize; 3],
    tile: [usize; 3],
) {
    let [_, rows, columns] = shape;
    let [depth, height, width] = tile;
    let voxels = depth * height * width;
    // Along the row: the part of the tile that lies in the image.
    let from = before[2].saturating_sub(corner[2]).min(width);
    let start = (corner[2] + from).saturating_sub(before[2]);
    let count = (width - from).min(columns.saturating_sub(start));
    for (channel, out) in image.iter().zip(input.chunks_exact_mut(voxels.max(1))) {
        out.fill(0.0);
        for z in 0..depth {
            let Some(plane) = inside(corner[0] + z, before[0], shape[0]) else { continue };
            for y in 0..height {
                let Some(row) = inside(corner[1] + y, before[1], rows) else { continue };
                let source = (plane * rows + row) * columns + start;
                let target = (z * height + y) * width + from;
                out[target..target + count].copy_from_slice(&channel[source..source + count]);
            }
        }
    }
}

fn inside(at: usize, before: usize, extent: usize) -> Option<usize> {
    at.checked_sub(before).filter(|&at| at < extent)
}

/// Axes of a tile along which each run is mirrored, none in the first
/// (`_internal_maybe_mirror_and_predict`).
fn mirrors(window: &Window) -> Vec<Vec<usize>> {
    let axes: Vec<usize> = window.mirror.iter().map(|axis| axis + 3 - window.rank).collect();
    let picked = |combination: usize| {
        axes.iter().enumerate().filter(move |(bit, _)| combination >> bit & 1 == 1)
    };
    (0..1 << axes.len()).map(|c| picked(c).map(|(_, &axis)| axis).collect()).collect()
}

/// Probabilities of logits, where those are summed.
fn finish(pool: &Pool, window: &Window, answer: &mut [f32]) {
    match window.probabilities {
        None => {}
        Some(true) => answer.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp())),
        Some(false) => softmax(pool, answer, window.channels),
    }
}

/// Reverses every channel along some axes of `tile`.
fn flip(data: &mut [f32], tile: [usize; 3], axes: &[usize]) {
    let [depth, height, width] = tile;
    for channel in data.chunks_exact_mut((depth * height * width).max(1)) {
        if axes.contains(&0) {
            for z in 0..depth / 2 {
                let (low, high) = channel.split_at_mut((depth - 1 - z) * height * width);
                low[z * height * width..][..height * width]
                    .swap_with_slice(&mut high[..height * width]);
            }
        }
        if axes.contains(&1) {
            for plane in channel.chunks_exact_mut((height * width).max(1)) {
                for y in 0..height / 2 {
                    let (low, high) = plane.split_at_mut((height - 1 - y) * width);
                    low[y * width..][..width].swap_with_slice(&mut high[..width]);
                }
            }
        }
        if axes.contains(&2) {
            channel.chunks_exact_mut(width.max(1)).for_each(<[f32]>::reverse);
        }
    }
}

/// Sums of weighted answers and of weights, as deep as a tile.
struct Slab {
    channels: usize,
    depth: usize,
    plane: [usize; 2],
    tile: [usize; 3],
    /// `[depth][channel][height][width]`, so that a plane is one run.
    sums: Vec<f32>,
    weights: Vec<f32>,
}

impl Slab {
    fn new(window: &Window, padded: [usize; 3]) -> Slab {
        let plane = padded[1] * padded[2];
        Slab {
            channels: window.channels,
            depth: window.tile[0],
            plane: [padded[1], padded[2]],
            tile: window.tile,
            sums: vec![0.0; window.tile[0] * window.channels * plane],
            weights: vec![0.0; window.tile[0] * plane],
        }
    }

    /// Adds a tile's answer `[channel][z][y][x]`, mirrored along some axes, each voxel times its
    /// share; each plane of the ring by one task.
    fn add(
        &mut self,
        pool: &Pool,
        corner: [usize; 3],
        answer: &[f32],
        shares: &[f32],
        mirror: &[usize],
    ) {
        let [depth, height, width] = self.tile;
        let [rows, columns] = self.plane;
        let (channels, plane, ring) = (self.channels, rows * columns, self.depth);
        let turned = |axis: usize, at: usize| match mirror.contains(&axis) {
            true => self.tile[axis] - 1 - at,
            false => at,
        };
        let tasks: Vec<Mutex<&mut [f32]>> =
            self.sums.chunks_exact_mut((channels * plane).max(1)).map(Mutex::new).collect();
        pool.run(depth, |z| {
            let Some(task) = tasks.get((corner[0] + z) % ring) else { return };
            let mut sums = task.lock().unwrap_or_else(PoisonError::into_inner);
            for channel in 0..channels {
                for y in 0..height {
                    let target = channel * plane + (corner[1] + y) * columns + corner[2];
                    let source = (channel * depth + turned(0, z)) * height + turned(1, y);
                    let values = &answer[source * width..][..width];
                    let sums = sums[target..][..width].iter_mut();
                    let sums = sums.zip(&shares[(z * height + y) * width..][..width]);
                    match mirror.contains(&2) {
                        false => sums.zip(values).for_each(|((s, w), v)| *s += v * w),
                        true => sums.zip(values.iter().rev()).for_each(|((s, w), v)| *s += v * w),
                    }
                }
            }
        });
    }

    /// Counts a tile.
    fn weigh(&mut self, corner: [usize; 3], weights: &[f32]) {
        let [_, height, width] = self.tile;
        let [rows, columns] = self.plane;
        for (line, weights) in weights.chunks_exact(width.max(1)).enumerate() {
            let (z, y) = (line / height, line % height);
            let place = (corner[0] + z) % self.depth;
            let target = (place * rows + corner[1] + y) * columns + corner[2];
            let totals = self.weights[target..][..width].iter_mut();
            totals.zip(weights).for_each(|(total, weight)| *total += weight);
        }
    }
}

/// Hands planes on.
struct Emitter {
    folds: usize,
    before: [usize; 3],
    shape: [usize; 3],
    out: Vec<f32>,
}

impl Emitter {
    /// Divides plane `at` of the padded image by its weights, cuts the padding off, hands it on and
    /// clears it for the plane that takes its place in the ring.
    fn emit(
        &mut self,
        pool: &Pool,
        slab: &mut Slab,
        at: usize,
        hooks: &mut Hooks<'_>,
    ) -> Result<()> {
        let [rows, columns] = slab.plane;
        let plane = rows * columns;
        let place = at % slab.depth;
        let sums = &mut slab.sums[place * slab.channels * plane..][..slab.channels * plane];
        let weights = &mut slab.weights[place * plane..][..plane];
        let number = inside(at, self.before[0], self.shape[0]);
        if let Some(number) = number {
            let [_, height, width] = self.shape;
            let (top, left) = (self.before[1], self.before[2]);
            let (folds, sums, weights) = (self.folds as f32, &*sums, &*weights);
            let tasks: Vec<Mutex<&mut [f32]>> =
                self.out.chunks_exact_mut((height * width).max(1)).map(Mutex::new).collect();
            pool.run(tasks.len(), |channel| {
                let mut out = tasks[channel].lock().unwrap_or_else(PoisonError::into_inner);
                for (y, out) in out.chunks_exact_mut(width.max(1)).enumerate() {
                    let at = (top + y) * columns + left;
                    let sums = &sums[channel * plane + at..][..width];
                    for ((out, sum), weight) in out.iter_mut().zip(sums).zip(&weights[at..]) {
                        *out = sum / (weight * folds);
                    }
                }
            });
            drop(tasks);
            (hooks.plane)(number, &self.out)?;
        }
        sums.fill(0.0);
        weights.fill(0.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_twice_changes_nothing() {
        let tile = [3, 4, 5];
        let data: Vec<f32> = (0..120).map(|i| i as f32).collect();
        for axes in [&[0][..], &[1], &[2], &[0, 2], &[0, 1, 2]] {
            let mut turned = data.clone();
            flip(&mut turned, tile, axes);
            let origin = [0, 1, 2].map(|a| if axes.contains(&a) { tile[a] - 1 } else { 0 });
            let at = (origin[0] * 4 + origin[1]) * 5 + origin[2];
            assert_eq!(turned[0], data[at]);
            flip(&mut turned, tile, axes);
            assert_eq!(turned, data);
        }
    }

    #[test]
    fn a_tile_beyond_the_border_reads_zeros_there() {
        let image = [(1..=6).map(|i| i as f32).collect::<Vec<f32>>()];
        let mut input = vec![9.0; 12];
        fill(&mut input, &image, [1, 2, 3], [0, 0, 1], [0, 0, 0], [1, 3, 4]);
        assert_eq!(input, [0.0, 1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0, 0.0, 0.0, 0.0, 0.0]);
    }
}
