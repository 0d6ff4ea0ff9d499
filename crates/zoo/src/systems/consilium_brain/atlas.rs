//! Which tissues may lie where in a head: the atlas that `training/brain/atlas.py` computes from the
//! label maps the network was trained on (the file's layout is described there).

use super::classes::CLASSES;
use base::words::consilium_brain as words;
use base::{Error, Kind, Result};
use std::io::Read;

/// The compressed file.
static FILE: &[u8] = include_bytes!("../../../weights/consilium-head-atlas.bin");

/// Categories: 0 air, 1 to 18 the brain reader's classes, the rest outside the brain.
pub const CATEGORIES: usize = 33;
/// Edge of a voxel.
const STEP_MM: f32 = 2.0;
/// Structures whose centres tell how a head lies: every class but the background and the fluid around
/// the brain, which has no shape of its own; with sides where it has them.
const UNMARKED: [usize; 2] = [0, 16];

/// The two likeliest categories of every place of the right half of a head.
pub struct Atlas {
    size: [usize; 3],
    first: Vec<u8>,
    second: Vec<u8>,
    /// Probability of the first, in 255ths of both together.
    share: Vec<u8>,
}

impl Atlas {
    /// The atlas of the program.
    pub fn open() -> Result<Atlas> {
        let broken = || Error::new(Kind::Bug, words::ATLAS_BROKEN);
        let mut bytes = Vec::new();
        let mut reader = flate2::read::ZlibDecoder::new(FILE).take(1 << 26);
        reader.read_to_end(&mut bytes).map_err(|_| broken())?;
        let rest = bytes.strip_prefix(b"CHA1").ok_or_else(broken)?;
        let (head, body) = rest.split_at_checked(6).ok_or_else(broken)?;
        let extent =
            |axis: usize| usize::from(u16::from_le_bytes([head[2 * axis], head[2 * axis + 1]]));
        let size = [extent(0), extent(1), extent(2)];
        let count = size.iter().product::<usize>();
        let known = |c: &u8| usize::from(*c) < CATEGORIES;
        if body.len() != 3 * count || !body[..2 * count].iter().all(known) {
            return Err(broken());
        }
        let part = |n: usize| body[n * count..(n + 1) * count].to_vec();
        Ok(Atlas { size, first: part(0), second: part(1), share: part(2) })
    }

    /// How likely each category is at a place: millimetres from the middle of the head to the right,
    /// forwards, upwards. Linear between voxels; beyond the atlas that of its border.
    pub fn odds(&self, [x, y, z]: [f32; 3]) -> [f32; CATEGORIES] {
        // Voxels are centred half a step off the middle plane.
        let at = [
            x.abs() / STEP_MM - 0.5,
            y / STEP_MM + (self.size[1] as f32 - 1.0) / 2.0,
            z / STEP_MM + (self.size[2] as f32 - 1.0) / 2.0,
        ];
        let mut odds = [0.0f32; CATEGORIES];
        let base = at.map(f32::floor);
        for corner in 0..8usize {
            let mut weight = 1.0;
            let mut index = [0usize; 3];
            for axis in 0..3 {
                let high = corner >> axis & 1;
                let part = at[axis] - base[axis];
                weight *= if high == 1 { part } else { 1.0 - part };
                let place = base[axis] as isize + high as isize;
                index[axis] = place.clamp(0, self.size[axis] as isize - 1) as usize;
            }
            let n = (index[2] * self.size[1] + index[1]) * self.size[0] + index[0];
            let share = f32::from(self.share[n]) / 255.0;
            odds[usize::from(self.first[n])] += weight * share;
            odds[usize::from(self.second[n])] += weight * (1.0 - share);
        }
        odds
    }

    /// Where the centre of each structure lies, in millimetres: FreeSurfer's code and place.
    pub fn marks(&self) -> Vec<(u16, [f64; 3])> {
        let mut sums = vec![[0.0f64; 4]; CATEGORIES];
        let [nx, ny, _] = self.size;
        for (n, share) in self.share.iter().enumerate() {
            let place = [n % nx, n / nx % ny, n / nx / ny];
            let middle = [0.0, self.size[1] as f64 - 1.0, self.size[2] as f64 - 1.0];
            let half = [0.5, 0.0, 0.0];
            let first = f64::from(*share) / 255.0;
            for (kind, weight) in [(self.first[n], first), (self.second[n], 1.0 - first)] {
                let sum = &mut sums[usize::from(kind)];
                for axis in 0..3 {
                    let at = place[axis] as f64 + half[axis] - middle[axis] / 2.0;
                    sum[axis] += weight * at * f64::from(STEP_MM);
                }
                sum[3] += weight;
            }
        }
        let mut marks = Vec::new();
        for (number, class) in CLASSES.iter().enumerate() {
            if UNMARKED.contains(&number) || sums[number][3] <= 0.0 {
                continue;
            }
            let [x, y, z] = std::array::from_fn(|axis| sums[number][axis] / sums[number][3]);
            match class.right {
                0 => marks.push((class.left, [0.0, y, z])),
                right => marks.extend([(class.left, [-x, y, z]), (right, [x, y, z])]),
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_head_is_brain_and_its_corner_air() {
        let atlas = Atlas::open().unwrap();
        let brain = |at| atlas.odds(at)[1..CLASSES.len()].iter().sum::<f32>();
        assert!(brain([25.0, 0.0, 30.0]) > 0.99);
        assert_eq!(atlas.odds([95.0, 118.0, 102.0])[0], 1.0);
        assert_eq!(atlas.odds([-30.0, 10.0, 5.0]), atlas.odds([30.0, 10.0, 5.0]));
        let sum: f32 = atlas.odds([17.3, -3.1, 22.2]).iter().sum();
        assert!((sum - 1.0).abs() < 1e-5);
    }

    #[test]
    fn every_structure_has_a_centre_on_its_side() {
        let marks = Atlas::open().unwrap().marks();
        assert_eq!(marks.len(), 31);
        for class in CLASSES.iter().filter(|class| class.right != 0) {
            let place = |code| marks.iter().find(|mark| mark.0 == code).unwrap().1;
            let (left, right) = (place(class.left), place(class.right));
            assert!(left[0] < -5.0 && left[0] == -right[0] && left[1..] == right[1..]);
        }
    }
}
