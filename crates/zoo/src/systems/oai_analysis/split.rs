//! A cartilage's surface taken apart into its two sides (`mesh_processing.py`, `split_*_cartilage_surface`).
//!
//! Triangles are clustered by k-means, two clusters. The original starts it at random (with a fixed seed of
//! scikit-learn); here it starts five times from pairs far apart, and the best end counts. Where both clusters' normals
//! point the same way along y, the original's chance decides which is the inner one; here those that point further
//! down. Pieces that were left out do not widen the box whose middle is looked from, as they do there.

use super::Cartilage;
use imaging::mesh::Mesh;

/// Parts along x of the femoral cartilage that are clustered apart (`num_divisions`).
const PARTS: usize = 3;
/// Weight of the tibial cartilage's normals beside places (`mesh_normals * 10`).
const NORMALS: f64 = 10.0;
/// Times that k-means starts (`n_init`).
const STARTS: usize = 5;
/// Steps of k-means, at most (scikit-learn's default).
const STEPS: usize = 300;
/// The centres stand still when they move less, in shares of the mean variance (scikit-learn's `tol`).
const STILL: f64 = 1e-4;

/// Triangles of both sides, ascending: those whose normals point more along y (in OAI's orientation: down), and
/// the others. Normals point out of the cartilage.
pub fn split(mesh: &Mesh, cartilage: Cartilage) -> [Vec<usize>; 2] {
    let faces: Vec<Face> = (0..mesh.triangles.len()).map(|n| Face::of(mesh.corners(n))).collect();
    let centroids: Vec<[f64; 3]> = faces.iter().map(|face| face.centroid).collect();
    let Some((mean, low, high)) = extremes(&centroids) else { return [Vec::new(), Vec::new()] };
    let normalised = |face: &Face| -> [f64; 3] {
        std::array::from_fn(|n| (face.centroid[n] - mean[n]) / (high[n] - low[n]))
    };
    let mut sides = [Vec::new(), Vec::new()];
    match cartilage {
        Cartilage::Tibial => {
            let feature = |face: &Face| {
                let ([x, y, z], [a, b, c]) = (normalised(face), face.normal.map(|n| n * NORMALS));
                [x, y, z, a, b, c]
            };
            let features: Vec<[f64; 6]> = faces.iter().map(feature).collect();
            let all: Vec<usize> = (0..faces.len()).collect();
            sort(&faces, &all, &two_means(&features), &mut sides);
        }
        Cartilage::Femoral => {
            let Some([lowest, highest]) = mesh.bounds() else { return sides };
            let centre: [f64; 3] = std::array::from_fn(|n| (lowest[n] + highest[n]) / 2.0);
            let feature = |face: &Face| -> [f64; 9] {
                let place = normalised(face);
                std::array::from_fn(|n| match n {
                    0..3 => place[n],
                    3..6 => face.normal[n - 3],
                    _ => (centre[n - 6] - face.centroid[n - 6]) * face.normal[n - 6],
                })
            };
            let along: Vec<f64> = faces.iter().map(|face| normalised(face)[0]).collect();
            let first = along.iter().copied().fold(f64::INFINITY, f64::min);
            let last = along.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let step = (last - first) / PARTS as f64;
            for part in 0..PARTS {
                let from = first + step * part as f64;
                let to = from + step;
                let inside = |n: &usize| along[*n] >= from && along[*n] < to;
                let own: Vec<usize> = (0..faces.len()).filter(inside).collect();
                let features: Vec<[f64; 9]> = own.iter().map(|&n| feature(&faces[n])).collect();
                sort(&faces, &own, &two_means(&features), &mut sides);
            }
            sides.iter_mut().for_each(|side| side.sort_unstable());
        }
    }
    sides
}

/// A triangle.
struct Face {
    centroid: [f64; 3],
    normal: [f64; 3],
}

impl Face {
    /// Of corners kept as 32 bits, as the original does; without a normal for no area.
    fn of(corners: [[f64; 3]; 3]) -> Face {
        let [a, b, c] = corners.map(|corner| corner.map(|value| f64::from(value as f32)));
        let centroid = std::array::from_fn(|n| (a[n] + b[n] + c[n]) / 3.0);
        let (u, v): ([f64; 3], [f64; 3]) =
            (std::array::from_fn(|n| b[n] - a[n]), std::array::from_fn(|n| c[n] - a[n]));
        let cross =
            [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
        let length = cross.iter().map(|x| x * x).sum::<f64>().sqrt();
        let normal = if length > 0.0 { cross.map(|x| x / length) } else { [0.0; 3] };
        Face { centroid, normal }
    }
}

/// Gives the clustered triangles to their sides.
fn sort(faces: &[Face], own: &[usize], second: &[bool], sides: &mut [Vec<usize>; 2]) {
    let (mut sums, mut counts) = ([0.0; 2], [0.0f64; 2]);
    for (&face, &second) in own.iter().zip(second) {
        sums[usize::from(second)] += faces[face].normal[1];
        counts[usize::from(second)] += 1.0;
    }
    let mean = |n: usize| sums[n] / counts[n].max(1.0);
    let turned = mean(1) > mean(0);
    for (&face, &second) in own.iter().zip(second) {
        sides[usize::from(second != turned)].push(face);
    }
}

/// Mean, lowest and highest values of each column; `None` without rows.
fn extremes<const D: usize>(rows: &[[f64; D]]) -> Option<([f64; D], [f64; D], [f64; D])> {
    let first = *rows.first()?;
    let (mut sum, mut low, mut high) = ([0.0; D], first, first);
    for row in rows {
        sum = std::array::from_fn(|n| sum[n] + row[n]);
        low = std::array::from_fn(|n| low[n].min(row[n]));
        high = std::array::from_fn(|n| high[n].max(row[n]));
    }
    Some((sum.map(|sum| sum / rows.len() as f64), low, high))
}

/// Which rows belong to the second of two clusters.
fn two_means<const D: usize>(rows: &[[f64; D]]) -> Vec<bool> {
    let Some((mean, _, _)) = extremes(rows) else { return Vec::new() };
    let variance: f64 = rows.iter().map(|row| squared(row, &mean)).sum();
    let still = STILL * variance / (rows.len() * D) as f64;
    let mut best: (f64, Vec<bool>) = (f64::INFINITY, vec![false; rows.len()]);
    for start in 0..STARTS {
        let first = rows[start * (rows.len() - 1) / (STARTS - 1)];
        let far = |a: &&[f64; D], b: &&[f64; D]| squared(a, &first).total_cmp(&squared(b, &first));
        let second = rows.iter().max_by(far).copied().unwrap_or(first);
        let mut centres = [first, second];
        let mut known: Vec<bool> = Vec::new();
        for _ in 0..STEPS {
            let found = nearest(rows, &centres).1;
            let moved = means(rows, &found, &centres);
            let way: f64 = (0..2).map(|n| squared(&moved[n], &centres[n])).sum();
            centres = moved;
            if found == known || way <= still {
                break;
            }
            known = found;
        }
        let end = nearest(rows, &centres);
        if end.0 < best.0 {
            best = end;
        }
    }
    best.1
}

/// The sum of squares to the nearer centre, and whether that is the second.
fn nearest<const D: usize>(rows: &[[f64; D]], [a, b]: &[[f64; D]; 2]) -> (f64, Vec<bool>) {
    let mut sum = 0.0;
    let side = rows.iter().map(|row| {
        let (first, second) = (squared(row, a), squared(row, b));
        sum += first.min(second);
        second < first
    });
    let side = side.collect();
    (sum, side)
}

/// The middles of both clusters; of an empty one its centre as it was.
fn means<const D: usize>(
    rows: &[[f64; D]],
    second: &[bool],
    before: &[[f64; D]; 2],
) -> [[f64; D]; 2] {
    let (mut sums, mut counts) = ([[0.0; D]; 2], [0.0f64; 2]);
    for (row, &second) in rows.iter().zip(second) {
        let sum = &mut sums[usize::from(second)];
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        counts[usize::from(second)] += 1.0;
    }
    std::array::from_fn(|n| match counts[n] > 0.0 {
        true => sums[n].map(|sum| sum / counts[n]),
        false => before[n],
    })
}

fn squared<const D: usize>(a: &[f64; D], b: &[f64; D]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clouds_are_told_apart_from_any_start() {
        let cloud = |middle: f64| {
            (0..50).map(move |n| {
                let t = f64::from(n);
                [middle + (t * 1.7).sin(), (t * 0.9).cos() - middle, t * 0.01]
            })
        };
        let rows: Vec<[f64; 3]> = cloud(-4.0).chain(cloud(4.0)).collect();
        let second = two_means(&rows);
        assert!(second[..50].iter().all(|&s| s == second[0]));
        assert!(second[50..].iter().all(|&s| s != second[0]));
        assert!(two_means::<3>(&[]).is_empty());
        // All alike: nothing to tell apart, and an end.
        assert_eq!(two_means(&[[1.0; 3]; 4]), [false; 4]);
    }

    #[test]
    fn no_surface_has_no_sides() {
        for cartilage in [Cartilage::Femoral, Cartilage::Tibial] {
            assert!(split(&Mesh::default(), cartilage).iter().all(Vec::is_empty));
        }
    }
}
