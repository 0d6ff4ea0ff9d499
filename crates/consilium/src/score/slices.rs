//! A case's masks as a picture: the outlines of truth and prediction on the slice where they differ most.

use base::words::evaluate as words;
use base::{Orientation, Picture, Text, Volume};
use report::contour;
use report::pictures::{base64, jpeg};
use std::fmt::Write;

/// Cases shown of each structure or kind of error.
pub(crate) const MOST: usize = 3;
/// Pictures of volumes on one page.
const MOST_SLICES: usize = 48;
/// Of JPEG.
const QUALITY: u8 = 82;
/// Without an image only the structure is shown, with so much of its longer side around it.
const MARGIN: f64 = 0.2;
/// And at least so many voxels.
const LEAST_MARGIN: usize = 3;

/// How outlines look: told apart without colour, too.
pub(crate) const STYLE: &str = ".card.wide{width:300px}\
.card svg.slice{width:300px;height:auto;max-height:420px;background:#000;display:block}\
.card svg.slice.plain{background:#fff;border:1px solid #999}\
svg.slice path{fill:none;vector-effect:non-scaling-stroke;stroke-width:1.6}\
svg.slice path.t{stroke:#56b4e9}svg.slice path.p{stroke:#f0e442;stroke-dasharray:4 2.5}\
svg.plain path.t{stroke:#0b5394;fill:#cfe0ee}svg.plain path.p{stroke:#a33c00}\
@media print{.card.wide,.card svg.slice{width:190px;max-height:240px}}";

/// How many cases of each of so many structures are drawn.
pub(crate) fn most(structures: usize) -> usize {
    (MOST_SLICES / structures.max(1)).clamp(1, MOST)
}

/// A picture as an address that a page can hold.
pub(crate) fn address(picture: &Picture) -> String {
    format!("data:image/jpeg;base64,{}", base64(&jpeg(picture, QUALITY)))
}

/// A volume in the order that [`slice`] takes: voxels run to the left, to the back and up.
pub(crate) fn turned(volume: &Volume) -> Volume {
    volume.reoriented(Orientation::LPS)
}

/// The slice with most disagreement, across the direction in which voxels are longest: the plane the
/// volume was acquired in, else axial. Markup, and where it is. Volumes are [`turned`] and of one size;
/// without an image the outlines stand alone, cut to what they hold. What is shown is where one of `labels` is.
pub(crate) fn slice(
    image: Option<&Volume>,
    truth: &Volume,
    predicted: &Volume,
    labels: &[u16],
) -> Option<(String, Text)> {
    let size = truth.size();
    if predicted.size() != size || image.is_some_and(|image| image.size() != size) {
        return None;
    }
    let is = |volume: &Volume, index: usize| {
        let value = volume.value(index);
        labels.iter().any(|label| value == Some(f64::from(*label)))
    };
    let spacing = truth.spacing_mm();
    let longest = (0..3).find(|axis| size[*axis] == 1).unwrap_or_else(|| {
        (0..3).fold(2, |best, axis| if spacing[axis] > 1.5 * spacing[best] { axis } else { best })
    });
    let mut wrong = vec![0usize; size[longest]];
    for index in 0..truth.frame_len() {
        if is(truth, index) != is(predicted, index) {
            let [i, j, k] =
                [index % size[0], index / size[0] % size[1], index / (size[0] * size[1])];
            wrong[[i, j, k][longest]] += 1;
        }
    }
    let worst = (0..wrong.len()).max_by_key(|at| (wrong[*at], std::cmp::Reverse(*at)))?;
    // Across and down on the page; the head is up.
    let (across, down, turned) = [(1, 2, true), (0, 2, true), (0, 1, false)][longest];
    let (width, height) = (size[across], size[down]);
    let place = |x: usize, y: usize| {
        let mut voxel = [0; 3];
        voxel[longest] = worst;
        voxel[across] = x;
        voxel[down] = if turned { height - 1 - y } else { y };
        truth.index(voxel, 0)
    };
    let either = |x: usize, y: usize| is(truth, place(x, y)) || is(predicted, place(x, y));
    let [xs, ys] = match image {
        Some(_) => [(0, width), (0, height)],
        None => cut(width, height, either),
    };
    let indices: Vec<usize> = (ys.0..ys.1)
        .flat_map(|y| (xs.0..xs.1).map(move |x| (x, y)))
        .map(|(x, y)| place(x, y))
        .collect();
    let (width, height) = (xs.1 - xs.0, ys.1 - ys.0);
    let outline = |volume: &Volume| {
        let bits: Vec<u8> = indices.iter().map(|index| u8::from(is(volume, *index))).collect();
        let mut path = String::new();
        for ring in contour::trace(width, height, &bits) {
            for (at, (x, y)) in contour::smooth(&ring, 0.4).into_iter().enumerate() {
                let _ = write!(path, "{}{x:.1} {y:.1}", if at == 0 { "M" } else { "L" });
            }
            path.push('Z');
        }
        path
    };
    let [wide, high] = [width as f64 * spacing[across], height as f64 * spacing[down]];
    let picture = match image {
        None => String::new(),
        Some(image) => format!(
            "<image width=\"{wide:.2}\" height=\"{high:.2}\" preserveAspectRatio=\"none\" href=\"{}\"/>",
            address(&Picture::new(width, height, 1, grey(image, &indices))?)
        ),
    };
    let markup = format!(
        "<svg class=\"slice{}\" viewBox=\"0 0 {wide:.2} {high:.2}\">{picture}\
         <g transform=\"scale({:.4} {:.4})\"><path class=\"t\" d=\"{}\"/><path class=\"p\" d=\"{}\"/></g></svg>",
        if image.is_some() { "" } else { " plain" },
        spacing[across],
        spacing[down],
        outline(truth),
        outline(predicted)
    );
    Some((markup, words::slice(worst + 1, size[longest])))
}

/// The part of a slice that holds something, with a margin: first and one past the last column and row.
fn cut(width: usize, height: usize, held: impl Fn(usize, usize) -> bool) -> [(usize, usize); 2] {
    let (mut low, mut high) = ([width, height], [0, 0]);
    for y in 0..height {
        for x in (0..width).filter(|x| held(*x, y)) {
            low = [low[0].min(x), low[1].min(y)];
            high = [high[0].max(x + 1), high[1].max(y + 1)];
        }
    }
    if high == [0, 0] {
        return [(0, width), (0, height)];
    }
    let longer = (high[0] - low[0]).max(high[1] - low[1]) as f64;
    let margin = ((longer * MARGIN) as usize).max(LEAST_MARGIN);
    let ends =
        |at: usize, end: usize| (low[at].saturating_sub(margin), (high[at] + margin).min(end));
    [ends(0, width), ends(1, height)]
}

/// Values of a slice as grey from their 1st to their 99th percentile, those equal to the smallest left
/// out: background would otherwise fill the range.
fn grey(image: &Volume, indices: &[usize]) -> Vec<u8> {
    let value = |index: &usize| image.value(*index).filter(|value| value.is_finite());
    let mut sorted: Vec<f64> = indices.iter().filter_map(value).collect();
    sorted.sort_by(f64::total_cmp);
    let smallest = sorted.first().copied().unwrap_or(0.0);
    let above = sorted.partition_point(|value| *value <= smallest);
    let inside = if sorted.len() - above >= 16 { &sorted[above..] } else { &sorted[..] };
    let at = |q| metrics::stats::quantile_sorted(inside, q).unwrap_or(0.0);
    let (low, high) = (at(0.01), at(0.99));
    let span = if high > low { high - low } else { 1.0 };
    let shade = |index: &usize| {
        let unit = value(index).map_or(0.0, |value| ((value - low) / span).clamp(0.0, 1.0));
        (unit * 255.0 + 0.5) as u8
    };
    indices.iter().map(shade).collect()
}
