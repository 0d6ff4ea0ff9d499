//! From a network's maps to masks on the original image.

use super::after::{After, Back, sigmoid, softmax};
use super::placement::Placement;
use base::{Code, Mask};
use imaging::resample::{Taps, separable};

/// The maps of a network and where they belong.
#[derive(Clone, Copy, Debug)]
pub struct Grid<'a> {
    /// `[labels][rows][columns]`.
    pub maps: &'a [f32],
    /// Rows of a map.
    pub rows: usize,
    /// Columns of a map.
    pub columns: usize,
    /// Where the network's input lies; maps may be coarser than the input.
    pub placement: &'a Placement,
    /// Columns and rows of the original.
    pub original: (usize, usize),
}

/// A structure, its place among the labels, its mask and the mean number of the pixels inside.
pub type Outlined = (usize, &'static Code, Mask, Option<f32>);

/// One mask per label with a name, on the original's pixels, empty ones included. Pixels outside
/// what the network saw belong to nothing.
///
/// Steps before [`After::ResizeBack`] work on the maps, those after it on the enlarged ones; without
/// one, [`Back::TorchBilinear`] is meant after all others.
pub fn masks(
    after: &[After],
    labels: &[Option<&'static Code>],
    thresholds: &[Option<f32>],
    grid: &Grid<'_>,
) -> Vec<Outlined> {
    let plan = Plan::of(after);
    let cells = grid.rows * grid.columns;
    if cells == 0 || grid.maps.len() < cells * labels.len() {
        return Vec::new();
    }
    let mut maps = grid.maps[..cells * labels.len()].to_vec();
    for step in &plan.before {
        match step {
            After::Sigmoid => maps.iter_mut().for_each(|x| *x = sigmoid(*x)),
            After::Softmax => softmax_over(&mut maps, cells),
            _ => {}
        }
    }
    let Some(view) = View::new(grid, plan.back) else { return Vec::new() };
    if plan.largest {
        return largest(&maps, cells, labels, &plan, &view);
    }
    let named = labels.iter().enumerate().filter_map(|(row, label)| Some((row, (*label)?)));
    named
        .filter_map(|(row, code)| {
            let cut = thresholds.get(row).copied().flatten().unwrap_or(plan.above);
            // sigmoid(x) > cut, asked of x itself.
            let cut = if plan.sigmoid { (cut / (1.0 - cut)).ln() } else { cut };
            let plane = &maps[row * cells..(row + 1) * cells];
            let mut mask = Marks::new(view.original);
            // Most structures fill a small part: nothing above the cut stays so when enlarged.
            if plane.iter().any(|&x| x > cut) {
                for (at, x) in view.pixels(&view.enlarge(plane)) {
                    if x > cut {
                        mask.set(at, if plan.sigmoid { sigmoid(x) } else { x });
                    }
                }
            }
            let (mask, mean) = mask.finish()?;
            Some((row, code, mask, mean))
        })
        .collect()
}

/// The steps in the form they are carried out in.
struct Plan {
    before: Vec<After>,
    back: Back,
    sigmoid: bool,
    softmax: bool,
    largest: bool,
    above: f32,
}

impl Plan {
    fn of(after: &[After]) -> Plan {
        let split = after.iter().position(|step| matches!(step, After::ResizeBack(_)));
        let back = match split.map(|at| after[at]) {
            Some(After::ResizeBack(back)) => back,
            _ => Back::TorchBilinear,
        };
        let (before, rest) = match split {
            Some(at) => (after[..at].to_vec(), &after[at + 1..]),
            None => (Vec::new(), after),
        };
        let above = after.iter().find_map(|step| match step {
            After::Above(threshold) => Some(*threshold),
            _ => None,
        });
        Plan {
            before,
            back,
            sigmoid: rest.contains(&After::Sigmoid),
            softmax: rest.contains(&After::Softmax),
            largest: after.contains(&After::Largest),
            above: above.unwrap_or(0.5),
        }
    }
}

/// Each pixel to the label with the largest number.
fn largest(
    maps: &[f32],
    cells: usize,
    labels: &[Option<&'static Code>],
    plan: &Plan,
    view: &View,
) -> Vec<Outlined> {
    let count = view.rows.len() * view.columns.len();
    let (mut best, mut which) = (vec![f32::NEG_INFINITY; count], vec![0u16; count]);
    // Σ e^(x − best) so far, for the softmax of the best.
    let mut sum = vec![0.0f32; if plan.softmax { count } else { 0 }];
    for (row, plane) in maps.chunks_exact(cells).enumerate() {
        let large = view.enlarge(plane);
        for (at, &x) in large.iter().enumerate() {
            let higher = x > best[at];
            if plan.softmax {
                let (top, old) = (best[at].max(x), best[at]);
                let carried = if sum[at] > 0.0 { sum[at] * (old - top).exp() } else { 0.0 };
                sum[at] = carried + (x - top).exp();
            }
            if higher {
                best[at] = x;
                which[at] = u16::try_from(row).unwrap_or(u16::MAX);
            }
        }
    }
    let number = |at: usize| match (plan.softmax, plan.sigmoid) {
        (true, _) => 1.0 / sum[at],
        (_, true) => sigmoid(best[at]),
        _ => best[at],
    };
    let named = labels.iter().enumerate().filter_map(|(row, label)| Some((row, (*label)?)));
    named
        .filter_map(|(row, code)| {
            let mut mask = Marks::new(view.original);
            for ((at, _), index) in view.pixels(&best).zip(0..) {
                if usize::from(which[index]) == row {
                    mask.set(at, number(index));
                }
            }
            let (mask, mean) = mask.finish()?;
            Some((row, code, mask, mean))
        })
        .collect()
}

/// Softmax over the labels, cell by cell.
fn softmax_over(maps: &mut [f32], cells: usize) {
    let mut column = vec![0.0; maps.len() / cells];
    for cell in 0..cells {
        column.iter_mut().zip(maps.iter().skip(cell).step_by(cells)).for_each(|(c, m)| *c = *m);
        softmax(&mut column);
        maps.iter_mut().skip(cell).step_by(cells).zip(&column).for_each(|(m, c)| *m = *c);
    }
}

/// The original's pixels whose middle the network saw, and how a map is sampled there.
struct View {
    original: (usize, usize),
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    vertical: Taps,
    horizontal: Taps,
}

impl View {
    /// `None` when the network saw nothing of the original.
    fn new(grid: &Grid<'_>, back: Back) -> Option<View> {
        let at = grid.placement;
        let seen = |start: f32, length: f32, extent: usize| {
            let (start, end) = (f64::from(start), f64::from(start) + f64::from(length));
            let first = (start - 0.5).ceil().max(0.0) as usize;
            let last = ((end - 0.5).floor() + 1.0).clamp(0.0, extent as f64) as usize;
            (first < last).then_some(first..last)
        };
        let columns = seen(at.covers.x, at.covers.width, grid.original.0)?;
        let rows = seen(at.covers.y, at.covers.height, grid.original.1)?;
        let vertical =
            axis(grid.rows, (at.covers.y, at.covers.height, at.upside_down), rows.clone(), back);
        let horizontal =
            axis(grid.columns, (at.covers.x, at.covers.width, at.mirrored), columns.clone(), back);
        Some(View { original: grid.original, rows, columns, vertical, horizontal })
    }

    /// `[rows][columns]` of what was seen.
    fn enlarge(&self, plane: &[f32]) -> Vec<f32> {
        separable(plane, &self.vertical, &self.horizontal)
    }

    /// Each value with its place among the original's pixels.
    fn pixels<'a>(&'a self, large: &'a [f32]) -> impl Iterator<Item = (usize, f32)> + 'a {
        let width = self.columns.len();
        self.rows.clone().zip(large.chunks_exact(width)).flat_map(move |(row, line)| {
            let start = row * self.original.0 + self.columns.start;
            line.iter().enumerate().map(move |(column, &x)| (start + column, x))
        })
    }
}

/// PyTorch's `area_pixel_compute_source_index` (`align_corners=False`): a pixel's middle, measured
/// from the start of the part in cells, less a half, not below 0; the last sample is repeated.
fn axis(
    cells: usize,
    (start, length, turned): (f32, f32, bool),
    pixels: std::ops::Range<usize>,
    back: Back,
) -> Taps {
    let (start, length) = (f64::from(start), f64::from(length));
    let scale = cells as f64 / length;
    let rows = pixels.map(|pixel| {
        let middle = pixel as f64 - start + 0.5;
        let middle = if turned { length - middle } else { middle };
        if back == Back::Nearest {
            let cell = ((middle * scale).max(0.0) as usize).min(cells - 1);
            return (cell as isize, vec![1.0]);
        }
        let centre = (middle * scale - 0.5).max(0.0);
        let left = (centre as usize).min(cells - 1);
        let share = if left + 1 < cells { centre - left as f64 } else { 0.0 };
        (left as isize, vec![1.0 - share, share])
    });
    Taps::new(cells, rows)
}

/// A mask being filled.
struct Marks {
    size: (usize, usize),
    bits: Vec<u8>,
    sum: f64,
    count: usize,
}

impl Marks {
    fn new(size: (usize, usize)) -> Marks {
        Marks { size, bits: vec![0; size.0 * size.1], sum: 0.0, count: 0 }
    }

    fn set(&mut self, at: usize, number: f32) {
        self.bits[at] = 1;
        self.sum += f64::from(number);
        self.count += 1;
    }

    fn finish(self) -> Option<(Mask, Option<f32>)> {
        let mean = (self.count > 0).then(|| (self.sum / self.count as f64) as f32);
        Some((Mask::new(self.size.0, self.size.1, self.bits)?, mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Rect;
    use base::words::findings::{HEART, SPINE};
    use imaging::resample::torch_bilinear;

    fn placement(covers: Rect, side: usize) -> Placement {
        Placement { covers, rows: side, columns: side, mirrored: false, upside_down: false }
    }

    fn at(x: f32, y: f32, width: f32, height: f32) -> Rect {
        Rect { x, y, width, height }
    }

    const OUTLINES: [After; 3] =
        [After::ResizeBack(Back::TorchBilinear), After::Sigmoid, After::Above(0.5)];

    fn rows_of(mask: &Mask) -> Vec<String> {
        let line = |row: &[u8]| row.iter().map(|&b| if b == 1 { '#' } else { '.' }).collect();
        mask.bits().chunks_exact(mask.width()).map(line).collect()
    }

    #[test]
    fn a_mask_lies_where_the_square_lay() {
        let place = placement(at(2.0, 0.0, 4.0, 4.0), 2);
        let maps = [1.0, -1.0, 1.0, -1.0];
        let grid = Grid { maps: &maps, rows: 2, columns: 2, placement: &place, original: (8, 4) };
        let found = masks(&OUTLINES, &[Some(&HEART)], &[], &grid);
        assert_eq!(rows_of(&found[0].2), ["..##....", "..##....", "..##....", "..##...."]);
        assert!(found[0].3.unwrap() > 0.5);
        let turned = Placement { mirrored: true, ..place };
        let grid = Grid { placement: &turned, ..grid };
        let found = masks(&OUTLINES, &[Some(&HEART)], &[], &grid);
        assert_eq!(rows_of(&found[0].2)[0], "....##..");
    }

    #[test]
    fn sampling_is_the_resampler_s_where_the_part_is_whole() {
        let plane: Vec<f32> = (0..35).map(|i| ((i * 37) % 11) as f32 - 5.0).collect();
        let place = placement(at(3.0, 1.0, 20.0, 13.0), 7);
        let grid =
            Grid { maps: &plane, rows: 5, columns: 7, placement: &place, original: (30, 20) };
        let view = View::new(&grid, Back::TorchBilinear).unwrap();
        let (found, wanted) = (view.enlarge(&plane), torch_bilinear(&plane, (5, 7), (13, 20)));
        assert_eq!(found.len(), wanted.len());
        // The weights are the same, their rounding is not.
        assert!(found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?}");
    }

    #[test]
    fn padding_belongs_to_nothing() {
        // 4 × 2 padded above and below to 4 × 4.
        let place = placement(at(0.0, -1.0, 4.0, 4.0), 4);
        let maps = [1.0; 16];
        let grid = Grid { maps: &maps, rows: 4, columns: 4, placement: &place, original: (4, 2) };
        let found = masks(&OUTLINES, &[Some(&HEART)], &[], &grid);
        assert_eq!(found[0].2.area_px(), 8);
    }

    #[test]
    fn the_largest_wins_and_the_first_of_equals() {
        let place = placement(at(0.0, 0.0, 3.0, 1.0), 3);
        let maps = [0.0, 1.0, 0.0, 0.0, 2.0, -1.0, -1.0, 2.0, 3.0];
        let grid = Grid { maps: &maps, rows: 1, columns: 3, placement: &place, original: (3, 1) };
        let after = [After::ResizeBack(Back::TorchBilinear), After::Softmax, After::Largest];
        let found = masks(&after, &[None, Some(&HEART), Some(&SPINE)], &[], &grid);
        assert_eq!(rows_of(&found[0].2), [".#."]);
        assert_eq!(rows_of(&found[1].2), ["..#"]);
        let e = |x: f32| x.exp();
        let expected = e(3.0) / (e(0.0) + e(-1.0) + e(3.0));
        assert!((found[1].3.unwrap() - expected).abs() < 1e-6);
    }

    #[test]
    fn each_label_may_have_its_own_cut() {
        let place = placement(at(0.0, 0.0, 2.0, 1.0), 2);
        let maps = [0.3, 0.6, 0.3, 0.6];
        let grid = Grid { maps: &maps, rows: 1, columns: 2, placement: &place, original: (2, 1) };
        let after = [After::ResizeBack(Back::Nearest), After::Above(0.5)];
        let found = masks(&after, &[Some(&HEART), Some(&SPINE)], &[Some(0.2), None], &grid);
        assert_eq!(
            (rows_of(&found[0].2), rows_of(&found[1].2)),
            (vec!["##".into()], vec![".#".to_owned()])
        );
    }
}
