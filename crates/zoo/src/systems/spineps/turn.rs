//! Label maps between the case's own axes i, j, k and posterior, inferior, right.

use super::labels::Labels;
use base::Orientation;

/// The way from one order of axes to another: of each new axis the old one, and whether it runs the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn([(usize, bool); 3]);

impl Turn {
    /// From axes that point as `from` says to posterior, inferior, right.
    pub(super) fn to_pir(from: Orientation) -> Turn {
        Turn(from.way_to(pir()))
    }

    /// Labels along the new axes.
    pub(super) fn there(&self, labels: &Labels) -> Labels {
        let shape = self.0.map(|(axis, _)| labels.shape[axis]);
        let mut out = Labels::none(shape);
        let [_, height, width] = labels.shape;
        let strides = [height * width, width, 1];
        let mut at = 0;
        for a in 0..shape[0] {
            for b in 0..shape[1] {
                for c in 0..shape[2] {
                    let mut from = 0;
                    for (place, (extent, (axis, back))) in
                        [a, b, c].into_iter().zip(shape.into_iter().zip(self.0))
                    {
                        from += strides[axis] * if back { extent - 1 - place } else { place };
                    }
                    out.values[at] = labels.values[from];
                    at += 1;
                }
            }
        }
        out
    }

    /// The way back.
    pub(super) fn back(&self, labels: &Labels) -> Labels {
        let mut way = [(0, false); 3];
        for (new, (old, back)) in self.0.into_iter().enumerate() {
            way[old] = (new, back);
        }
        Turn(way).there(labels)
    }
}

/// Posterior, inferior, right.
pub(super) fn pir() -> Orientation {
    Orientation::parse("PIR").unwrap_or(Orientation::LPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let labels = Labels { values: (0..24).collect(), shape: [2, 3, 4] };
        for code in ["RAS", "PIR", "ILA", "LSP"] {
            let turn = Turn::to_pir(Orientation::parse(code).unwrap());
            assert_eq!(turn.back(&turn.there(&labels)), labels, "{code}");
        }
        // From right, anterior, superior: posterior is the second the other way.
        let there = Turn::to_pir(Orientation::RAS).there(&labels);
        assert_eq!(there.shape, [3, 4, 2]);
        assert_eq!(there.values[..2], [2 * 4 + 3, 12 + 2 * 4 + 3]);
    }
}
