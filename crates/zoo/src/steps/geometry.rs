//! Where pixels lie.

use super::layout::image_of;
use super::placement::{Known, Placement};
use super::step::{Extent, Fill, Side, Step};
use super::work::Work;
use crate::card::Resampling;
use base::words::zoo as words;
use base::{Error, Image, Kind, Laterality, Note, Result};
use imaging::resample;

/// Most samples an image may have between steps: four bytes each.
const MOST_SAMPLES: usize = 1 << 28;

/// Where the grid lies after a step, from what is known of the case alone. Steps of other groups
/// leave it.
pub(super) fn place(step: &Step, at: &Placement, known: &Known) -> Placement {
    let (rows, columns) = (at.rows, at.columns);
    match *step {
        Step::CentreSquare => {
            let side = rows.min(columns);
            let start = |extent: usize| (extent / 2 - side / 2) as isize;
            at.window(start(rows), start(columns), side, side)
        }
        Step::CentreCrop { rows: high, columns: wide } => {
            at.window(middle(rows, high), middle(columns, wide), high, wide)
        }
        Step::PadSquare { corner, .. } => {
            let side = rows.max(columns);
            let start = |extent: usize| match corner {
                true => 0,
                false => -(((side - extent) / 2) as isize),
            };
            at.window(start(rows), start(columns), side, side)
        }
        Step::Resize { to, .. } => {
            let (rows, columns) = extent(to, rows, columns);
            Placement { rows, columns, ..*at }
        }
        Step::Resample { spacing_mm, .. } => {
            let (rows, columns) = resampled(at, spacing_mm, known);
            Placement { rows, columns, ..*at }
        }
        Step::Mirror { only } if applies(only, known) => {
            Placement { mirrored: !at.mirrored, ..*at }
        }
        Step::UpsideDown => Placement { upside_down: !at.upside_down, ..*at },
        _ => *at,
    }
}

/// Carries out one step of this group; `after` is what [`place`] says of it.
pub(super) fn take(step: &Step, work: &mut Work, after: &Placement, known: &Known) -> Result<()> {
    let image = &work.image;
    let (width, height) = (image.width(), image.height());
    match *step {
        Step::CentreSquare | Step::CentreCrop { .. } => {
            let (top, left) = match step {
                Step::CentreSquare => (
                    (height / 2 - after.rows / 2) as isize,
                    (width / 2 - after.columns / 2) as isize,
                ),
                _ => (middle(height, after.rows), middle(width, after.columns)),
            };
            if (after.rows, after.columns) != (height, width) {
                let text = match after.rows == after.columns {
                    true => words::cropped(after.rows, width, height),
                    false => words::cropped_to(after.columns, after.rows, width, height),
                };
                work.notes.push(Note::info("center-crop", text));
            }
            if (after.rows, after.columns) != (height, width) {
                work.image = cut(image, top, left, after.rows, after.columns, 0.0)?;
            }
        }
        Step::PadSquare { fill, corner } => {
            let fill = match fill {
                Fill::Value(value) => value,
                Fill::Minimum => image.data().iter().copied().fold(f32::INFINITY, f32::min),
            };
            let start = |extent: usize| match corner {
                true => 0,
                false => -(((after.rows - extent) / 2) as isize),
            };
            work.image = cut(image, start(height), start(width), after.rows, after.columns, fill)?;
        }
        Step::Resize { resampling, .. } => {
            if width.min(height) < after.rows.min(after.columns) {
                let text = words::enlarged(width.min(height), after.rows.min(after.columns));
                work.notes.push(Note::warning("image-enlarged", text));
            }
            work.image = resize(image, after.rows, after.columns, resampling)?;
        }
        Step::Resample { resampling, .. } => {
            if known.spacing.is_none() {
                return Err(Error::new(Kind::Refused, words::SPACING_UNKNOWN));
            }
            work.image = resize(image, after.rows, after.columns, resampling)?;
        }
        Step::Mirror { only } if applies(only, known) => {
            work.image.data_mut().chunks_exact_mut(width).for_each(<[f32]>::reverse);
        }
        Step::UpsideDown => {
            let planes = image.data().chunks_exact(width * height);
            let lines = planes.flat_map(|plane| plane.chunks_exact(width).rev()).flatten();
            work.image = image_of(width, height, lines.copied().collect())?;
        }
        _ => {}
    }
    Ok(())
}

/// torchvision's `int(round((extent - part) / 2.0))`: halves go to the even number. Negative when
/// the part is larger; then torchvision pads `(part - extent) // 2` before.
fn middle(extent: usize, part: usize) -> isize {
    match extent.checked_sub(part) {
        Some(room) => (room as f64 / 2.0).round_ties_even() as isize,
        None => -(((part - extent) / 2) as isize),
    }
}

fn extent(to: Extent, rows: usize, columns: usize) -> (usize, usize) {
    let other = |side: usize, own: usize, of: usize| {
        ((side as f64 * own as f64 / of.max(1) as f64) as usize).max(1)
    };
    match to {
        Extent::Exact(rows, columns) => (rows, columns),
        Extent::Shorter(side) if rows <= columns => (side, other(side, columns, rows)),
        Extent::Shorter(side) => (other(side, rows, columns), side),
        Extent::Longer(side) if rows >= columns => (side, other(side, columns, rows)),
        Extent::Longer(side) => (other(side, rows, columns), side),
    }
}

/// Rows and columns at the spacing asked for; unchanged where the case does not know its own.
fn resampled(at: &Placement, spacing_mm: f32, known: &Known) -> (usize, usize) {
    let Some(spacing) = known.spacing else { return (at.rows, at.columns) };
    let target = f64::from(spacing_mm);
    let count =
        |extent: f32, own: f64| ((f64::from(extent) * own / target).round() as usize).max(1);
    (count(at.covers.height, spacing.row.0), count(at.covers.width, spacing.column.0))
}

fn applies(only: Option<Side>, known: &Known) -> bool {
    match only {
        None => true,
        Some(Side::Left) => known.laterality == Some(Laterality::Left),
        Some(Side::Right) => known.laterality == Some(Laterality::Right),
    }
}

/// A window of the image, `fill` where it reaches outside.
fn cut(
    image: &Image,
    top: isize,
    left: isize,
    rows: usize,
    columns: usize,
    fill: f32,
) -> Result<Image> {
    check_size(rows, columns, image.channels())?;
    let (width, height) = (image.width() as isize, image.height() as isize);
    let mut data = vec![fill; rows * columns * image.channels()];
    // The columns that lie inside, in the window's own count.
    let first = (-left).clamp(0, columns as isize);
    let last = (width - left).clamp(first, columns as isize);
    for (channel, plane) in data.chunks_exact_mut((rows * columns).max(1)).enumerate() {
        let source = image.plane(channel);
        for (row, line) in plane.chunks_exact_mut(columns).enumerate() {
            let from = top + row as isize;
            if (0..height).contains(&from) && first < last {
                let start = (from * width + left + first) as usize;
                let length = (last - first) as usize;
                line[first as usize..last as usize].copy_from_slice(&source[start..start + length]);
            }
        }
    }
    image_of(columns, rows, data)
}

fn resize(image: &Image, rows: usize, columns: usize, how: Resampling) -> Result<Image> {
    check_size(rows, columns, image.channels())?;
    let (from, to) = ((image.height(), image.width()), (rows, columns));
    let mut data = Vec::with_capacity(rows * columns * image.channels());
    for channel in 0..image.channels() {
        data.extend(resize_plane(image.plane(channel), from, to, how));
    }
    image_of(columns, rows, data)
}

/// One plane `[from.0][from.1]` to `[to.0][to.1]`.
pub(crate) fn resize_plane(
    plane: &[f32],
    from: (usize, usize),
    to: (usize, usize),
    how: Resampling,
) -> Vec<f32> {
    match how {
        Resampling::Skimage => resample::skimage(plane, from, to),
        Resampling::TorchAntialiased => resample::torch_antialiased(plane, from, to),
        Resampling::TorchBilinear => resample::torch_bilinear(plane, from, to),
        Resampling::PilBilinear => resample::pil_bilinear(plane, from, to),
    }
}

fn check_size(rows: usize, columns: usize, channels: usize) -> Result<()> {
    let samples = rows.checked_mul(columns).and_then(|plane| plane.checked_mul(channels));
    match samples {
        Some(1..=MOST_SAMPLES) => Ok(()),
        _ => Err(Error::new(Kind::Limit, words::step_too_large(columns, rows))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Rect;

    fn counted(width: usize, height: usize) -> Image {
        Image::gray(width, height, (0..width * height).map(|i| i as f32).collect()).unwrap()
    }

    fn at(columns: usize, rows: usize) -> Placement {
        let covers = Rect { x: 0.0, y: 0.0, width: columns as f32, height: rows as f32 };
        Placement { covers, rows, columns, mirrored: false, upside_down: false }
    }

    #[test]
    fn a_window_may_reach_outside() {
        let out = cut(&counted(3, 2), -1, 1, 3, 3, 9.0).unwrap();
        assert_eq!(out.data(), [9.0, 9.0, 9.0, 1.0, 2.0, 9.0, 4.0, 5.0, 9.0]);
        let outside = cut(&counted(3, 2), 5, 7, 1, 2, 9.0).unwrap();
        assert_eq!(outside.data(), [9.0, 9.0]);
        assert!(cut(&counted(3, 2), 0, 0, usize::MAX, 2, 0.0).is_err());
    }

    #[test]
    fn torchvision_s_middle_rounds_halves_to_even() {
        assert_eq!([middle(5, 4), middle(7, 4), middle(8, 4)], [0, 2, 2]);
        assert_eq!(middle(3, 6), -1);
    }

    #[test]
    fn sides_follow_the_aspect_ratio() {
        assert_eq!(extent(Extent::Shorter(256), 1000, 799), (320, 256));
        assert_eq!(extent(Extent::Longer(256), 1000, 799), (256, 204));
        assert_eq!(extent(Extent::Longer(8), 1000, 1), (8, 1));
    }

    #[test]
    fn a_part_of_a_mirrored_image_is_counted_from_the_other_side() {
        let mirrored = Placement { mirrored: true, ..at(10, 4) };
        let part = mirrored.window(0, 1, 4, 4);
        assert_eq!(part.covers, Rect { x: 5.0, y: 0.0, width: 4.0, height: 4.0 });
        // Half the size: one cell is two pixels.
        let half = Placement { rows: 2, columns: 5, ..at(10, 4) };
        assert_eq!(
            half.window(-1, 1, 4, 2).covers,
            Rect { x: 2.0, y: -2.0, width: 4.0, height: 8.0 }
        );
    }
}
