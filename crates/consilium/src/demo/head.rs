//! A head that nobody has: anatomy drawn from the atlas, bent at random, in a contrast that no scanner
//! need have, with the truth beside it.

use super::atlas::{Atlas, CATEGORIES, FIELDS, category, sway};
use super::noise::{Field, Random, grain};
use base::{Affine, Grid, Result, Volume, Voxels};
use kernels::Pool;
use std::sync::{Mutex, PoisonError};
use zoo::systems::consilium_brain::CLASSES;

/// Voxels of 1 mm along x, y, z.
const SIZE: [usize; 3] = [176, 224, 192];
/// Deviation of the bending, and how far apart places bend independently.
const BEND_MM: f32 = 3.0;
const BEND_STEP_MM: f32 = 36.0;
/// How far apart borders between tissues move independently.
const SWAY_STEP_MM: f32 = 7.0;
/// Classes whose tissues look alike in most scans: white matter, grey matter, deep grey matter, fluid.
const WHITE: [usize; 4] = [1, 5, 13, 18];
const GREY: [usize; 4] = [2, 6, 14, 15];
const FLUID: [usize; 5] = [3, 4, 11, 12, 16];
/// The highest value of the image.
const FULL: f32 = 1000.0;

/// An image and its truth, on one grid.
pub struct Drawn {
    /// Grey values.
    pub image: Volume,
    /// FreeSurfer's codes, as the brain reader gives them.
    pub truth: Volume,
}

/// Draws the head that belongs to a seed.
pub fn draw(seed: u64, pool: &Pool) -> Result<Drawn> {
    let atlas = Atlas::open()?;
    let mut random = Random::new(seed);
    let extent = SIZE.map(|n| n as f32);
    let bend: [Field; 3] = std::array::from_fn(|_| Field::new(&mut random, extent, BEND_STEP_MM));
    let fields: [Field; FIELDS] =
        std::array::from_fn(|_| Field::new(&mut random, extent, SWAY_STEP_MM));
    let bias = Field::new(&mut random, extent, 80.0);
    let scale: [f32; 3] = std::array::from_fn(|_| random.uniform(0.93, 1.07));
    let contrast = Contrast::new(&mut random);
    let seed = random.bits();

    let [nx, ny, nz] = SIZE;
    let planes: Vec<Mutex<(Vec<u8>, Vec<u8>)>> = (0..nz).map(|_| Mutex::default()).collect();
    pool.run(nz, |k| {
        let mut kinds = Vec::with_capacity(nx * ny);
        let mut codes = Vec::with_capacity(nx * ny);
        for j in 0..ny {
            for i in 0..nx {
                let here = [i, j, k];
                let at: [f32; 3] =
                    std::array::from_fn(|a| here[a] as f32 - (SIZE[a] as f32 - 1.0) / 2.0);
                let moved: [f32; 3] =
                    std::array::from_fn(|a| at[a] / scale[a] + BEND_MM * bend[a].at(at));
                let kind = category(&atlas, moved, &sway(&fields, at));
                kinds.push(kind);
                codes.push(code(kind, moved[0]));
            }
        }
        *planes[k].lock().unwrap_or_else(PoisonError::into_inner) = (kinds, codes);
    });
    let (mut kinds, mut codes) = (Vec::new(), Vec::new());
    for plane in planes {
        let (kind, code) = plane.into_inner().unwrap_or_else(PoisonError::into_inner);
        kinds.extend(kind);
        codes.extend(code);
    }
    let mut values: Vec<f32> = kinds.iter().map(|kind| contrast.mean[usize::from(*kind)]).collect();
    for axis in 0..3 {
        values = softened(&values, axis);
    }
    let samples = values.iter().enumerate().map(|(n, mean)| {
        let at = [n % nx, n / nx % ny, n / nx / ny];
        let at: [f32; 3] = std::array::from_fn(|a| at[a] as f32 - SIZE[a] as f32 / 2.0);
        let noisy = mean + contrast.spread[usize::from(kinds[n])] * grain(seed, n);
        let field = (0.18 * bias.at(at)).exp();
        (noisy * field * FULL).clamp(0.0, 4.0 * FULL).round() as u16
    });
    let samples: Vec<u16> = samples.collect();
    let centre = SIZE.map(|n| -(n as f64 - 1.0) / 2.0);
    let unit = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let grid = Grid { size: SIZE, affine: Affine::from_parts(unit, [1.0; 3], centre) };
    let volume = |voxels| {
        Volume::new(grid, voxels).ok_or_else(|| {
            base::Error::new(base::Kind::Bug, base::words::volume_systems::OTHER_GRID)
        })
    };
    Ok(Drawn { image: volume(Voxels::U16(samples))?, truth: volume(Voxels::U8(codes))? })
}

/// Mean and deviation of every category.
struct Contrast {
    mean: [f32; CATEGORIES],
    spread: [f32; CATEGORIES],
}

impl Contrast {
    /// White matter, grey matter and fluid apart from each other in any order, deep grey matter between
    /// the first two, everything else anywhere, air dark.
    fn new(random: &mut Random) -> Contrast {
        let (white, grey, fluid) = loop {
            let drawn = [(); 3].map(|()| random.uniform(0.1, 0.95));
            let [w, g, f] = drawn;
            if (w - g).abs() > 0.18 && (w - f).abs() > 0.18 && (g - f).abs() > 0.18 {
                break (w, g, f);
            }
        };
        let mut mean = [(); CATEGORIES].map(|()| random.uniform(0.1, 0.95));
        for class in 1..CLASSES.len() {
            let near = random.uniform(-0.03, 0.03);
            mean[class] = near
                + match class {
                    class if WHITE.contains(&class) => white,
                    class if GREY.contains(&class) => grey,
                    class if FLUID.contains(&class) => fluid,
                    _ => grey + (white - grey) * random.uniform(0.1, 0.6),
                };
        }
        mean[0] = 0.02;
        let mut spread = [(); CATEGORIES].map(|()| random.uniform(0.02, 0.06));
        spread[0] = 0.015;
        Contrast { mean, spread }
    }
}

/// FreeSurfer's code of a category; 0 outside the brain. `x` runs to the right.
fn code(kind: u8, x: f32) -> u8 {
    let class = CLASSES.get(usize::from(kind)).copied().unwrap_or(CLASSES[0]);
    let code = if x > 0.0 && class.right != 0 { class.right } else { class.left };
    u8::try_from(code).unwrap_or(0)
}

/// A quarter of each neighbour along one axis, half of the voxel itself: voxels hold parts of tissues.
fn softened(values: &[f32], axis: usize) -> Vec<f32> {
    let step = [1, SIZE[0], SIZE[0] * SIZE[1]][axis];
    let place = |n: usize| n / step % SIZE[axis];
    let soften = |(n, value): (usize, &f32)| {
        let before = if place(n) > 0 { values[n - step] } else { *value };
        let behind = if place(n) + 1 < SIZE[axis] { values[n + step] } else { *value };
        0.5 * value + 0.25 * (before + behind)
    };
    values.iter().enumerate().map(soften).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zoo::volume_system::labels_of;

    #[test]
    fn a_seed_gives_one_head_and_another_seed_another() {
        let drawn = |seed, threads| draw(seed, &Pool::new(threads)).unwrap();
        let (a, b, c) = (drawn(1, 1), drawn(1, 2), drawn(2, 2));
        assert_eq!(a.image, b.image);
        assert_eq!(a.truth, b.truth);
        assert_ne!(a.image, c.image);
        assert_ne!(a.truth, c.truth);
    }

    #[test]
    fn every_structure_of_the_brain_is_drawn_on_its_side() {
        let labels = labels_of(&draw(3, &Pool::new(2)).unwrap().truth);
        let middle = SIZE[0] / 2;
        for class in &CLASSES[1..] {
            // The smallest is lost on the atlas' grid of 2 mm in some heads.
            let small = class.id == "nucleus-accumbens";
            for (label, right) in [(class.left, false), (class.right, true)] {
                if label == 0 || small {
                    continue;
                }
                let places: Vec<usize> = (0..labels.len())
                    .filter(|n| labels[*n] == label)
                    .map(|n| n % SIZE[0])
                    .collect();
                assert!(places.len() > 50, "{} {label}: {}", class.id, places.len());
                let mean = places.iter().sum::<usize>() / places.len();
                let paired = class.right != 0;
                assert!(!paired || (mean > middle) == right, "{} at {mean}", class.id);
            }
        }
    }
}
