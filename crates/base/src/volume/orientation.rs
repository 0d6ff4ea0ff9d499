//! Where voxel axes point to in the patient.

use std::fmt;

/// One of the patient's six directions: where an axis goes *to* as its index grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Toward {
    /// Right (+x of RAS+).
    Right,
    /// Left (−x).
    Left,
    /// Anterior, to the front (+y).
    Anterior,
    /// Posterior, to the back (−y).
    Posterior,
    /// Superior, to the head (+z).
    Superior,
    /// Inferior, to the feet (−z).
    Inferior,
}

impl Toward {
    /// The direction along one row of an RAS+ affine: 0 is x, 1 is y, 2 is z.
    pub(super) fn of(row: usize, positive: bool) -> Toward {
        match (row, positive) {
            (0, true) => Toward::Right,
            (0, false) => Toward::Left,
            (1, true) => Toward::Anterior,
            (1, false) => Toward::Posterior,
            (_, true) => Toward::Superior,
            (_, false) => Toward::Inferior,
        }
    }

    /// Row of an RAS+ affine (0 is x, 1 is y, 2 is z) and whether it grows.
    pub fn row(self) -> (usize, bool) {
        match self {
            Toward::Right => (0, true),
            Toward::Left => (0, false),
            Toward::Anterior => (1, true),
            Toward::Posterior => (1, false),
            Toward::Superior => (2, true),
            Toward::Inferior => (2, false),
        }
    }

    fn letter(self) -> char {
        match self {
            Toward::Right => 'R',
            Toward::Left => 'L',
            Toward::Anterior => 'A',
            Toward::Posterior => 'P',
            Toward::Superior => 'S',
            Toward::Inferior => 'I',
        }
    }
}

/// Where i, j and k go to; each of the patient's three axes occurs once. `RAS` is nibabel's
/// canonical orientation, `LPS` that of DICOM's axial images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Orientation([Toward; 3]);

impl Orientation {
    /// Right, anterior, superior.
    pub const RAS: Orientation = Orientation([Toward::Right, Toward::Anterior, Toward::Superior]);
    /// Left, posterior, superior.
    pub const LPS: Orientation = Orientation([Toward::Left, Toward::Posterior, Toward::Superior]);

    /// `None` when one of the patient's axes occurs twice.
    pub fn new(axes: [Toward; 3]) -> Option<Orientation> {
        let mut seen = [false; 3];
        axes.iter().for_each(|axis| seen[axis.row().0] = true);
        seen.iter().all(|&seen| seen).then_some(Orientation(axes))
    }

    /// Three letters (`RAS`, `lpi`); `None` for anything else.
    pub fn parse(code: &str) -> Option<Orientation> {
        let axes = code
            .chars()
            .map(|letter| match letter.to_ascii_uppercase() {
                'R' => Some(Toward::Right),
                'L' => Some(Toward::Left),
                'A' => Some(Toward::Anterior),
                'P' => Some(Toward::Posterior),
                'S' => Some(Toward::Superior),
                'I' => Some(Toward::Inferior),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        Orientation::new(axes.try_into().ok()?)
    }

    /// Where i, j and k go to.
    pub fn axes(&self) -> [Toward; 3] {
        self.0
    }

    /// For each axis of `to`: the axis here that lies along it, and whether it must be mirrored.
    pub fn way_to(&self, to: Orientation) -> [(usize, bool); 3] {
        to.0.map(|wanted| {
            let (row, positive) = wanted.row();
            let here = self.0.iter().position(|axis| axis.row().0 == row).unwrap_or(0);
            (here, self.0[here].row().1 != positive)
        })
    }
}

impl fmt::Display for Orientation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|axis| write!(f, "{}", axis.letter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_names_every_axis_once() {
        assert_eq!(Orientation::parse("ras"), Some(Orientation::RAS));
        for bad in ["RAR", "RLS", "RA", "RASS", "RAX", ""] {
            assert_eq!(Orientation::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_way_to_another_orientation_permutes_and_mirrors() {
        let from = Orientation::parse("PIR").unwrap();
        assert_eq!(from.way_to(Orientation::RAS), [(2, false), (0, true), (1, true)]);
        assert_eq!(from.way_to(from), [(0, false), (1, false), (2, false)]);
    }
}
