//! Which tissue lies at a place of a made-up head: the brain reader's atlas, its odds moved at random.

use super::noise::Field;
pub use zoo::systems::consilium_brain::{Atlas, CATEGORIES};

/// How far the random fields move the odds between tissues: their logarithms, per standard deviation.
const SWAY: f32 = 0.55;
/// Random fields that tissues share.
pub const FIELDS: usize = 4;

/// The category at a place: millimetres from the middle of the head to the right, forwards, upwards.
/// `sway` are the values of the random fields there.
pub fn category(atlas: &Atlas, at: [f32; 3], sway: &[f32; FIELDS]) -> u8 {
    let odds = atlas.odds(at);
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

/// The random fields that decide between tissues.
pub fn sway(fields: &[Field; FIELDS], at: [f32; 3]) -> [f32; FIELDS] {
    std::array::from_fn(|n| fields[n].at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_stand_still_leave_the_likeliest_tissue() {
        let atlas = Atlas::open().unwrap();
        let still = [0.0; FIELDS];
        let centre = category(&atlas, [25.0, 0.0, 20.0], &still);
        assert!((1..19).contains(&centre), "{centre}");
        assert_eq!(category(&atlas, [95.0, 118.0, 102.0], &still), 0);
    }
}
