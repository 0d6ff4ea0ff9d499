//! One axis of a separable filter as a sparse table, and its application to a plane.

/// For each output sample: the first source sample it needs and the weights from there on.
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    source: usize,
    first: Vec<usize>,
    start: Vec<usize>,
    weights: Vec<f32>,
}

impl Taps {
    /// Builds the table for an axis of `source` samples. `rows` gives for each output sample the
    /// index of its first tap (may be negative) and its weights; taps that fall outside the axis
    /// are dropped, which is the same as reading zeros there.
    pub fn new(source: usize, rows: impl Iterator<Item = (isize, Vec<f64>)>) -> Taps {
        let mut taps = Taps { source, first: Vec::new(), start: vec![0], weights: Vec::new() };
        for (first, weights) in rows {
            let low = first.clamp(0, source as isize);
            let high = (first + weights.len() as isize).clamp(low, source as isize);
            let inside = (low - first) as usize..(high - first) as usize;
            taps.first.push(low as usize);
            if low < high {
                taps.weights.extend(weights[inside].iter().map(|&weight| weight as f32));
            }
            taps.start.push(taps.weights.len());
        }
        taps
    }

    /// Builds the table from (source index, weight) pairs in any order; weights of the same index
    /// are summed. A row without pairs reads as zero. Indices must lie on the axis; others are
    /// dropped.
    pub fn gathered(source: usize, rows: impl Iterator<Item = Vec<(usize, f64)>>) -> Taps {
        let rows = rows.map(|mut pairs| {
            pairs.retain(|pair| pair.0 < source);
            let first = pairs.iter().map(|pair| pair.0).min().unwrap_or(0);
            let last = pairs.iter().map(|pair| pair.0).max().unwrap_or(0);
            let mut weights = vec![0.0; if pairs.is_empty() { 0 } else { last - first + 1 }];
            for (index, weight) in pairs {
                weights[index - first] += weight;
            }
            (first as isize, weights)
        });
        Taps::new(source, rows)
    }

    /// The table that changes nothing.
    pub fn identity(extent: usize) -> Taps {
        Taps::new(extent, (0..extent).map(|index| (index as isize, vec![1.0])))
    }

    /// The outputs of a range alone, on an axis of which only the samples of `source` are at hand.
    /// Samples elsewhere are dropped, which is the same as reading zeros there.
    pub fn part(&self, outputs: std::ops::Range<usize>, source: std::ops::Range<usize>) -> Taps {
        let rows = outputs.map(|output| {
            let (first, weights) = self.row(output);
            let weights = weights.iter().map(|&weight| f64::from(weight)).collect();
            (first as isize - source.start as isize, weights)
        });
        Taps::new(source.len(), rows)
    }

    /// The samples that outputs of a range need.
    pub fn needs(&self, outputs: std::ops::Range<usize>) -> std::ops::Range<usize> {
        let reach = |output: usize| {
            let (first, weights) = self.row(output);
            (first, first + weights.len())
        };
        let first = outputs.clone().map(|output| reach(output).0).min().unwrap_or(0);
        let end = outputs.map(|output| reach(output).1).max().unwrap_or(0);
        first..end.max(first)
    }

    /// Whether the table changes nothing.
    pub fn is_identity(&self) -> bool {
        self.source == self.outputs()
            && (0..self.outputs()).all(|output| self.row(output) == (output, &[1.0][..]))
    }

    /// Largest number of weights of one output sample.
    pub fn widest(&self) -> usize {
        self.start.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }

    /// Number of source samples.
    pub fn source(&self) -> usize {
        self.source
    }

    /// Number of output samples.
    pub fn outputs(&self) -> usize {
        self.first.len()
    }

    /// First source index and weights of one output sample.
    pub fn row(&self, output: usize) -> (usize, &[f32]) {
        (self.first[output], &self.weights[self.start[output]..self.start[output + 1]])
    }
}

/// Applies `vertical` to the columns and `horizontal` to the rows of a plane
/// `[vertical.source()][horizontal.source()]`; the result is
/// `[vertical.outputs()][horizontal.outputs()]`. Only the samples that are needed are computed:
/// each output row is filtered vertically over the full width, then horizontally.
///
/// Vertical sums are in `f32` (at most a few hundred taps whose weights sum to one: error below
/// 1e-6 of the range), horizontal sums in `f64`. An empty result when `plane` has another size.
pub fn separable(plane: &[f32], vertical: &Taps, horizontal: &Taps) -> Vec<f32> {
    let width = horizontal.source();
    let mut out = Vec::new();
    if plane.len() != width * vertical.source() {
        return out;
    }
    out.reserve(vertical.outputs() * horizontal.outputs());
    let mut line = vec![0.0f32; width];
    for row in 0..vertical.outputs() {
        let (first, weights) = vertical.row(row);
        line.fill(0.0);
        for (tap, &weight) in weights.iter().enumerate() {
            let source = &plane[(first + tap) * width..][..width];
            for (sum, &sample) in line.iter_mut().zip(source) {
                *sum += weight * sample;
            }
        }
        out.extend((0..horizontal.outputs()).map(|column| {
            let (first, weights) = horizontal.row(column);
            let samples = &line[first..first + weights.len()];
            let sum: f64 =
                samples.iter().zip(weights).map(|(&s, &w)| f64::from(s) * f64::from(w)).sum();
            sum as f32
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_outside_the_axis_read_as_zero() {
        let taps = Taps::new(3, [(-1, vec![0.25, 0.5, 0.25]), (7, vec![1.0])].into_iter());
        assert_eq!(taps.row(0), (0, &[0.5, 0.25][..]));
        assert_eq!(taps.row(1).1, []);
        let unit = Taps::new(1, [(0, vec![1.0])].into_iter());
        assert_eq!(separable(&[4.0, 8.0, 16.0], &taps, &unit), [4.0, 0.0]);
    }

    #[test]
    fn a_plane_of_another_size_gives_nothing() {
        let unit = Taps::new(1, [(0, vec![1.0])].into_iter());
        assert!(separable(&[1.0, 2.0], &unit, &unit).is_empty());
    }
}
