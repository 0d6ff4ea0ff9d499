//! Three planes through the middle of a volume, to look at.

use base::{Orientation, Picture, Volume};

/// Dark columns between planes.
const GAP: usize = 4;
/// Share of the label's colour in a labelled pixel.
const OPACITY: f32 = 0.45;
/// Samples looked at for the range of grey.
const SAMPLES: usize = 200_000;

/// Axial, coronal and sagittal plane through the middle of the first frame, side by side, as
/// radiologists look at them: the patient's right on the left of the picture, the front up (axial), the
/// head up (coronal, sagittal), the front to the left (sagittal). Pixels are square, the longest side
/// of the patient takes `side` of them; nearest neighbour. Grey runs from the 0.5th to the 99.5th
/// percentile of what lies above the smallest value.
pub fn three_planes(volume: &Volume, side: usize) -> Picture {
    let planes = Planes::new(volume, side, None);
    let [low, high] = grey_range(volume);
    let mut data = vec![0; planes.width * planes.height];
    planes.each(|at, voxel| data[at] = grey(volume, voxel, [low, high]));
    picture(planes.width, planes.height, 1, data)
}

/// The same planes in colour, through the middle of what is labelled, with the labels over them.
/// `labels` are those of the volume's voxels, in their order; `colour` gives red, green and blue of a
/// label, `None` for one that is not drawn.
pub fn labelled_planes(
    volume: &Volume,
    labels: &[u16],
    colour: &dyn Fn(u16) -> Option<[u8; 3]>,
    side: usize,
) -> Picture {
    let at = |voxel| labels.get(volume.index(voxel, 0)).copied().unwrap_or(0);
    let planes = Planes::new(volume, side, centre(volume, labels, colour));
    let [low, high] = grey_range(volume);
    let mut data = vec![0; planes.width * planes.height * 3];
    planes.each(|place, voxel| {
        let under = f32::from(grey(volume, voxel, [low, high]));
        let ink = colour(at(voxel));
        for (channel, sample) in data[place * 3..place * 3 + 3].iter_mut().enumerate() {
            let mixed = ink
                .map_or(under, |ink| under * (1.0 - OPACITY) + f32::from(ink[channel]) * OPACITY);
            *sample = (mixed + 0.5) as u8;
        }
    });
    picture(planes.width, planes.height, 3, data)
}

/// The voxel in the middle of the drawn labels.
fn centre(
    volume: &Volume,
    labels: &[u16],
    colour: &dyn Fn(u16) -> Option<[u8; 3]>,
) -> Option<[usize; 3]> {
    let [ni, nj, _] = volume.size();
    let (mut sums, mut count) = ([0u64; 3], 0u64);
    for (row, line) in labels.chunks_exact(ni.max(1)).enumerate() {
        let inside = line.iter().enumerate().filter(|(_, label)| **label != 0);
        for (i, _) in inside.filter(|(_, label)| colour(**label).is_some()) {
            let at = [i, row % nj, row / nj];
            (0..3).for_each(|axis| sums[axis] += at[axis] as u64);
            count += 1;
        }
    }
    (count > 0).then(|| sums.map(|sum| (sum / count) as usize))
}

/// Three planes side by side: which voxel lies under which pixel.
struct Planes {
    width: usize,
    height: usize,
    size: [usize; 3],
    /// For left, posterior, superior: the volume's axis, and whether it runs the other way.
    way: [(usize, bool); 3],
    /// Pixels along left, posterior, superior.
    pixels: [usize; 3],
    /// Where the planes lie along left, posterior, superior, in voxels.
    middle: [usize; 3],
}

impl Planes {
    /// Through the volume's middle, or through a voxel.
    fn new(volume: &Volume, side: usize, through: Option<[usize; 3]>) -> Planes {
        let side = side.clamp(8, 4096);
        let way = volume.orientation().way_to(Orientation::LPS);
        let size = volume.size();
        let spacing = volume.spacing_mm();
        let voxels = way.map(|(axis, _)| size[axis]);
        let extent: [f64; 3] = std::array::from_fn(|n| voxels[n] as f64 * spacing[way[n].0]);
        let longest = extent.into_iter().fold(f64::MIN_POSITIVE, f64::max);
        let pixels =
            extent.map(|mm| ((mm / longest * side as f64).round() as usize).clamp(1, side));
        let middle = match through {
            None => voxels.map(|n| n / 2),
            Some(voxel) => way.map(|(axis, mirrored)| {
                let at = voxel[axis].min(size[axis] - 1);
                if mirrored { size[axis] - 1 - at } else { at }
            }),
        };
        let width = pixels[0] * 2 + pixels[1] + 2 * GAP;
        let height = pixels[1].max(pixels[2]);
        Planes { width, height, size, way, pixels, middle }
    }

    /// Calls `draw` with every pixel of the planes and the voxel under it.
    fn each(&self, mut draw: impl FnMut(usize, [usize; 3])) {
        let voxels = self.way.map(|(axis, _)| self.size[axis]);
        // Voxel under a pixel, along one patient axis; mirrored where head is up.
        let under = |n: usize, pixel: usize, upside_down: bool| {
            let pixel = if upside_down { self.pixels[n] - 1 - pixel } else { pixel };
            let at = (pixel as f64 + 0.5) / self.pixels[n] as f64 * voxels[n] as f64;
            (at as usize).min(voxels[n] - 1)
        };
        // Axis across, axis down, the one that is fixed; head up turns the way down around.
        let mut left = 0;
        for (across, down, fixed) in [(0, 1, 2), (0, 2, 1), (1, 2, 0)] {
            for y in 0..self.pixels[down] {
                for x in 0..self.pixels[across] {
                    let mut at = [0; 3];
                    at[fixed] = self.middle[fixed];
                    at[across] = under(across, x, false);
                    at[down] = under(down, y, down == 2);
                    let mut voxel = [0; 3];
                    for (n, (axis, mirrored)) in self.way.into_iter().enumerate() {
                        voxel[axis] = if mirrored { self.size[axis] - 1 - at[n] } else { at[n] };
                    }
                    draw(y * self.width + left + x, voxel);
                }
            }
            left += self.pixels[across] + GAP;
        }
    }
}

/// A voxel of the first frame as grey between `low` and `high`.
fn grey(volume: &Volume, voxel: [usize; 3], [low, high]: [f64; 2]) -> u8 {
    let span = if high > low { high - low } else { 1.0 };
    let value = volume.value(volume.index(voxel, 0)).unwrap_or(low);
    let unit = ((value - low) / span).clamp(0.0, 1.0);
    if unit.is_nan() { 0 } else { (unit * 255.0 + 0.5) as u8 }
}

fn picture(width: usize, height: usize, channels: usize, data: Vec<u8>) -> Picture {
    Picture::new(width, height, channels, data)
        .or_else(|| Picture::new(1, 1, 1, vec![0]))
        .unwrap_or_else(|| unreachable!("one pixel is a picture"))
}

/// The 0.5th and 99.5th percentile of the values that differ from the smallest one sampled: background
/// would otherwise fill the range.
fn grey_range(volume: &Volume) -> [f64; 2] {
    let count = volume.frame_len();
    let step = (count / SAMPLES).max(1);
    let values = (0..count).step_by(step).filter_map(|n| volume.value(n));
    let mut values: Vec<f64> = values.filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let Some(&smallest) = values.first() else { return [0.0, 1.0] };
    let above = values.partition_point(|&v| v <= smallest);
    let inside = if values.len() - above >= 16 { &values[above..] } else { &values[..] };
    let at = |share: f64| inside[((inside.len() - 1) as f64 * share) as usize];
    let (low, high) = (at(0.005), at(0.995));
    // Label maps have few values: show them from nothing on.
    if low == high || inside.len() < 64 {
        [smallest, values[values.len() - 1]]
    } else {
        [low.min(high), high]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Affine, Grid, Voxels};

    /// A bright voxel at the patient's right, front, head; whichever way the volume lies, it is at the
    /// same place of the picture.
    #[test]
    fn right_is_left_and_head_is_up_for_every_orientation() {
        let size = [10, 12, 8];
        let mut voxels = vec![0u8; 960];
        let grid = Grid { size, affine: Affine::scaling([1.0, 1.0, 1.0]) };
        // RAS: right is i = 9, front j = 11, head k = 7. A bar through the middle planes.
        for k in 0..8 {
            for j in 0..12 {
                for i in 0..10 {
                    let bright = i >= 7 && j >= 9 || i >= 7 && k >= 6 || j >= 9 && k >= 6;
                    voxels[(k * 12 + j) * 10 + i] = if bright { 200 } else { 10 + (i % 3) as u8 };
                }
            }
        }
        let volume = Volume::new(grid, Voxels::U8(voxels)).unwrap();
        let picture = three_planes(&volume, 120);
        for code in ["RAS", "LPS", "PIR", "SLA", "IAR", "ALS"] {
            let turned = volume.reoriented(Orientation::parse(code).unwrap());
            assert_eq!(three_planes(&turned, 120), picture, "{code}");
        }
        let at = |x: usize, y: usize| picture.data()[y * picture.width() + x];
        // Axial: 100 × 120 pixels; right and front is the upper left corner.
        assert!(at(5, 5) > at(95, 5) && at(5, 5) > at(5, 115) && at(5, 5) > at(95, 115));
        // Coronal begins at 104; right and head is its upper left corner.
        assert!(at(109, 5) > at(199, 75));
        // Sagittal begins at 208; front is left, head is up.
        assert!(at(213, 5) > at(323, 75));
    }
}
