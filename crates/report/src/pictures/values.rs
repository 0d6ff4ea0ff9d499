//! A map of values as colours, with a bar that shows which is which.

use super::heat::colour;
use base::{Picture, ValuePicture};

/// Columns of the bar, and between it and the map.
const BAR: usize = 14;
/// See [`BAR`].
const GAP: usize = 10;

/// The map in the colours of explanation maps on black, dark for the low end of its range; right of it a bar
/// from the low end (below) to the high end (above). What is no number stays black.
/// `None` for a map wider than a picture can be.
pub fn values_in_colour(shown: &ValuePicture) -> Option<Picture> {
    let (columns, height) = (shown.map.width(), shown.map.height());
    let [low, high] = shown.range;
    let width = columns + GAP + BAR;
    let mut rgb = vec![0u8; width * height * 3];
    for (row, line) in rgb.chunks_exact_mut(width * 3).enumerate() {
        let values = &shown.map.plane(0)[row * columns..(row + 1) * columns];
        for (pixel, value) in line.chunks_exact_mut(3).zip(values) {
            if value.is_finite() {
                let share = (value - low) / (high - low).max(f32::MIN_POSITIVE);
                pixel.copy_from_slice(&colour((share.clamp(0.0, 1.0) * 255.0 + 0.5) as u8));
            }
        }
        let share = 1.0 - (row as f32 + 0.5) / height as f32;
        let ink = colour((share * 255.0 + 0.5) as u8);
        let bar = line[(columns + GAP) * 3..].chunks_exact_mut(3);
        bar.for_each(|pixel| pixel.copy_from_slice(&ink));
    }
    Picture::new(width, height, 3, rgb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Image, Text};

    #[test]
    fn values_have_the_colours_of_the_bar() {
        let data = vec![0.0, 4.0, f32::NAN, 9.0, -1.0, 2.0];
        let shown = ValuePicture {
            name: "thickness",
            map: Image::gray(2, 3, data).unwrap(),
            range: [0.0, 4.0],
            alt: Text::same("alt"),
            caption: Text::same("caption"),
        };
        let picture = values_in_colour(&shown).unwrap();
        let at = |x: usize, y: usize| &picture.data()[(y * picture.width() + x) * 3..][..3];
        assert_eq!((picture.width(), picture.height()), (2 + GAP + BAR, 3));
        assert_eq!((at(0, 0), at(1, 0)), (&colour(0)[..], &colour(255)[..]));
        assert_eq!((at(0, 1), at(1, 1)), (&[0; 3][..], &colour(255)[..]), "none; above");
        assert_eq!((at(0, 2), at(1, 2)), (&colour(0)[..], &colour(128)[..]), "below; half");
        assert_eq!((at(2 + GAP, 1), at(2, 1)), (&colour(128)[..], &[0; 3][..]));
    }
}
