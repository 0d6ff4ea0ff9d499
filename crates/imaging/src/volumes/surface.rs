//! The surfaces of labelled structures, drawn to be looked at.
//!
//! Surface nets (Gibson, "Constrained elastic surface nets", MICCAI 1998) over a coarse grid of equal
//! millimetres: a vertex in every cell whose corners differ, kept within its cell while the net is
//! smoothed; a quadrangle across every grid edge whose ends differ. The coarse grid bounds vertices
//! and time whatever the size of the volume.

use crate::mesh::fill;
use base::{Orientation, Picture, Volume};
use kernels::Pool;
use std::sync::{Mutex, PoisonError};

/// Samples along the longest side of what is labelled.
const SAMPLES: usize = 120;
/// Times the net is smoothed.
const SMOOTHINGS: usize = 6;
/// Pixels drawn for one pixel along each side.
const FINER: usize = 2;
/// Columns between the views.
const GAP: usize = 4;
/// Vertices smoothed by one task.
const VERTICES: usize = 8192;

/// Red, green and blue of a label, `None` for one that is not drawn.
type Colour<'a> = dyn Fn(u16) -> Option<[u8; 3]> + Sync + 'a;

/// Structures seen from the front and from the patient's left, side by side, head up, on black; in the
/// first view the patient's right is on the left, in the second the front is. `colour` gives red, green
/// and blue of a label, `None` for one that is not drawn. Pictures are `side` pixels high at most.
/// `None` where nothing is drawn.
pub fn surfaces(
    volume: &Volume,
    labels: &[u16],
    colour: &Colour<'_>,
    side: usize,
    pool: &Pool,
) -> Option<Picture> {
    let samples = Samples::new(volume, labels, colour)?;
    let net = Net::new(&samples, pool);
    let side = side.clamp(16, 2048);
    let longest = samples.size.into_iter().max()?;
    let scale = side as f32 / longest as f32;
    let pixels = |cells: usize| ((cells as f32 * scale).ceil() as usize).max(1);
    let [left, back, up] = samples.size;
    let (height, front, flank) = (pixels(up), pixels(left), pixels(back));
    let width = front + GAP + flank;
    // Axis to the right of the picture, depth axis and whether its larger values are nearer.
    let views = [(0, 0, front, 1, false), (front + GAP, 1, flank, 0, true)];
    let drawn = [(); 2].map(|()| Mutex::new(Vec::new()));
    pool.run(views.len(), |n| {
        let (_, across, columns, depth, far_is_near) = views[n];
        let view = View { across, depth, far_is_near, scale, columns, rows: height, up };
        *drawn[n].lock().unwrap_or_else(PoisonError::into_inner) = view.draw(&net, colour);
    });
    let mut data = vec![0u8; width * height * 3];
    for ((from, _, columns, ..), seen) in views.into_iter().zip(drawn) {
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (y, row) in seen.chunks_exact(columns * 3).enumerate() {
            data[(y * width + from) * 3..][..columns * 3].copy_from_slice(row);
        }
    }
    Picture::new(width, height, 3, data)
}

/// Labels on a coarse grid of equal millimetres: left, back, up; a frame of nothing around.
struct Samples {
    size: [usize; 3],
    labels: Vec<u16>,
}

impl Samples {
    fn new(volume: &Volume, labels: &[u16], colour: &Colour<'_>) -> Option<Samples> {
        let boxes = super::details::boxes(labels, volume.grid());
        let mut shown = boxes.iter().filter(|(label, _)| colour(**label).is_some());
        let (_, &[mut low, mut high]) = shown.next()?;
        for (_, [from, to]) in shown {
            (0..3).for_each(|axis| {
                low[axis] = low[axis].min(from[axis]);
                high[axis] = high[axis].max(to[axis]);
            });
        }
        let way = volume.orientation().way_to(Orientation::LPS);
        let spacing = volume.spacing_mm();
        let voxels = way.map(|(axis, _)| high[axis] - low[axis] + 1);
        let extent: [f64; 3] = std::array::from_fn(|n| voxels[n] as f64 * spacing[way[n].0]);
        let step = extent.into_iter().fold(0.0, f64::max) / SAMPLES as f64;
        if !(step.is_finite() && step > 0.0) {
            return None;
        }
        let inner = extent.map(|mm| ((mm / step).round() as usize).clamp(1, SAMPLES));
        let size = inner.map(|n| n + 2);
        let mut found = vec![0u16; size.iter().product()];
        for up in 0..inner[2] {
            for back in 0..inner[1] {
                for left in 0..inner[0] {
                    let at = [left, back, up];
                    let mut voxel = [0; 3];
                    for (n, (axis, mirrored)) in way.into_iter().enumerate() {
                        let share = (at[n] as f64 + 0.5) / inner[n] as f64;
                        let place = ((share * voxels[n] as f64) as usize).min(voxels[n] - 1);
                        let place = if mirrored { voxels[n] - 1 - place } else { place };
                        voxel[axis] = low[axis] + place;
                    }
                    let label = labels.get(volume.index(voxel, 0)).copied().unwrap_or(0);
                    if label != 0 && colour(label).is_some() {
                        let place = ((up + 1) * size[1] + back + 1) * size[0] + left + 1;
                        found[place] = label;
                    }
                }
            }
        }
        Some(Samples { size, labels: found })
    }

    fn at(&self, [x, y, z]: [usize; 3]) -> u16 {
        self.labels[(z * self.size[1] + y) * self.size[0] + x]
    }
}

/// No vertex in a cell.
const NONE: u32 = u32::MAX;

/// The number of the vertex in each cell, laid out as the samples.
struct Numbers {
    size: [usize; 3],
    of: Vec<u32>,
}

impl Numbers {
    fn get(&self, [x, y, z]: [usize; 3]) -> Option<u32> {
        let inside = x < self.size[0] && y < self.size[1];
        let number = *self.of.get((z * self.size[1] + y) * self.size[0] + x).filter(|_| inside)?;
        (number != NONE).then_some(number)
    }
}

/// Vertices and quadrangles.
struct Net {
    at: Vec<[f32; 3]>,
    normals: Vec<[f32; 3]>,
    /// Corners in order around, and the label whose outside they show.
    faces: Vec<([u32; 4], u16)>,
}

impl Net {
    fn new(samples: &Samples, pool: &Pool) -> Net {
        let [nx, ny, nz] = samples.size;
        let mut number = Numbers { size: samples.size, of: vec![NONE; nx * ny * nz] };
        let mut at = Vec::new();
        let mut cells = Vec::new();
        for z in 0..nz - 1 {
            for y in 0..ny - 1 {
                for x in 0..nx - 1 {
                    let corner =
                        |n: usize| samples.at([x + (n & 1), y + (n >> 1 & 1), z + (n >> 2)]);
                    let first = corner(0);
                    if (1..8).all(|n| corner(n) == first) {
                        continue;
                    }
                    // The mean of the middles of the edges that the surface crosses.
                    let (mut sum, mut crossed) = ([0.0f32; 3], 0.0f32);
                    for n in 0..8usize {
                        for axis in 0..3 {
                            let other = n | 1 << axis;
                            if other != n && corner(n) != corner(other) {
                                crossed += 1.0;
                                for (a, sum) in sum.iter_mut().enumerate() {
                                    let half = if a == axis { 0.5 } else { (n >> a & 1) as f32 };
                                    *sum += half;
                                }
                            }
                        }
                    }
                    let cell = [x, y, z];
                    number.of[(z * ny + y) * nx + x] = at.len() as u32;
                    at.push([0, 1, 2].map(|a| cell[a] as f32 + sum[a] / crossed));
                    cells.push(cell);
                }
            }
        }
        let mut faces = Vec::new();
        for z in 0..nz {
            for y in 0..ny {
                for x in 0..nx {
                    let here = [x, y, z];
                    for axis in 0..3 {
                        let mut next = here;
                        next[axis] += 1;
                        if next[axis] >= samples.size[axis] {
                            continue;
                        }
                        let (a, b) = (samples.at(here), samples.at(next));
                        if a == b {
                            continue;
                        }
                        let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
                        let around = [(1, 1), (0, 1), (0, 0), (1, 0)].map(|(du, dv)| {
                            let mut cell = here;
                            cell[u] = cell[u].checked_sub(du)?;
                            cell[v] = cell[v].checked_sub(dv)?;
                            number.get(cell)
                        });
                        let [Some(p), Some(q), Some(r), Some(s)] = around else { continue };
                        // In this order the face looks along the axis: the outside of the first.
                        if a != 0 {
                            faces.push(([p, q, r, s], a));
                        }
                        if b != 0 {
                            faces.push(([s, r, q, p], b));
                        }
                    }
                }
            }
        }
        let mut net = Net { at, normals: Vec::new(), faces };
        net.smooth(&cells, &number, pool);
        net.normals = net.normals();
        net
    }

    /// Moves every vertex to the mean of its neighbours, within its cell.
    fn smooth(&mut self, cells: &[[usize; 3]], number: &Numbers, pool: &Pool) {
        // At most six neighbours each, in one piece: noise has a vertex in every cell.
        let mut all: Vec<u32> = Vec::with_capacity(6 * cells.len());
        let ends: Vec<usize> = cells
            .iter()
            .map(|cell| {
                let found = &mut all;
                for axis in 0..3 {
                    let mut other = *cell;
                    other[axis] += 1;
                    found.extend(number.get(other));
                    if cell[axis] > 0 {
                        other[axis] = cell[axis] - 1;
                        found.extend(number.get(other));
                    }
                }
                found.len()
            })
            .collect();
        for _ in 0..SMOOTHINGS {
            let before = self.at.clone();
            let parts: Vec<Mutex<&mut [[f32; 3]]>> =
                self.at.chunks_mut(VERTICES).map(Mutex::new).collect();
            pool.run(parts.len(), |part| {
                let mut after = parts[part].lock().unwrap_or_else(PoisonError::into_inner);
                for (n, after) in after.iter_mut().enumerate() {
                    let vertex = part * VERTICES + n;
                    let start = if vertex == 0 { 0 } else { ends[vertex - 1] };
                    let near = &all[start..ends[vertex]];
                    if near.is_empty() {
                        continue;
                    }
                    for axis in 0..3 {
                        let sum: f32 = near.iter().map(|&other| before[other as usize][axis]).sum();
                        let mean = 0.5 * (before[vertex][axis] + sum / near.len() as f32);
                        let cell = cells[vertex][axis] as f32;
                        after[axis] = mean.clamp(cell, cell + 1.0);
                    }
                }
            });
        }
    }

    /// The mean direction of the faces around each vertex.
    fn normals(&self) -> Vec<[f32; 3]> {
        let mut sums = vec![[0.0f32; 3]; self.at.len()];
        for (corners, _) in &self.faces {
            let [a, b, c, d] = corners.map(|corner| self.at[corner as usize]);
            let normal = cross(minus(c, a), minus(d, b));
            for corner in corners {
                (0..3).for_each(|axis| sums[*corner as usize][axis] += normal[axis]);
            }
        }
        sums
    }
}

/// One way to look at the net: orthographic, head up.
struct View {
    across: usize,
    depth: usize,
    far_is_near: bool,
    /// Pixels for each cell.
    scale: f32,
    columns: usize,
    rows: usize,
    up: usize,
}

impl View {
    /// Rows of red, green and blue.
    fn draw(&self, net: &Net, colour: &Colour<'_>) -> Vec<u8> {
        let (columns, rows) = (self.columns * FINER, self.rows * FINER);
        let mut nearest = vec![f32::INFINITY; columns * rows];
        let mut ink = vec![[0.0f32; 3]; columns * rows];
        let scale = self.scale * FINER as f32;
        let toward = if self.far_is_near { 1.0 } else { -1.0 };
        for (corners, label) in &net.faces {
            let Some(paint) = colour(*label) else { continue };
            let place = corners.map(|corner| {
                let at = net.at[corner as usize];
                // Samples lie at whole numbers; rows run down, heads lie up.
                let x = (at[self.across] + 0.5) * scale;
                let y = (self.up as f32 - 0.5 - at[2]) * scale;
                [x, y, -toward * at[self.depth]]
            });
            let [a, b, c, d] = corners.map(|corner| net.at[corner as usize]);
            let normal = cross(minus(c, a), minus(d, b));
            if normal[self.depth] * toward <= 0.0 {
                continue;
            }
            let light = corners.map(|corner| self.light(net.normals[corner as usize], normal));
            for [p, q, r] in [[0, 1, 2], [0, 2, 3]] {
                let corners = [place[p], place[q], place[r]];
                fill(corners, [light[p], light[q], light[r]], columns, rows, |at, depth, light| {
                    if depth < nearest[at] {
                        nearest[at] = depth;
                        ink[at] = paint.map(|value| f32::from(value) * light);
                    }
                });
            }
        }
        let mut seen = Vec::with_capacity(self.columns * self.rows * 3);
        for y in 0..self.rows {
            for x in 0..self.columns {
                let mut sum = [0.0f32; 3];
                for dy in 0..FINER {
                    for dx in 0..FINER {
                        let part = ink[(y * FINER + dy) * columns + x * FINER + dx];
                        (0..3).for_each(|n| sum[n] += part[n]);
                    }
                }
                seen.extend(
                    sum.map(|v| (v / (FINER * FINER) as f32 + 0.5).clamp(0.0, 255.0) as u8),
                );
            }
        }
        seen
    }

    /// How bright: a lamp beside the eye, a little above.
    fn light(&self, vertex: [f32; 3], face: [f32; 3]) -> f32 {
        // Where surfaces of two structures meet, vertex normals cancel out; the face has one always.
        let normal = if dot(vertex, face) > 0.0 { vertex } else { face };
        let length = dot(normal, normal).sqrt().max(f32::MIN_POSITIVE);
        let toward = if self.far_is_near { 1.0 } else { -1.0 };
        let lamp = (0.9 * toward * normal[self.depth] + 0.44 * normal[2]) / length;
        0.25 + 0.75 * lamp.max(0.0)
    }
}

fn minus(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Affine, Grid, Voxels};

    fn volume(size: [usize; 3]) -> Volume {
        let grid = Grid { size, affine: Affine::scaling([1.0, 1.0, 1.0]) };
        Volume::new(grid, Voxels::U8(vec![0; size.iter().product()])).unwrap()
    }

    fn colour(label: u16) -> Option<[u8; 3]> {
        match label {
            1 => Some([255, 0, 0]),
            2 => Some([0, 0, 255]),
            _ => None,
        }
    }

    /// RAS: red at the right, front, head; blue at the left, back, feet.
    fn scene() -> (Volume, Vec<u16>) {
        let size = [40, 40, 40];
        let mut labels = vec![0u16; 64_000];
        for (n, label) in labels.iter_mut().enumerate() {
            let at = [n % 40, n / 40 % 40, n / 1600];
            let near = |c: f32| at.iter().all(|&v| (v as f32 - c).abs() < 6.0);
            *label = if near(30.0) { 1 } else { u16::from(near(9.0)) * 2 };
        }
        (volume(size), labels)
    }

    #[test]
    fn right_is_left_and_head_is_up_whichever_way_the_volume_lies() {
        let (volume, labels) = scene();
        let picture = surfaces(&volume, &labels, &colour, 100, &Pool::new(2)).unwrap();
        let at = |x: usize, y: usize| {
            let start = (y * picture.width() + x) * 3;
            [0, 1, 2].map(|n| picture.data()[start + n])
        };
        let (w, h) = (picture.width(), picture.height());
        let view = (w - GAP) / 2;
        // From the front: red above on the left, blue below on the right.
        let (red, blue) = (at(view / 6, h / 6), at(view * 5 / 6, h * 5 / 6));
        assert!(red[0] > 120 && red[2] == 0, "{red:?}");
        assert!(blue[2] > 120 && blue[0] == 0, "{blue:?}");
        assert_eq!(at(view * 5 / 6, h / 6), [0; 3]);
        // From the left: the front is left, so red again.
        let red = at(view + GAP + view / 6, h / 6);
        assert!(red[0] > 120 && red[2] == 0, "{red:?}");
        for code in ["LPS", "PIR", "SLA"] {
            let bytes = Voxels::U16(labels.clone());
            let turned = volume.on_same_grid(bytes).unwrap();
            let turned = turned.reoriented(Orientation::parse(code).unwrap());
            let Voxels::U16(labels) = turned.voxels() else { unreachable!("as it was") };
            assert_eq!(
                surfaces(&turned, labels, &colour, 100, &Pool::new(2)).unwrap(),
                picture,
                "{code}"
            );
        }
    }

    #[test]
    fn what_lies_in_front_hides_what_lies_behind() {
        let (volume, mut labels) = scene();
        // A blue wall at the back, a red one before it.
        for (n, label) in labels.iter_mut().enumerate() {
            *label = match n / 40 % 40 {
                10..13 => 2,
                30..33 => 1,
                _ => 0,
            };
        }
        let picture = surfaces(&volume, &labels, &colour, 60, &Pool::new(2)).unwrap();
        let front = (picture.height() / 2 * picture.width() + picture.height() / 3) * 3;
        assert!(picture.data()[front] > 120 && picture.data()[front + 2] == 0);
    }

    #[test]
    fn nothing_to_draw_is_no_picture_and_one_voxel_is_one() {
        let volume = volume([3, 3, 3]);
        assert_eq!(surfaces(&volume, &[0; 27], &colour, 50, &Pool::new(2)), None);
        assert_eq!(surfaces(&volume, &[9; 27], &colour, 50, &Pool::new(2)), None);
        let mut labels = [0; 27];
        labels[13] = 1;
        assert!(
            surfaces(&volume, &labels, &colour, 50, &Pool::new(2))
                .unwrap()
                .data()
                .iter()
                .any(|v| *v > 100)
        );
        assert!(surfaces(&volume, &[1; 27], &colour, 50, &Pool::new(2)).is_some());
    }
}
