//! An explanation map as colours over the image.

use super::codec::png_indexed;
use super::scale::in_colour;
use base::{ExplanationMap, Picture, Rect};

/// Longest side of the enlarged map.
const GRID: usize = 160;
/// Opacity of the map's maximum; lower values are clearer in proportion.
const OPACITY: f32 = 0.62;

/// A map enlarged smoothly: `values[row * width + column]` in 0..=255.
pub struct Heat {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 0..=255, 255 the map's maximum.
    pub values: Vec<u8>,
    /// The part of the original image it covers.
    pub covers: Rect,
}

/// Enlarges a coarse map (bilinear between the cells' middles, the edge held), at most 160 a side.
/// Values outside 0..=1 are clamped, what is not a number counts as 0.
pub fn heat(map: &ExplanationMap) -> Heat {
    let (columns, rows) = (map.map.width(), map.map.height());
    let longest = columns.max(rows);
    let side = |n: usize| (n * GRID / longest).max(1);
    let (width, height) = (side(columns), side(rows));
    let across: Vec<_> = (0..width).map(|at| blend(at, width, columns)).collect();
    let plane = map.map.plane(0);
    let cell = |row: usize, column: usize| {
        let value = plane[row * columns + column];
        if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
    };
    let mut values = Vec::with_capacity(width * height);
    for y in 0..height {
        let (top, bottom, down) = blend(y, height, rows);
        for &(left, right, along) in &across {
            let upper = cell(top, left) * (1.0 - along) + cell(top, right) * along;
            let lower = cell(bottom, left) * (1.0 - along) + cell(bottom, right) * along;
            values.push(((upper * (1.0 - down) + lower * down) * 255.0 + 0.5) as u8);
        }
    }
    Heat { width, height, values, covers: map.covers }
}

/// The two cells between whose middles a sample lies, and how far along.
fn blend(at: usize, to: usize, from: usize) -> (usize, usize, f32) {
    let place = ((at as f32 + 0.5) * from as f32 / to as f32 - 0.5).max(0.0);
    let low = (place as usize).min(from - 1);
    (low, (low + 1).min(from - 1), place - low as f32)
}

impl Heat {
    /// Whether the map says anything at all.
    pub fn is_empty(&self) -> bool {
        self.values.iter().all(|&value| value == 0)
    }

    /// Colours and opacity as a PNG to lay over the image.
    pub fn png(&self) -> Vec<u8> {
        let palette: Vec<[u8; 3]> = (0..=255u8).map(colour).collect();
        let alpha: Vec<u8> = (0..=255u8).map(|value| (opacity(value) * 255.0) as u8).collect();
        png_indexed(self.width, self.height, &self.values, &palette, &alpha)
    }

    /// 1 where the map is at least half its scale.
    pub fn half(&self) -> Vec<u8> {
        self.values.iter().map(|&value| u8::from(value >= 128)).collect()
    }

    /// The colours over a picture that shows an image of the size `original` (columns, rows).
    pub fn over(&self, shown: &Picture, original: (usize, usize)) -> Picture {
        let (width, height) = (shown.width(), shown.height());
        let mut rgb = in_colour(shown);
        let place =
            |at: usize, extent: usize, whole: usize, start: f32, length: f32, cells: usize| {
                let original = (at as f32 + 0.5) * whole as f32 / extent as f32;
                let along = (original - start) / length;
                (0.0..1.0)
                    .contains(&along)
                    .then(|| ((along * cells as f32) as usize).min(cells - 1))
            };
        let (x, y, w, h) = (self.covers.x, self.covers.y, self.covers.width, self.covers.height);
        let columns: Vec<_> =
            (0..width).map(|at| place(at, width, original.0, x, w, self.width)).collect();
        let table: Vec<([u8; 3], u32)> =
            (0..=255u8).map(|value| (colour(value), (opacity(value) * 256.0) as u32)).collect();
        for row in 0..height {
            let Some(v) = place(row, height, original.1, y, h, self.height) else { continue };
            let line = &mut rgb[row * width * 3..(row + 1) * width * 3];
            for (pixel, column) in line.chunks_exact_mut(3).zip(&columns) {
                let Some(u) = column else { continue };
                let (colour, alpha) = table[usize::from(self.values[v * self.width + u])];
                for (sample, ink) in pixel.iter_mut().zip(colour) {
                    let mixed = u32::from(*sample) * (256 - alpha) + u32::from(ink) * alpha;
                    *sample = (mixed >> 8) as u8;
                }
            }
        }
        Picture::new(width, height, 3, rgb).unwrap_or_else(|| shown.clone())
    }
}

fn opacity(value: u8) -> f32 {
    OPACITY * f32::from(value) / 255.0
}

/// Viridis (Smith, van der Walt and Firing 2015, CC0), eleven of its colours joined by straight
/// lines: perceptually even, and readable with any colour vision.
pub(crate) fn colour(value: u8) -> [u8; 3] {
    const STOPS: [[u8; 3]; 11] = [
        [68, 1, 84],
        [72, 36, 117],
        [65, 68, 135],
        [53, 95, 141],
        [42, 120, 142],
        [33, 145, 140],
        [34, 168, 132],
        [68, 191, 112],
        [122, 209, 81],
        [189, 223, 38],
        [253, 231, 37],
    ];
    let scaled = u32::from(value) * 10;
    let (low, along) = ((scaled / 255).min(9) as usize, scaled - (scaled / 255).min(9) * 255);
    std::array::from_fn(|i| {
        let (a, b) = (u32::from(STOPS[low][i]), u32::from(STOPS[low + 1][i]));
        ((a * (255 - along) + b * along + 127) / 255) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ExplanationMethod, Image, words::findings};

    fn map(width: usize, height: usize, data: Vec<f32>, covers: Rect) -> ExplanationMap {
        let map = Image::gray(width, height, data).unwrap();
        ExplanationMap { code: &findings::MASS, method: ExplanationMethod::GradCam, map, covers }
    }

    #[test]
    fn lightness_grows_along_the_colours() {
        let light = |value: u8| {
            let [r, g, b] = colour(value).map(f64::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        assert!((1..=255).all(|value| light(value) >= light(value - 1) - 0.8));
        assert_eq!(colour(0), [68, 1, 84]);
        assert_eq!(colour(255), [253, 231, 37]);
    }

    #[test]
    fn heat_lies_where_the_map_covers_the_image() {
        let covers = Rect { x: 10.0, y: 0.0, width: 10.0, height: 20.0 };
        let heat = heat(&map(1, 2, vec![0.0, 1.0], covers));
        let shown = Picture::new(10, 10, 1, vec![100; 100]).unwrap();
        let over = heat.over(&shown, (20, 20));
        let at = |x: usize, y: usize| &over.data()[(y * 10 + x) * 3..][..3];
        assert_eq!(at(0, 9), [100; 3], "outside: untouched");
        assert_eq!(at(9, 0), [100; 3], "zero: clear");
        assert!(at(9, 9)[1] > 150, "maximum: yellow");
    }

    #[test]
    fn what_is_no_number_is_clear() {
        let covers = Rect { x: 0.0, y: 0.0, width: 1.0, height: 1.0 };
        assert!(heat(&map(2, 1, vec![f32::NAN, -3.0], covers)).is_empty());
    }
}
