//! Marching cubes with a decision at every face that could be crossed in two ways (Lewiner et al., "Efficient
//! implementation of Marching Cubes' cases with topological guarantees", Journal of Graphics Tools 8(2), 2003), as
//! scikit-image carries it out: the same points in the same order, the same triangles.
//!
//! Where the inside of a cell can be joined in two ways, a slice through it decides, as it does there.

use super::Mesh;
use std::sync::OnceLock;

/// Triangles by which corners are inside and which ambiguous faces join them, measured on scikit-image
/// (`tools/reference/marching_cubes.py`): both in decimal, then three letters a triangle, of cells whose inside
/// decides for each [`outcome`]. Corner n of a cell lies at bit 0 of n along the last axis, bit 1 along the middle,
/// bit 2 along the first.
const TABLE: &str = include_str!("cubes.tsv");
/// Corners of the faces, in order around; bit f of the second number of a row is face f.
const FACES: [[usize; 4]; 6] =
    [[0, 1, 3, 2], [4, 5, 7, 6], [0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5]];
/// Ends of the edges `a` to `l`; `m` is the middle of the cell.
const EDGES: [[usize; 2]; 12] = [
    [0, 1],
    [0, 2],
    [0, 4],
    [1, 3],
    [1, 5],
    [2, 3],
    [2, 6],
    [3, 7],
    [4, 5],
    [4, 6],
    [5, 7],
    [6, 7],
];
/// The middle.
const MIDDLE: u8 = 12;
/// No point yet.
const NONE: u32 = u32::MAX;

/// A part of a volume of values.
pub struct Values<'v> {
    /// `values[(a · size[1] + b) · size[2] + c]`.
    pub values: &'v [f32],
    /// Extents.
    pub size: [usize; 3],
    /// Where the part begins in the whole.
    pub start: [usize; 3],
    /// Millimetres between values.
    pub spacing_mm: [f64; 3],
}

/// The surface between values above `level` and others, in millimetres from the whole's first value.
/// Triangles turn so that their normal points toward the lower values. Empty for fewer than two values along
/// an axis, or when `values` has not `size`.
pub fn isosurface(part: &Values<'_>, level: f32) -> Mesh {
    let [na, nb, nc] = part.size;
    let mut mesh = Mesh::default();
    if part.size.contains(&0) || part.values.len() != na * nb * nc {
        return mesh;
    }
    // Points on the edges that begin in this plane and in the next: along c, b and a.
    let mut planes = [vec![[NONE; 3]; nb * nc], vec![[NONE; 3]; nb * nc]];
    for a in 0..na - 1 {
        for b in 0..nb.saturating_sub(1) {
            for c in 0..nc.saturating_sub(1) {
                let value = |n: usize| {
                    let [da, db, dc] = offsets(n);
                    f64::from(part.values[((a + da) * nb + b + db) * nc + c + dc])
                        - f64::from(level)
                };
                let corners: [f64; 8] = std::array::from_fn(value);
                let mut inside = 0usize;
                for (n, value) in corners.iter().enumerate() {
                    inside |= usize::from(*value > 0.0) << n;
                }
                if inside == 0 || inside == 255 {
                    continue;
                }
                let mut middle = NONE;
                for corner in triangles(inside, &corners).chunks_exact(3) {
                    let mut triangle = [0; 3];
                    for (place, &edge) in triangle.iter_mut().zip(corner) {
                        let known = match EDGES.get(usize::from(edge)) {
                            None => &mut middle,
                            Some([low, high]) => {
                                let [da, db, dc] = offsets(*low);
                                let axis = (low ^ high).trailing_zeros() as usize;
                                &mut planes[da][(b + db) * nc + c + dc][axis]
                            }
                        };
                        if *known == NONE {
                            *known = mesh.points.len() as u32;
                            mesh.points.push(part.place([a, b, c], edge, &corners));
                        }
                        *place = *known;
                    }
                    mesh.triangles.push(triangle);
                }
            }
        }
        planes.swap(0, 1);
        planes[1].fill([NONE; 3]);
    }
    mesh
}

impl Values<'_> {
    /// Where a point lies: between the ends of its edge, or all corners for the middle, nearer to those whose
    /// value is nearer to the level.
    fn place(&self, cell: [usize; 3], edge: u8, corners: &[f64; 8]) -> [f64; 3] {
        let (mut sum, mut weights) = ([0.0; 3], 0.0);
        let all = [0, 1, 2, 3, 4, 5, 6, 7];
        let ends = EDGES.get(usize::from(edge)).map_or(&all[..], |ends| &ends[..]);
        for &n in ends {
            let weight = 1.0 / (f64::EPSILON + corners[n].abs());
            for (sum, offset) in sum.iter_mut().zip(offsets(n)) {
                *sum += offset as f64 * weight;
            }
            weights += weight;
        }
        std::array::from_fn(|axis| {
            let at = (self.start[axis] + cell[axis]) as f64 + sum[axis] / weights;
            // Kept as 32 bits before millimetres are made.
            f64::from(at as f32) * self.spacing_mm[axis]
        })
    }
}

/// A corner's place in its cell, along the axes.
fn offsets(n: usize) -> [usize; 3] {
    [n >> 2, n >> 1 & 1, n & 1]
}

/// Edges of the triangles of a cell.
fn triangles(inside: usize, corners: &[f64; 8]) -> &'static [u8] {
    let mut joined = 0usize;
    for (number, face) in FACES.iter().enumerate() {
        let [p, q, r, s] = face.map(|n| corners[n]);
        let signs = [p > 0.0, q > 0.0, r > 0.0, s > 0.0];
        if signs[0] == signs[2] && signs[1] == signs[3] && signs[0] != signs[1] {
            // The asymptotes' crossing is inside.
            let crossing = p * r - q * s;
            let is_joined = if signs[0] { crossing > 0.0 } else { crossing < 0.0 };
            joined |= usize::from(is_joined) << number;
        }
    }
    match &table()[inside * 64 + joined][..] {
        [] => &[],
        [only] => only,
        several => several.get(outcome(corners)).map_or(&[][..], |edges| &edges[..]),
    }
}

/// What a slice across the first axis shows, where its saddle is extreme: 1 for at most one corner outside, 2 for
/// opposite corners inside that hang together there, else 0.
fn outcome(v: &[f64; 8]) -> usize {
    let a = (v[4] - v[0]) * (v[7] - v[3]) - (v[6] - v[2]) * (v[5] - v[1]);
    let b =
        v[3] * (v[4] - v[0]) + v[0] * (v[7] - v[3]) - v[1] * (v[6] - v[2]) - v[2] * (v[5] - v[1]);
    let t = -b / (2.0 * a + f64::EPSILON);
    if !(0.0..=1.0).contains(&t) {
        return 0;
    }
    // In order around.
    let [p, q, r, s] = [0, 2, 3, 1].map(|n| v[n] + (v[n + 4] - v[n]) * t);
    let saddle = p * r - q * s;
    match [p, q, r, s].map(|value| value >= 0.0) {
        [true, false, true, false] if saddle >= f64::EPSILON => 2,
        [false, true, false, true] if saddle < f64::EPSILON => 2,
        signs if signs.iter().filter(|inside| **inside).count() >= 3 => 1,
        _ => 0,
    }
}

/// Triangles for each outcome.
type Row = Vec<Vec<u8>>;

/// Rows of [`TABLE`] by both numbers.
fn table() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let mut rows = vec![Row::new(); 256 * 64];
        for line in TABLE.lines() {
            let mut cells = line.split('\t');
            let mut number = || cells.next().and_then(|cell| cell.parse::<usize>().ok());
            let (Some(inside), Some(joined)) = (number(), number()) else { continue };
            let edges = |cell: &str| {
                cell.bytes()
                    .map(|letter| letter.wrapping_sub(b'a').min(MIDDLE))
                    .collect::<Vec<u8>>()
            };
            if let Some(row) = rows.get_mut(inside * 64 + joined) {
                *row = cells.map(edges).collect();
            }
        }
        rows
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Every edge of a closed surface is between two triangles, once in each direction.
    fn assert_closed(mesh: &Mesh) {
        let mut edges: BTreeMap<(u32, u32), i32> = BTreeMap::new();
        for [a, b, c] in &mesh.triangles {
            for (from, to) in [(a, b), (b, c), (c, a)] {
                *edges.entry((*from.min(to), *from.max(to))).or_default() +=
                    if from < to { 1 } else { -1 };
            }
        }
        assert!(edges.values().all(|sum| *sum == 0));
    }

    #[test]
    fn the_surface_of_a_ball_lies_on_the_ball_and_looks_outward() {
        let (size, spacing_mm) = ([18, 22, 26], [2.0, 1.5, 1.25]);
        let centre = [17.0, 16.0, 15.0];
        let radius = |at: [f64; 3]| (0..3).map(|n| (at[n] - centre[n]).powi(2)).sum::<f64>().sqrt();
        let value = |n: usize| {
            let at = [n / (22 * 26), n / 26 % 22, n % 26];
            let mm: [f64; 3] = std::array::from_fn(|axis| at[axis] as f64 * spacing_mm[axis]);
            (10.0 - radius(mm)) as f32
        };
        let values: Vec<f32> = (0..18 * 22 * 26).map(value).collect();
        let part = Values { values: &values, size, start: [0; 3], spacing_mm };
        let mesh = isosurface(&part, 0.0);
        assert!(mesh.triangles.len() > 1000);
        assert_closed(&mesh);
        let off = mesh.points.iter().map(|point| (radius(*point) - 10.0).abs());
        assert!(off.fold(0.0, f64::max) < 0.1);
        for triangle in 0..mesh.triangles.len() {
            let [a, b, c] = mesh.corners(triangle);
            let (u, v) = (crate::vector::minus(b, a), crate::vector::minus(c, a));
            let normal =
                [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
            let outward = crate::vector::minus(a, centre);
            assert!(crate::vector::dot(normal, outward) >= 0.0);
        }
        let moved = Values { values: &values, size, start: [3, 0, 0], spacing_mm };
        let apart = isosurface(&moved, 0.0);
        assert_eq!(apart.triangles, mesh.triangles);
        assert!((apart.points[7][0] - mesh.points[7][0] - 6.0).abs() < 1e-5);
    }

    #[test]
    fn noise_gives_a_closed_surface_and_every_case_has_triangles() {
        let mut seed = 7u64;
        let mut noise = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 40) as f32 / (1 << 24) as f32
        };
        let side = 24;
        let inner = 1..side - 1;
        let mut values = Vec::new();
        for n in 0..side * side * side {
            let at = [n / (side * side), n / side % side, n % side];
            let value = noise();
            values.push(if at.iter().all(|n| inner.contains(n)) { value } else { 0.0 });
        }
        let size = [side; 3];
        let part = Values { values: &values, size, start: [0; 3], spacing_mm: [1.0; 3] };
        let mesh = isosurface(&part, 0.5);
        assert!(mesh.triangles.len() > 20_000);
        assert_closed(&mesh);
        let with = (0..256).filter(|inside| (0..64).any(|f| !table()[inside * 64 + f].is_empty()));
        assert_eq!(with.count(), 254);
        for odd in [[0, 4, 4], [1, 4, 4], [3, 4, 5]] {
            let part =
                Values { values: &values[..0], size: odd, start: [0; 3], spacing_mm: [1.0; 3] };
            assert_eq!(isosurface(&part, 0.5), Mesh::default());
        }
    }
}
