//! From what the heads say to boxes: anchors, decoding, the best of each level, what is left of those that
//! overlap.
//!
//! Source: `monai/apps/detection/utils/anchor_utils.py`, `box_coder.py`, `box_selector.py`,
//! `monai/data/box_utils.py`.

/// `log(1000 / 16)` (`BoxCoder`): no box grows further.
const MOST_GROWTH: f32 = 4.135_166_6;
/// A box is no thinner along any axis, in voxels (`spatial_crop_boxes`).
const LEAST_EXTENT: f32 = 1.0;

/// Shapes that a box is described from.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::bundle) struct Anchors {
    /// How much larger they are on each level.
    pub scales: Vec<f32>,
    /// Extents in voxels, i, j, k.
    pub shapes: Vec<[f32; 3]>,
}

/// Which boxes are kept.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::bundle) struct Selector {
    /// Scores are above.
    pub threshold: f32,
    /// So many of each level at most.
    pub best_of_level: usize,
    /// Of boxes of a class that overlap more than that (intersection over union) the best is kept.
    pub overlap: f32,
    /// So many at most.
    pub most: usize,
    /// What codes are divided by: of centres, of extents.
    pub weights: [f32; 6],
}

impl Default for Selector {
    fn default() -> Selector {
        let weights = [1.0; 6];
        Selector { threshold: 0.05, best_of_level: 1000, overlap: 0.5, most: 300, weights }
    }
}

/// What the heads say of one level.
pub(super) struct LevelAnswer {
    /// Extents of the level, i, j, k.
    pub grid: [usize; 3],
    /// Logits `[anchor][class][i][j][k]`.
    pub classes: Vec<f32>,
    /// Codes `[anchor][6][i][j][k]`.
    pub boxes: Vec<f32>,
}

/// A box in the voxels of the prepared image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Found {
    pub low: [f32; 3],
    pub high: [f32; 3],
    pub score: f32,
    pub class: usize,
}

/// The boxes that are left, the best first. `padded` are the extents that the levels cover, `size` those of the
/// image itself, to which boxes are clipped.
pub(super) fn select(
    anchors: &Anchors,
    selector: &Selector,
    levels: &[LevelAnswer],
    padded: [usize; 3],
    size: [usize; 3],
) -> Vec<Found> {
    let mut all = Vec::new();
    for (level, &scale) in levels.iter().zip(&anchors.scales) {
        let decoder = Decoder { anchors, selector, level, scale, padded };
        let found = decoder.best().into_iter().map(|(score, at)| decoder.decode(score, at));
        all.extend(found.filter_map(|found| clipped(found, size)));
    }
    // Stable: of equals the first.
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Found> = Vec::new();
    for found in all {
        if kept.len() >= selector.most {
            break;
        }
        let hidden =
            |other: &Found| other.class == found.class && overlap(other, &found) > selector.overlap;
        if !kept.iter().any(hidden) {
            kept.push(found);
        }
    }
    kept
}

struct Decoder<'a> {
    anchors: &'a Anchors,
    selector: &'a Selector,
    level: &'a LevelAnswer,
    scale: f32,
    padded: [usize; 3],
}

impl Decoder<'_> {
    /// Scores above the threshold and where they stand in the order i, j, k, anchor, class; the best first.
    fn best(&self) -> Vec<(f32, usize)> {
        let (places, channels) = self.extents();
        let mut found = Vec::new();
        for place in 0..places {
            for channel in 0..channels {
                let logit = self.level.classes[channel * places + place];
                let score = 1.0 / (1.0 + (-logit).exp());
                if score > self.selector.threshold {
                    found.push((score, place * channels + channel));
                }
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.truncate(self.selector.best_of_level);
        found
    }

    /// Places of the level, and anchors times classes.
    fn extents(&self) -> (usize, usize) {
        let places: usize = self.level.grid.iter().product();
        (places, self.level.classes.len() / places.max(1))
    }

    fn decode(&self, score: f32, at: usize) -> Found {
        let (places, channels) = self.extents();
        let (place, channel) = (at / channels, at % channels);
        let count = self.anchors.shapes.len();
        let classes = (channels / count).max(1);
        let (anchor, class) = (channel / classes, channel % classes);
        let [_, nj, nk] = self.level.grid;
        let index = [place / (nj * nk), place / nk % nj, place % nk];
        let code = |n: usize| self.level.boxes[(anchor * 6 + n) * places + place];
        let (mut low, mut high) = ([0.0; 3], [0.0; 3]);
        for axis in 0..3 {
            let stride = self.padded[axis] / self.level.grid[axis].max(1);
            let shift = (index[axis] * stride + stride / 2) as f32;
            let half = (self.scale * self.anchors.shapes[anchor][axis] / 2.0).round_ties_even();
            let (from, to) = (shift - half, shift + half);
            let (extent, centre) = (to - from, (from + to) / 2.0);
            let centre = code(axis) / self.selector.weights[axis] * extent + centre;
            let growth = (code(3 + axis) / self.selector.weights[3 + axis]).min(MOST_GROWTH);
            let extent = growth.exp() * extent;
            (low[axis], high[axis]) = (centre - 0.5 * extent, centre + 0.5 * extent);
        }
        Found { low, high, score, class }
    }
}

/// The part of a box that lies in the image; `None` where nothing much is left, or it is no box.
fn clipped(found: Found, size: [usize; 3]) -> Option<Found> {
    let inside = |at: [f32; 3]| [0, 1, 2].map(|axis| at[axis].clamp(0.0, size[axis] as f32));
    let (low, high) = (inside(found.low), inside(found.high));
    // Comparisons with what is no number are false.
    let whole = (0..3).all(|axis| high[axis] >= low[axis] + LEAST_EXTENT);
    whole.then_some(Found { low, high, ..found })
}

/// Intersection over union.
fn overlap(a: &Found, b: &Found) -> f32 {
    let volume = |of: &dyn Fn(usize) -> f32| of(0) * of(1) * of(2);
    let both =
        |axis: usize| (a.high[axis].min(b.high[axis]) - a.low[axis].max(b.low[axis])).max(0.0);
    let inter = volume(&both);
    let own = |of: &Found| volume(&|axis| of.high[axis] - of.low[axis]);
    inter / (own(a) + own(b) - inter + f32::EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchors() -> Anchors {
        Anchors { scales: vec![1.0], shapes: vec![[6.0, 8.0, 5.0], [4.0; 3]] }
    }

    fn level(logits: &[(usize, f32)], codes: &[(usize, f32)]) -> LevelAnswer {
        // Two places along i, two anchors, one class.
        let (mut classes, mut boxes) = (vec![-20.0; 4], vec![0.0; 24]);
        logits.iter().for_each(|(at, value)| classes[*at] = *value);
        codes.iter().for_each(|(at, value)| boxes[*at] = *value);
        LevelAnswer { grid: [2, 1, 1], classes, boxes }
    }

    #[test]
    fn a_code_moves_its_anchor_and_the_image_cuts_it() {
        // Place 1 of anchor 0: centre 24 (16 + 8), 4, 4; half an extent along i away, twice as long along j.
        let level = level(&[(1, 0.0)], &[(1, 0.5), (9, 2.0f32.ln())]);
        let found = select(&anchors(), &Selector::default(), &[level], [32, 8, 8], [32, 8, 6]);
        assert_eq!(found.len(), 1);
        let Found { low, high, score, class } = found[0];
        assert_eq!((score, class), (0.5, 0));
        // 5 / 2 rounds to 2.
        assert_eq!((low, high), ([24.0, 0.0, 2.0], [30.0, 8.0, 6.0]));
    }

    #[test]
    fn of_boxes_that_overlap_the_best_stays_and_empty_ones_go() {
        let selector = Selector { overlap: 0.1, ..Selector::default() };
        // Both anchors of place 0, the second better.
        let one = level(&[(0, 1.0), (2, 2.0)], &[]);
        let found = select(&anchors(), &selector, &[one], [32, 8, 8], [32, 8, 8]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].high[0] - found[0].low[0], 4.0);
        let one = level(&[(0, 1.0), (2, 2.0)], &[]);
        let wide = Selector { overlap: 0.9, ..Selector::default() };
        assert_eq!(select(&anchors(), &wide, &[one], [32, 8, 8], [32, 8, 8]).len(), 2);
        let gone = level(&[(1, 1.0)], &[(1, 9.0)]);
        assert!(select(&anchors(), &selector, &[gone], [32, 8, 8], [32, 8, 8]).is_empty());
        let odd = level(&[(1, 1.0)], &[(1, f32::NAN)]);
        assert!(select(&anchors(), &selector, &[odd], [32, 8, 8], [32, 8, 8]).is_empty());
        let fewest = Selector { most: 1, best_of_level: 1, ..Selector::default() };
        let one = level(&[(0, 1.0), (1, 2.0)], &[]);
        let found = select(&anchors(), &fewest, &[one], [32, 8, 8], [32, 8, 8]);
        assert_eq!(found[0].low[0], 21.0);
    }
}
