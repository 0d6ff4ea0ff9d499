//! What the network is told at its second look: which structure is to be expected where, now that the
//! first has shown how the head lies (`training/brain/prior.py`).

use super::atlas::Atlas;
use super::classes::CLASSES;
use base::Affine;
use engine::cpu::Pool;
use std::sync::{Mutex, PoisonError};

/// Channels: probabilities of classes 1 to 18, then how far to the left a place lies.
pub const CHANNELS: usize = CLASSES.len();
/// Millimetres from the middle plane at which a place counts as wholly on its side.
const SIDE_MM: f32 = 10.0;
/// A structure of fewer voxels (mm³) at the first look does not tell where it lies.
const LEAST_VOXELS: f64 = 30.0;
/// With fewer structures than this nothing is told.
const LEAST_MARKS: usize = 12;
/// A structure this much further off than the middle one is left out of the fit, unless it is near.
const FAR: f64 = 3.0;
const NEAR_MM: f64 = 4.0;

/// The map from voxels `(x, y, z)` of a part to millimetres of the atlas that best takes the centres of
/// the structures in `labels` (FreeSurfer's codes, `[z][y][x]`) to the atlas' own: least squares, twice
/// without what fits badly. `None` where too few structures were found.
pub fn lie(atlas: &Atlas, labels: &[u16], [depth, height, width]: [usize; 3]) -> Option<Affine> {
    debug_assert_eq!(labels.len(), depth * height * width);
    let highest = CLASSES.iter().map(|class| class.left.max(class.right)).max()?;
    let mut sums = vec![[0.0f64; 4]; usize::from(highest) + 1];
    for (row, labels) in labels.chunks_exact(width).enumerate() {
        for (x, label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
            let sum = &mut sums[usize::from(*label)];
            for (sum, at) in sum.iter_mut().zip([x, row % height, row / height]) {
                *sum += at as f64;
            }
            sum[3] += 1.0;
        }
    }
    let centre = |sum: &[f64; 4]| std::array::from_fn(|axis| sum[axis] / sum[3]);
    let marks = atlas.marks();
    let found = marks.iter().map(|(code, there)| (&sums[usize::from(*code)], *there));
    let mut pairs: Vec<Pair> = found
        .filter(|(sum, _)| sum[3] >= LEAST_VOXELS)
        .map(|(sum, there)| (centre(sum), there))
        .collect();
    for _ in 0..2 {
        let map = fit(&pairs).filter(|_| pairs.len() >= LEAST_MARKS)?;
        let mut off: Vec<f64> = pairs.iter().map(|pair| distance(&map, pair)).collect();
        off.sort_by(f64::total_cmp);
        let bound = (FAR * off[off.len() / 2]).max(NEAR_MM);
        pairs.retain(|pair| distance(&map, pair) <= bound);
    }
    fit(&pairs).filter(|map| pairs.len() >= LEAST_MARKS && map.determinant() > 0.0)
}

/// Prior `[19][D/2][H/2][W/2]` of a part of D, H, W voxels; all 0 where nothing is known of how it lies.
pub fn prior(
    pool: &Pool,
    atlas: &Atlas,
    map: Option<&Affine>,
    [depth, height, width]: [usize; 3],
) -> Vec<f32> {
    let size = [depth / 2, height / 2, width / 2];
    let plane = size[1] * size[2];
    let mut out = vec![0.0; CHANNELS * size[0] * plane];
    let Some(map) = map else { return out };
    let made: Vec<Mutex<Vec<f32>>> = (0..size[0]).map(|_| Mutex::default()).collect();
    pool.run(size[0], |z| {
        let mut values = vec![0.0; CHANNELS * plane];
        for n in 0..plane {
            // The middle of 2³ voxels.
            let at = [n % size[2], n / size[2], z].map(|at| 2.0 * at as f64 + 0.5);
            let there = map.apply(at).map(|mm| mm as f32);
            let odds = atlas.odds(there);
            for class in 1..CLASSES.len() {
                values[(class - 1) * plane + n] = odds[class];
            }
            values[(CHANNELS - 1) * plane + n] = (-there[0] / SIDE_MM).clamp(-1.0, 1.0);
        }
        *made[z].lock().unwrap_or_else(PoisonError::into_inner) = values;
    });
    for (z, values) in made.into_iter().enumerate() {
        let values = values.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (channel, values) in values.chunks_exact(plane).enumerate() {
            let start = (channel * size[0] + z) * plane;
            out[start..start + plane].copy_from_slice(values);
        }
    }
    out
}

/// The prior of the mirror image: every row backwards, left become right.
pub fn mirrored(prior: &[f32], width: usize) -> Vec<f32> {
    let sides = prior.len() / CHANNELS * (CHANNELS - 1);
    let mut out = super::mirrored(prior, width);
    out[sides..].iter_mut().for_each(|value| *value = -*value);
    out
}

/// A place in voxels, and where it belongs in mm.
type Pair = ([f64; 3], [f64; 3]);

fn distance(map: &Affine, (here, there): &Pair) -> f64 {
    let at = map.apply(*here);
    (0..3).map(|axis| (at[axis] - there[axis]).powi(2)).sum::<f64>().sqrt()
}

/// The affine map of the least squares from the first to the second of each pair.
fn fit(pairs: &[Pair]) -> Option<Affine> {
    let count = pairs.len() as f64;
    let mean = |of: fn(&Pair) -> [f64; 3]| -> [f64; 3] {
        std::array::from_fn(|axis| pairs.iter().map(|pair| of(pair)[axis]).sum::<f64>() / count)
    };
    let (from, to) = (mean(|pair| pair.0), mean(|pair| pair.1));
    // With the means taken off: (Σ there·hereᵀ) (Σ here·hereᵀ)⁻¹.
    let (mut across, mut own) = ([[0.0; 4]; 3], [[0.0; 4]; 3]);
    for (here, there) in pairs {
        for i in 0..3 {
            for j in 0..3 {
                across[i][j] += (there[i] - to[i]) * (here[j] - from[j]);
                own[i][j] += (here[i] - from[i]) * (here[j] - from[j]);
            }
        }
    }
    let map = Affine::new(across).after(&Affine::new(own).inverse()?);
    let shift = map.apply(from);
    let mut rows = *map.rows();
    for axis in 0..3 {
        rows[axis][3] += to[axis] - shift[axis];
    }
    Some(Affine::new(rows))
}

#[cfg(test)]
mod tests {
    use super::super::classes::code;
    use super::*;

    /// A head drawn from the atlas itself, voxels of 2 mm, lying as `map` says.
    fn labels(atlas: &Atlas, map: &Affine, [depth, height, width]: [usize; 3]) -> Vec<u16> {
        let mut out = Vec::new();
        for n in 0..depth * height * width {
            let at = [n % width, n / width % height, n / width / height].map(|at| at as f64);
            let there = map.apply(at).map(|mm| mm as f32);
            let odds = atlas.odds(there);
            let best = (1..odds.len()).fold(0, |b, c| if odds[c] > odds[b] { c } else { b });
            let class = if best < CLASSES.len() { best } else { 0 };
            out.push(code(class, there[0] < 0.0));
        }
        out
    }

    fn tilted() -> Affine {
        Affine::new([[2.0, 0.15, -0.1, -90.0], [-0.2, 1.9, 0.3, -95.0], [0.1, -0.25, 2.1, -100.0]])
    }

    #[test]
    fn a_tilted_head_is_laid_back_onto_the_atlas() {
        let atlas = Atlas::open().unwrap();
        let shape = [96, 110, 90];
        let mut found = labels(&atlas, &tilted(), shape);
        let check = |found: &[u16]| {
            let map = lie(&atlas, found, shape).unwrap();
            for at in [[45.0, 55.0, 48.0], [20.0, 30.0, 40.0], [60.0, 80.0, 60.0]] {
                let (is, should) = (map.apply(at), tilted().apply(at));
                let off = (0..3).map(|a| (is[a] - should[a]).powi(2)).sum::<f64>().sqrt();
                assert!(off < 2.0, "{is:?} {should:?}");
            }
        };
        check(&found);
        // One structure far off its place does not pull the head over.
        found.iter_mut().filter(|code| **code == 17).for_each(|code| *code = 0);
        found[..200].fill(17);
        check(&found);
        assert_eq!(lie(&atlas, &[0; 8], [2; 3]), None);
        assert_eq!(lie(&atlas, &[2; 1000], [10; 3]), None);
    }

    #[test]
    fn the_mirror_images_prior_is_that_of_a_head_lying_mirrored() {
        let (atlas, pool) = (Atlas::open().unwrap(), Pool::new(2));
        let shape = [12, 14, 16];
        let map = Affine::new([[1.0, 0.1, 0.0, -8.0], [0.0, 1.0, 0.2, 0.0], [0.1, 0.0, 1.0, 10.0]]);
        let straight = prior(&pool, &atlas, Some(&map), shape);
        // The atlas is symmetric: the mirrored head lies at (-x) of the voxel 15 - x.
        let flip =
            Affine::new([[-1.0, 0.0, 0.0, 15.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]);
        let back = Affine::new([[-1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]);
        let other = prior(&pool, &atlas, Some(&back.after(&map).after(&flip)), shape);
        let turned = mirrored(&straight, 8);
        assert!(turned.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-4));
        assert!(straight.iter().any(|value| *value > 0.5));
        assert!(prior(&pool, &atlas, None, shape).iter().all(|value| *value == 0.0));
    }
}
