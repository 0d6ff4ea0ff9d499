//! Making pictures smaller.

use base::{Mask, Picture};

/// The picture with its longer side at most `longest`, each pixel the average of the area it
/// covers; a clone when it is small enough already.
pub fn fit(picture: &Picture, longest: usize) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    let side = width.max(height);
    if side <= longest || longest == 0 {
        return picture.clone();
    }
    let shrink =
        |n: usize| ((n as u64 * longest as u64 + side as u64 / 2) / side as u64).max(1) as usize;
    let (to_width, to_height) = (shrink(width), shrink(height));
    let channels = picture.channels();
    let (columns, rows) = (spans(width, to_width), spans(height, to_height));
    let mut out = Vec::with_capacity(to_width * to_height * channels);
    // Weights add up to 256 and samples are under 256: a column's sum is under 2^16.
    let mut sums = vec![0u16; width * channels];
    for row in &rows {
        sums.fill(0);
        for (at, &weight) in row.weights.iter().enumerate() {
            let start = (row.first + at) * width * channels;
            let line = &picture.data()[start..start + width * channels];
            for (sum, &sample) in sums.iter_mut().zip(line) {
                *sum += weight * u16::from(sample);
            }
        }
        match channels {
            1 => out.extend(columns.iter().map(|column| across::<1>(column, &sums)[0])),
            _ => out.extend(columns.iter().flat_map(|column| across::<3>(column, &sums))),
        }
    }
    Picture::new(to_width, to_height, channels, out).unwrap_or_else(|| picture.clone())
}

/// One pixel of `N` channels from a line of column sums.
fn across<const N: usize>(column: &Span, sums: &[u16]) -> [u8; N] {
    let (pixels, _) = sums.as_chunks::<N>();
    let mut sum = [1u32 << 15; N];
    for (pixel, &weight) in pixels[column.first..].iter().zip(&column.weights) {
        for (sum, &sample) in sum.iter_mut().zip(pixel) {
            *sum += u32::from(sample) * u32::from(weight);
        }
    }
    sum.map(|sum| (sum >> 16).min(255) as u8)
}

/// The input samples under one output sample; weights in 1/256 that add up to exactly 256.
struct Span {
    first: usize,
    weights: Vec<u16>,
}

fn spans(from: usize, to: usize) -> Vec<Span> {
    (0..to)
        .map(|at| {
            // In units of 1/to of an input sample, so that everything is a whole number.
            let (start, end) = (at * from, (at + 1) * from);
            let (first, last) = (start / to, (end - 1) / to);
            let mut given = 0;
            let mut covered = 0;
            let weights = (first..=last)
                .map(|sample| {
                    covered += end.min((sample + 1) * to) - start.max(sample * to);
                    let weight = (covered * 256 + from / 2) / from - given;
                    given += weight;
                    weight as u16
                })
                .collect();
            Span { first, weights }
        })
        .collect()
}

/// A mask on another grid: for each pixel the sample nearest to its middle. Rows of
/// `width * height` bytes, 0 or 1.
pub fn sample_mask(mask: &Mask, width: usize, height: usize) -> Vec<u8> {
    let nearest = |from: usize, to: usize| -> Vec<usize> {
        (0..to).map(|at| ((2 * at + 1) * from / (2 * to)).min(from - 1)).collect()
    };
    let columns = nearest(mask.width(), width);
    let mut out = Vec::with_capacity(width * height);
    for row in nearest(mask.height(), height) {
        let line = &mask.bits()[row * mask.width()..(row + 1) * mask.width()];
        out.extend(columns.iter().map(|&column| line[column]));
    }
    out
}

/// Interleaved red, green, blue of a grey or coloured picture.
pub(crate) fn in_colour(picture: &Picture) -> Vec<u8> {
    match picture.channels() {
        1 => picture.data().iter().map(|&grey| [grey; 3]).collect::<Vec<_>>().into_flattened(),
        _ => picture.data().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_picture_stays_even_and_halves_are_averages() {
        for value in [0, 1, 128, 255] {
            let picture = Picture::new(97, 61, 1, vec![value; 97 * 61]).unwrap();
            let small = fit(&picture, 40);
            assert_eq!((small.width(), small.height()), (40, 25));
            assert!(small.data().iter().all(|&sample| sample == value));
        }
        let picture = Picture::new(4, 2, 1, vec![0, 100, 50, 50, 100, 200, 50, 50]).unwrap();
        assert_eq!(fit(&picture, 2).data(), [100, 50]);
    }

    #[test]
    fn weights_always_add_up() {
        for (from, to) in [(2500, 1024), (1025, 1024), (7, 3), (100_000, 1)] {
            for span in spans(from, to) {
                assert_eq!(span.weights.iter().sum::<u16>(), 256);
                assert!(span.first + span.weights.len() <= from);
            }
        }
    }

    #[test]
    fn a_mask_keeps_its_place() {
        let mask = Mask::new(4, 2, vec![1, 1, 0, 0, 0, 0, 1, 1]).unwrap();
        assert_eq!(sample_mask(&mask, 2, 2), [1, 0, 0, 1]);
        assert_eq!(sample_mask(&mask, 4, 2), mask.bits());
    }
}
