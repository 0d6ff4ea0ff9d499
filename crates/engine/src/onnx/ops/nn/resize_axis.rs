//! Resizing along one axis: which input values make each output value, with which weights.
//!
//! Coordinates are computed in 32 bits as ONNX Runtime does, so that ties fall on the same side.

use crate::error::Result;
use crate::onnx::ops::wrong;

/// How an output index becomes an input coordinate: `coordinate_transformation_mode`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    /// On a crop, `[start, end]` in shares of the input; nothing lies outside the input.
    Crop([f32; 2]),
    /// As in version 10 of the operator set: steps of one over the scale, the next value up when the
    /// result is smaller.
    Simple,
}

/// What lies between the values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mode {
    Nearest(Nearest),
    Linear,
    /// With its coefficient.
    Cubic(f32),
}

/// `nearest_mode`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

/// One axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    pub from: usize,
    pub to: usize,
    pub scale: f32,
    /// The scale is given, not found from the sizes.
    pub given: bool,
}

/// How all axes are resized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct How {
    pub mode: Mode,
    pub antialias: bool,
    pub exclude_outside: bool,
}

/// The inputs and weights of each output index: as many for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Taps {
    /// Values an output is made of.
    pub width: usize,
    /// `width` indices for each output.
    pub index: Vec<usize>,
    /// And their weights.
    pub weight: Vec<f32>,
    /// Outputs that lie outside a crop's input.
    pub outside: Vec<bool>,
}

impl Axis {
    /// Nothing changes along it.
    pub fn is_still(&self, coordinates: Coordinates) -> bool {
        let whole = !matches!(coordinates, Coordinates::Crop(crop) if crop != [0.0, 1.0]);
        self.from == self.to && (self.scale - 1.0).abs() < 1e-6 && whole
    }

    fn coordinate(&self, i: usize, coordinates: Coordinates) -> f32 {
        let (x, from) = (i as f32, self.from as f32);
        let length = if self.given { self.scale * from } else { self.to as f32 };
        // Sizes say the ratio exactly: their quotient in 32 bits would miss ties.
        let back = |x: f32| if self.given { x / self.scale } else { x * from / self.to as f32 };
        match coordinates {
            Coordinates::HalfPixel => back(x + 0.5) - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let offset = from / 2.0 * (1.0 - self.to as f32 / length);
                offset + back(x + 0.5) - 0.5
            }
            Coordinates::PytorchHalfPixel if length > 1.0 => back(x + 0.5) - 0.5,
            Coordinates::PytorchHalfPixel => 0.0,
            Coordinates::AlignCorners if length == 1.0 => 0.0,
            Coordinates::AlignCorners => x * (from - 1.0) / (length - 1.0),
            Coordinates::Asymmetric | Coordinates::Simple => back(x),
            Coordinates::Crop([start, end]) if length > 1.0 => {
                start * (from - 1.0) + x * (end - start) * (from - 1.0) / (length - 1.0)
            }
            Coordinates::Crop([start, end]) => (start + end) * (from - 1.0) / 2.0,
        }
    }

    /// The table of this axis. Errors where there is nothing to take from.
    pub fn taps(&self, coordinates: Coordinates, how: &How) -> Result<Taps> {
        if self.from == 0 && self.to > 0 {
            return Err(wrong("an empty axis cannot be resized"));
        }
        let last = self.from.saturating_sub(1);
        let mut taps = Taps { width: 1, ..Taps::default() };
        // Shrinking with antialias stretches the kernel over the inputs an output stands for.
        let stretch = if how.antialias { self.scale.min(1.0) } else { 1.0 };
        let reach = match how.mode {
            Mode::Nearest(_) => 0.0,
            Mode::Linear => 1.0 / stretch,
            Mode::Cubic(_) => 2.0 / stretch,
        };
        if !reach.is_finite() || reach > 4.0 * (last as f32 + 2.0) {
            return Err(wrong(format!("a scale of {} on {} values", self.scale, self.from)));
        }
        if reach > 0.0 {
            taps.width = 2 * reach.ceil() as usize;
        }
        for i in 0..self.to {
            let x = self.coordinate(i, coordinates);
            let outside =
                matches!(coordinates, Coordinates::Crop(_)) && !(0.0..=last as f32).contains(&x);
            taps.outside.push(outside);
            // NaN becomes 0; far coordinates stay near the ends.
            let x = x.clamp(-16.0, last as f32 + 16.0);
            if let Mode::Nearest(nearest) = how.mode {
                let at = match (nearest, coordinates) {
                    (_, Coordinates::Simple) if self.scale < 1.0 => x.ceil(),
                    (_, Coordinates::Simple) | (Nearest::Floor, _) => x.floor(),
                    (Nearest::Ceil, _) => x.ceil(),
                    (Nearest::RoundPreferFloor, _) => (x - 0.5).ceil(),
                    // Below zero ties fall the other way, but there is nothing to take from.
                    (Nearest::RoundPreferCeil, _) => x.round(),
                };
                taps.index.push((at.max(0.0) as usize).min(last));
                continue;
            }
            let first = x.floor() as i64 - (taps.width as i64 / 2 - 1);
            let mut weights: Vec<f32> = (0..taps.width as i64)
                .map(|k| {
                    let distance = (((first + k) as f32 - x) * stretch).abs();
                    match how.mode {
                        Mode::Cubic(a) => cubic(distance, a),
                        _ => (1.0 - distance).max(0.0),
                    }
                })
                .collect();
            for (k, weight) in weights.iter_mut().enumerate() {
                let at = first + k as i64;
                if how.exclude_outside && !(0..self.from as i64).contains(&at) {
                    *weight = 0.0;
                }
                taps.index.push(at.clamp(0, last as i64) as usize);
            }
            let sum: f32 = weights.iter().sum();
            if (how.exclude_outside || how.antialias) && sum != 0.0 {
                weights.iter_mut().for_each(|w| *w /= sum);
            }
            taps.weight.extend(weights);
        }
        Ok(taps)
    }
}

/// The cubic kernel of Keys (1981) with coefficient `a`.
fn cubic(x: f32, a: f32) -> f32 {
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}
