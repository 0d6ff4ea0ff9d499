//! The distance from a point to the nearest place of a surface.

use super::Mesh;
use crate::vector::{dot, minus};

/// Triangles in a leaf, at most.
const LEAF: usize = 4;

/// Triangles in a tree of boxes.
pub struct Nearest {
    nodes: Vec<Node>,
    triangles: Vec<[[f64; 3]; 3]>,
}

struct Node {
    low: [f64; 3],
    high: [f64; 3],
    /// A leaf: its triangles. Otherwise the nodes below.
    start: usize,
    count: usize,
    below: [usize; 2],
}

impl Nearest {
    /// `None` without a triangle.
    pub fn new(mesh: &Mesh) -> Option<Nearest> {
        let mut triangles: Vec<_> = (0..mesh.triangles.len()).map(|t| mesh.corners(t)).collect();
        if triangles.is_empty() {
            return None;
        }
        let (mut nodes, all) = (Vec::new(), triangles.len());
        build(&mut nodes, &mut triangles, 0, all);
        Some(Nearest { nodes, triangles })
    }

    /// Millimetres to the nearest place of the surface (`vtkImplicitPolyDataDistance`, without sign).
    pub fn distance_mm(&self, point: [f64; 3]) -> f64 {
        let mut best = f64::INFINITY;
        // A node and the square of the distance to its box.
        let mut open = vec![(0usize, 0.0f64)];
        while let Some((number, least)) = open.pop() {
            if least >= best {
                continue;
            }
            let node = &self.nodes[number];
            if node.count > 0 {
                for corners in &self.triangles[node.start..node.start + node.count] {
                    best = best.min(squared_to_triangle(point, corners));
                }
                continue;
            }
            let [a, b] = node.below.map(|below| (below, self.nodes[below].squared(point)));
            // The nearer is looked at first.
            open.extend(if a.1 <= b.1 { [b, a] } else { [a, b] });
        }
        best.sqrt()
    }
}

impl Node {
    fn squared(&self, point: [f64; 3]) -> f64 {
        let off = |n: usize| (self.low[n] - point[n]).max(point[n] - self.high[n]).max(0.0);
        (0..3).map(|n| off(n) * off(n)).sum()
    }
}

/// Puts triangles into the tree, halved along the longest side of their box; the number of their node.
fn build(
    nodes: &mut Vec<Node>,
    triangles: &mut [[[f64; 3]; 3]],
    start: usize,
    count: usize,
) -> usize {
    let part = &mut triangles[start..start + count];
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for corner in part.iter().flatten() {
        low = std::array::from_fn(|axis| low[axis].min(corner[axis]));
        high = std::array::from_fn(|axis| high[axis].max(corner[axis]));
    }
    let number = nodes.len();
    nodes.push(Node { low, high, start, count, below: [0; 2] });
    if count > LEAF {
        let side = |n: &usize| high[*n] - low[*n];
        let axis = (0..3).max_by(|a, b| side(a).total_cmp(&side(b))).unwrap_or(0);
        let middle = |corners: &[[f64; 3]; 3]| corners.iter().map(|c| c[axis]).sum::<f64>();
        let half = count / 2;
        part.select_nth_unstable_by(half, |a, b| middle(a).total_cmp(&middle(b)));
        let first = build(nodes, triangles, start, half);
        let second = build(nodes, triangles, start + half, count - half);
        nodes[number].count = 0;
        nodes[number].below = [first, second];
    }
    number
}

/// The square of the distance to a triangle (Ericson, "Real-Time Collision Detection", 2005, 5.1.5).
fn squared_to_triangle(p: [f64; 3], [a, b, c]: &[[f64; 3]; 3]) -> f64 {
    let (ab, ac, ap) = (minus(*b, *a), minus(*c, *a), minus(p, *a));
    let along = |from: [f64; 3], way: [f64; 3], share: f64| {
        let at: [f64; 3] = std::array::from_fn(|n| from[n] + share * way[n]);
        let off = minus(p, at);
        dot(off, off)
    };
    let (d1, d2) = (dot(ab, ap), dot(ac, ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return dot(ap, ap);
    }
    let bp = minus(p, *b);
    let (d3, d4) = (dot(ab, bp), dot(ac, bp));
    if d3 >= 0.0 && d4 <= d3 {
        return dot(bp, bp);
    }
    let vc = d1 * d4 - d3 * d2;
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        return along(*a, ab, d1 / (d1 - d3));
    }
    let cp = minus(p, *c);
    let (d5, d6) = (dot(ab, cp), dot(ac, cp));
    if d6 >= 0.0 && d5 <= d6 {
        return dot(cp, cp);
    }
    let vb = d5 * d2 - d1 * d6;
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        return along(*a, ac, d2 / (d2 - d6));
    }
    let va = d3 * d6 - d5 * d4;
    if va <= 0.0 && d4 >= d3 && d5 >= d6 {
        return along(*b, minus(*c, *b), (d4 - d3) / ((d4 - d3) + (d5 - d6)));
    }
    let sum = va + vb + vc;
    let (v, w) = (vb / sum, vc / sum);
    let at: [f64; 3] = std::array::from_fn(|n| a[n] + v * ab[n] + w * ac[n]);
    let off = minus(p, at);
    dot(off, off)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wavy sheet.
    fn sheet() -> Mesh {
        let side = 24u32;
        let place = |n: u32| {
            let (x, y) = (f64::from(n % side), f64::from(n / side));
            [x, y, (0.7 * x).sin() + (0.4 * y).cos()]
        };
        let mut triangles = Vec::new();
        for y in 0..side - 1 {
            for x in 0..side - 1 {
                let n = y * side + x;
                triangles.extend([[n, n + 1, n + side], [n + 1, n + side + 1, n + side]]);
            }
        }
        Mesh { points: (0..side * side).map(place).collect(), triangles }
    }

    #[test]
    fn the_tree_finds_what_looking_at_every_triangle_finds() {
        let mesh = sheet();
        let tree = Nearest::new(&mesh).unwrap();
        for n in 0..200 {
            let x = f64::from(n);
            let at = [x * 0.17 - 4.0, x * 7.3 % 31.0 - 3.0, x * 1.9 % 9.0 - 4.0];
            let all = (0..mesh.triangles.len()).map(|t| squared_to_triangle(at, &mesh.corners(t)));
            let expected = all.fold(f64::INFINITY, f64::min).sqrt();
            assert_eq!(tree.distance_mm(at), expected, "{at:?}");
        }
        assert!(Nearest::new(&Mesh::default()).is_none());
    }

    #[test]
    fn distances_to_a_triangle_are_right_in_every_region() {
        let corners = [[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 3.0, 0.0]];
        for (at, expected) in [
            ([1.0, 1.0, 2.0], 2.0),
            ([-3.0, -4.0, 0.0], 5.0),
            ([7.0, -4.0, 0.0], 5.0),
            ([0.0, 5.0, 0.0], 2.0),
            ([2.0, -1.0, 0.0], 1.0),
            ([-2.0, 1.0, 0.0], 2.0),
            // From the middle of the long side at a right angle: (3, 4) / 5 each millimetre.
            ([2.0 + 3.0, 1.5 + 4.0, 0.0], 5.0),
        ] {
            let found = squared_to_triangle(at, &corners).sqrt();
            assert!((found - expected).abs() < 1e-12, "{at:?}: {found}");
        }
    }
}
