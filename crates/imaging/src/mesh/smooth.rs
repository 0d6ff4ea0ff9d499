//! Laplacian smoothing.

use super::Mesh;

/// Share of the way in one step (`vtkSmoothPolyDataFilter::RelaxationFactor`).
const STEP: f64 = 0.01;

/// See [`Mesh::smooth`]. Points move one after another, each seeing those before it where they have moved
/// to already.
pub(super) fn smooth(mesh: &mut Mesh, times: usize) {
    let (ends, near) = neighbours(mesh);
    for _ in 0..times {
        for point in 0..mesh.points.len() {
            let around = &near[ends[point]..ends[point + 1]];
            if around.is_empty() {
                continue;
            }
            let here = mesh.points[point];
            let mut way = [0.0; 3];
            for &other in around {
                let there = mesh.points[other as usize];
                (0..3).for_each(|n| way[n] += (there[n] - here[n]) / around.len() as f64);
            }
            mesh.points[point] = std::array::from_fn(|n| here[n] + STEP * way[n]);
        }
    }
}

/// The neighbours of every point one after another, and where each point's begin; none for points that stay.
fn neighbours(mesh: &Mesh) -> (Vec<usize>, Vec<u32>) {
    let mut edges: Vec<(u32, u32)> = Vec::with_capacity(6 * mesh.triangles.len());
    for [a, b, c] in &mesh.triangles {
        edges.extend([(*a, *b), (*b, *a), (*b, *c), (*c, *b), (*c, *a), (*a, *c)]);
    }
    edges.sort_unstable();
    let mut ends = vec![0; mesh.points.len() + 1];
    let mut near = Vec::with_capacity(edges.len() / 2);
    let mut at = 0;
    for point in 0..mesh.points.len() {
        let start = near.len();
        let mut closed = true;
        while let Some((_, other)) = edges.get(at).filter(|(from, _)| *from as usize == point) {
            let other = *other;
            let same =
                edges[at..].iter().take_while(|edge| **edge == (point as u32, other)).count();
            closed &= same == 2;
            near.push(other);
            at += same;
        }
        if !closed {
            near.truncate(start);
        }
        ends[point + 1] = near.len();
    }
    (ends, near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_goes_a_hundredth_of_the_way_and_borders_stay() {
        // A pyramid without its floor: only the tip is between closed edges.
        let points = vec![
            [0.0, 0.0, 1.0],
            [1.0, 0.0, 0.0],
            [0.0, 1.0, 0.0],
            [-1.0, 0.0, 0.0],
            [0.0, -1.0, 0.0],
        ];
        let triangles = vec![[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1]];
        let mut mesh = Mesh { points: points.clone(), triangles };
        mesh.smooth(2);
        assert_eq!(mesh.points[1..], points[1..]);
        assert!((mesh.points[0][2] - 0.99f64.powi(2)).abs() < 1e-12);
    }
}
