//! Which tissues may lie where in a head: the atlas that `training/brain/atlas.py` computes from the
//! label maps the brain reader was trained on (the file's layout is described there).

use super::noise::Field;
use base::words::demo as words;
use base::{Error, Kind, Result};
use std::io::Read;

/// The compressed file.
static FILE: &[u8] = include_bytes!("../../../zoo/weights/consilium-head-atlas.bin");

/// Categories: 0 air, 1 to 18 the brain reader's classes, the rest outside the brain.
pub const CATEGORIES: usize = 33;
/// Edge of a voxel.
const STEP_MM: f32 = 2.0;
/// How far the random fields move the odds between tissues: their logarithms, per standard deviation.
const SWAY: f32 = 0.55;
/// Random fields that tissues share.
pub const FIELDS: usize = 4;

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

    /// The category at a place: millimetres from the middle of the head to the right, forwards, upwards.
    /// `sway` are the values of the random fields there.
    pub fn category(&self, [x, y, z]: [f32; 3], sway: &[f32; FIELDS]) -> u8 {
        // Voxels are centred half a step off the middle plane.
        let at = [
            x.abs() / STEP_MM - 0.5,
            y / STEP_MM + (self.size[1] as f32 - 1.0) / 2.0,
            z / STEP_MM + (self.size[2] as f32 - 1.0) / 2.0,
        ];
        let mut odds = [0.0f32; CATEGORIES];
        let base = at.map(|v| v.floor());
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
        let swayed = |c: usize| match odds[c] {
            0.0 => 0.0,
            p => p * (SWAY * sway[c % FIELDS]).exp(),
        };
        (1..CATEGORIES)
            .fold((0, swayed(0)), |best, c| {
                let odds = swayed(c);
                if odds > best.1 { (c, odds) } else { best }
            })
            .0 as u8
    }
}

/// The random fields that decide between tissues.
pub fn sway(fields: &[Field; FIELDS], at: [f32; 3]) -> [f32; FIELDS] {
    std::array::from_fn(|n| fields[n].at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_head_is_brain_and_its_corner_air() {
        let atlas = Atlas::open().unwrap();
        let still = [0.0; FIELDS];
        let centre = atlas.category([25.0, 0.0, 20.0], &still);
        assert!((1..19).contains(&centre), "{centre}");
        assert_eq!(atlas.category([95.0, 118.0, 102.0], &still), 0);
        let (left, right) = ([-30.0, 10.0, 5.0], [30.0, 10.0, 5.0]);
        assert_eq!(atlas.category(left, &still), atlas.category(right, &still));
    }
}
