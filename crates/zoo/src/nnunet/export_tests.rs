//! Planes one by one give what the whole volume at once gives, computed plainly.

use super::*;
use engine::weights::synth::noise;

/// Labels of `[heads][z][y][x]` by the definition, in double precision.
fn plainly(
    logits: &[f32],
    heads: usize,
    from: [usize; 3],
    taps: &[Vec<Tap>; 3],
    meaning: &Meaning,
) -> Vec<u16> {
    let at = |head: usize, z: usize, y: usize, x: usize| {
        f64::from(logits[((head * from[0] + z) * from[1] + y) * from[2] + x])
    };
    let mix = |tap: Tap, of: &dyn Fn(usize) -> f64| {
        let share = f64::from(tap.share);
        (1.0 - share) * of(tap.low) + share * of(tap.high)
    };
    let mut labels = Vec::new();
    for &tz in &taps[0] {
        for &ty in &taps[1] {
            for &tx in &taps[2] {
                let values: Vec<f64> = (0..heads)
                    .map(|head| mix(tz, &|z| mix(ty, &|y| mix(tx, &|x| at(head, z, y, x)))))
                    .collect();
                labels.push(match meaning {
                    Meaning::Largest => {
                        let most = values.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                        values.iter().position(|&value| value == most).unwrap() as u16
                    }
                    Meaning::Regions { labels, .. } => {
                        let above = values.iter().zip(labels).filter(|(value, _)| **value > 0.0);
                        above.last().map_or(0, |(_, &label)| label)
                    }
                });
            }
        }
    }
    labels
}

#[test]
fn planes_one_by_one_give_the_whole() {
    let heads = 5;
    let bounds_of =
        |to: [usize; 3]| Bounds { start: [1, 2, 0], end: [to[0] + 1, to[1] + 2, to[2]] };
    for (from, to) in [([4, 5, 6], [9, 5, 13]), ([7, 6, 5], [3, 14, 4]), ([1, 3, 2], [4, 2, 9])] {
        let logits = noise("logits", heads * from.iter().product::<usize>());
        let anisotropic = Resampling { separate_z: Some(true), ..Resampling::splines(1) };
        for resampling in [Resampling::splines(1), anisotropic] {
            for meaning in [
                Meaning::Largest,
                Meaning::Regions { labels: vec![3, 1, 2, 9, 4], probabilities: false },
            ] {
                let spacing = ([3.0, 1.0, 1.0], [1.0, 1.0, 1.0]);
                let tables = taps(&resampling, from, to, spacing).unwrap();
                let expected = plainly(&logits, heads, from, &tables, &meaning);
                // The image has its axes in another order and is larger than what was read.
                let axes = [2, 0, 1];
                let whole = permuted(bounds_of(to).end, inverse(axes));
                let mut exporter =
                    Exporter::new(meaning.clone(), heads, from, tables, bounds_of(to), axes, whole);
                let plane = from[1] * from[2];
                for z in 0..from[0] {
                    let of = |head: usize| logits[(head * from[0] + z) * plane..][..plane].to_vec();
                    let one: Vec<f32> = (0..heads).flat_map(of).collect();
                    exporter.plane(&Pool::new(2), z, &one, None).unwrap();
                }
                let labels = exporter.finish();
                let back = crate::nnunet::grid::cut(&labels, whole, axes, &bounds_of(to));
                let same = back.iter().zip(&expected).filter(|(a, b)| a == b).count();
                assert_eq!(same, expected.len(), "{from:?} to {to:?}");
                let outside = labels.iter().filter(|label| **label != 0).count();
                assert_eq!(outside, expected.iter().filter(|label| **label != 0).count());
            }
        }
    }
}

#[test]
fn positions_lie_at_the_centres_of_voxels() {
    let taps = linear(2, 4);
    let at: Vec<f32> = taps.iter().map(|tap| tap.low as f32 + tap.share).collect();
    assert_eq!(at, [0.0, 0.25, 0.75, 1.0]);
    let near: Vec<usize> = nearest(5, 3).iter().map(|tap| tap.low).collect();
    assert_eq!(near, [0, 2, 4]);
}
