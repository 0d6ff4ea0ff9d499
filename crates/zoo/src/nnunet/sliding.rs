//! The sliding window: tiles through the networks of all folds, summed with their weights, and
//! handed on plane by plane as soon as no later tile touches a plane
//! (`nnUNetPredictor.predict_sliding_window_return_logits`).
//!
//! The slab is `[heads][tile depth][height][width]`, a ring along the first axis. Folds share one
//! slab: the mean of their answers is the sum over all of them by the sum of the weights times
//! their number.

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
    /// Output channels.
    pub heads: usize,
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
        (self.heads + 1) * self.tile[0] * padded[1] * padded[2]
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
    /// A finished plane: its number and its logits `[heads][height][width]`.
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
    let [depth, height, width] = window.tile;
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
        out: vec![0.0; window.heads * shape[1] * shape[2]],
    };
    let (tops, lefts, firsts) =
        (window.starts(padded, 1), window.starts(padded, 2), window.starts(padded, 0));
    for (place, &first) in firsts.iter().enumerate() {
        for fold in 0..networks.len() {
            take_turn(networks, fold)?;
            for &top in &tops {
                for &left in &lefts {
                    let corner = [first, top, left];
                    fill(input.data_mut(), image, shape, before, corner, window.tile);
                    let mut answer =
                        mirrored(pool, window, &mut networks[fold], &mut input, hooks.ran)?;
                    let voxels = depth * height * width;
                    answer.chunks_exact_mut(voxels.max(1)).for_each(|channel| {
                        channel.iter_mut().zip(&weights).for_each(|(value, w)| *value *= w);
                    });
                    let weights = (fold == 0).then_some(weights.as_slice());
                    slab.add(pool, corner, &answer, weights);
                }
            }
        }
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

/// The answer, the mean with those of mirrored copies turned back
/// (`_internal_maybe_mirror_and_predict`).
fn mirrored(
    pool: &Pool,
    window: &Window,
    network: &mut Network,
    input: &mut Tensor,
    ran: &mut dyn FnMut(),
) -> Result<Vec<f32>> {
    let mut sum = run(pool, window, network, input)?;
    ran();
    let axes = window.mirror.len();
    for combination in 1..1usize << axes {
        let picked = (0..axes).filter(|bit| combination >> bit & 1 == 1);
        let flips: Vec<usize> = picked.map(|bit| window.mirror[bit] + 3 - window.rank).collect();
        flip(input.data_mut(), window.tile, &flips);
        let mut answer = run(pool, window, network, input)?;
        flip(input.data_mut(), window.tile, &flips);
        flip(&mut answer, window.tile, &flips);
        sum.iter_mut().zip(&answer).for_each(|(sum, value)| *sum += value);
        ran();
    }
    let count = (1usize << axes) as f32;
    if axes > 0 {
        sum.iter_mut().for_each(|value| *value /= count);
    }
    Ok(sum)
}

fn run(pool: &Pool, window: &Window, network: &mut Network, input: &Tensor) -> Result<Vec<f32>> {
    let mut outputs = network.run(&[input]).map_err(translate)?;
    let mut logits = outputs.pop().map(Tensor::into_data).unwrap_or_default();
    match window.probabilities {
        None => {}
        Some(true) => {
            logits.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp()));
        }
        Some(false) => softmax(pool, &mut logits, window.heads),
    }
    Ok(logits)
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
    heads: usize,
    depth: usize,
    plane: [usize; 2],
    tile: [usize; 3],
    /// `[depth][heads][height][width]`, so that a plane is one run.
    sums: Vec<f32>,
    weights: Vec<f32>,
}

impl Slab {
    fn new(window: &Window, padded: [usize; 3]) -> Slab {
        let plane = padded[1] * padded[2];
        Slab {
            heads: window.heads,
            depth: window.tile[0],
            plane: [padded[1], padded[2]],
            tile: window.tile,
            sums: vec![0.0; window.tile[0] * window.heads * plane],
            weights: vec![0.0; window.tile[0] * plane],
        }
    }

    /// Adds a tile; each plane of the ring by one task.
    fn add(&mut self, pool: &Pool, corner: [usize; 3], answer: &[f32], weights: Option<&[f32]>) {
        let [depth, height, width] = self.tile;
        let [rows, columns] = self.plane;
        let (heads, plane) = (self.heads, rows * columns);
        let ring = self.depth;
        let tasks: Vec<Mutex<(&mut [f32], &mut [f32])>> = self
            .sums
            .chunks_exact_mut((heads * plane).max(1))
            .zip(self.weights.chunks_exact_mut(plane.max(1)))
            .map(Mutex::new)
            .collect();
        pool.run(depth, |z| {
            let Some(task) = tasks.get((corner[0] + z) % ring) else { return };
            let mut task = task.lock().unwrap_or_else(PoisonError::into_inner);
            let (sums, totals) = &mut *task;
            for y in 0..height {
                let target = (corner[1] + y) * columns + corner[2];
                for head in 0..heads {
                    let source = ((head * depth + z) * height + y) * width;
                    add(&mut sums[head * plane + target..][..width], &answer[source..][..width]);
                }
                if let Some(weights) = weights {
                    let source = (z * height + y) * width;
                    add(&mut totals[target..][..width], &weights[source..][..width]);
                }
            }
        });
    }
}

fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
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
        let sums = &mut slab.sums[place * slab.heads * plane..][..slab.heads * plane];
        let weights = &mut slab.weights[place * plane..][..plane];
        let number = inside(at, self.before[0], self.shape[0]);
        if let Some(number) = number {
            let [_, height, width] = self.shape;
            let (top, left) = (self.before[1], self.before[2]);
            let (folds, sums, weights) = (self.folds as f32, &*sums, &*weights);
            let tasks: Vec<Mutex<&mut [f32]>> =
                self.out.chunks_exact_mut((height * width).max(1)).map(Mutex::new).collect();
            pool.run(tasks.len(), |head| {
                let mut out = tasks[head].lock().unwrap_or_else(PoisonError::into_inner);
                for (y, out) in out.chunks_exact_mut(width.max(1)).enumerate() {
                    let at = (top + y) * columns + left;
                    let sums = &sums[head * plane + at..][..width];
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
