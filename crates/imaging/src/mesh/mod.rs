//! Surfaces of triangles in millimetres: made from a map of shares, smoothed, taken apart, measured.
//!
//! Every step gives what the tools of the field give (scikit-image's marching cubes, VTK's connectivity,
//! smoothing and distance filters), so that measurements on surfaces can be held to theirs.

mod cubes;
mod fill;
mod nearest;
mod smooth;

pub use cubes::{Values, isosurface};
pub use fill::fill;
pub use nearest::Nearest;

/// Points in millimetres and triangles between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mesh {
    /// Points.
    pub points: Vec<[f64; 3]>,
    /// Numbers of points, in order around.
    pub triangles: Vec<[u32; 3]>,
}

impl Mesh {
    /// Corners of a triangle.
    pub fn corners(&self, triangle: usize) -> [[f64; 3]; 3] {
        self.triangles[triangle].map(|point| self.points[point as usize])
    }

    /// Lowest and highest coordinates of the points; `None` without any.
    pub fn bounds(&self) -> Option<[[f64; 3]; 2]> {
        let first = *self.points.first()?;
        let (mut low, mut high) = (first, first);
        for point in &self.points {
            low = std::array::from_fn(|axis| low[axis].min(point[axis]));
            high = std::array::from_fn(|axis| high[axis].max(point[axis]));
        }
        Some([low, high])
    }

    /// Some triangles, ascending, with the points they need in the order of first use.
    pub fn some(&self, triangles: &[usize]) -> Mesh {
        let mut number = vec![u32::MAX; self.points.len()];
        let mut part = Mesh::default();
        for &triangle in triangles {
            let corners = self.triangles[triangle].map(|point| {
                let known = &mut number[point as usize];
                if *known == u32::MAX {
                    *known = part.points.len() as u32;
                    part.points.push(self.points[point as usize]);
                }
                *known
            });
            part.triangles.push(corners);
        }
        part
    }

    /// Without the pieces of `least` triangles or fewer; pieces hang together by their points
    /// (`vtkPolyDataConnectivityFilter`).
    pub fn without_small_pieces(&self, least: usize) -> Mesh {
        let mut parent: Vec<u32> = (0..self.points.len() as u32).collect();
        for [a, b, c] in &self.triangles {
            join(&mut parent, *a, *b);
            join(&mut parent, *a, *c);
        }
        let roots: Vec<u32> = self.triangles.iter().map(|t| root(&mut parent, t[0])).collect();
        let mut size = vec![0usize; self.points.len()];
        roots.iter().for_each(|&root| size[root as usize] += 1);
        let large = |triangle: &usize| size[roots[*triangle] as usize] > least;
        let kept: Vec<usize> = (0..self.triangles.len()).filter(large).collect();
        match kept.len() == self.triangles.len() {
            true => self.clone(),
            false => self.some(&kept),
        }
    }

    /// Moves every point `times` times by a hundredth of the way to the mean of its neighbours
    /// (`vtkSmoothPolyDataFilter` by its defaults). Points on an edge that is not between exactly two
    /// triangles stay.
    pub fn smooth(&mut self, times: usize) {
        smooth::smooth(self, times);
    }
}

/// The point that stands for all that hang together.
fn root(parent: &mut [u32], of: u32) -> u32 {
    let mut at = of;
    while parent[at as usize] != at {
        let above = parent[parent[at as usize] as usize];
        parent[at as usize] = above;
        at = above;
    }
    at
}

fn join(parent: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parent, a), root(parent, b));
    // The lower number stands for both, whatever the order.
    parent[a.max(b) as usize] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tetrahedra that share nothing, the second of them with a lone triangle at one of its points.
    fn pieces() -> Mesh {
        let points = (0..10).map(|n| [f64::from(n), f64::from(n * n), f64::from(n % 3)]).collect();
        let solid = |n: u32| [[n, n + 1, n + 2], [n, n + 2, n + 3], [n, n + 3, n + 1]];
        let mut triangles: Vec<[u32; 3]> = solid(0).into_iter().chain(solid(4)).collect();
        triangles.push([4, 8, 9]);
        Mesh { points, triangles }
    }

    #[test]
    fn small_pieces_go_with_their_points() {
        let mesh = pieces();
        assert_eq!(mesh.without_small_pieces(2), mesh);
        let large = mesh.without_small_pieces(3);
        assert_eq!((large.points.len(), large.triangles.len()), (6, 4));
        assert_eq!(large.corners(0), mesh.corners(3));
        assert_eq!(mesh.without_small_pieces(4), Mesh::default());
        assert_eq!(large.bounds().unwrap()[0], [4.0, 16.0, 0.0]);
        assert!(Mesh::default().bounds().is_none());
    }
}
