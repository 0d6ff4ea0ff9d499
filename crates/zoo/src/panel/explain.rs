//! Maps that show what moved a score.
//!
//! **Grad-CAM** (Selvaraju et al., ICCV 2017) weights each channel of the last feature map by the
//! mean gradient of the logit over that channel and keeps the positive part of the sum. For a
//! network that ends in global average pooling and a linear layer the logit is
//! `y_k = Σ_c w_kc · mean_ij F_cij + b_k`, so the gradient at every position is `w_kc / (h · w)`
//! and the weights are the classifier's row up to a positive factor (section 3.1 of the paper
//! shows it), which the scaling to 1 takes away. No backward pass is needed. Sigmoid and
//! operating-point scaling are increasing, so the map is the score's as well.
//!
//! **Occlusion** (Zeiler and Fergus, ECCV 2014) covers a patch of the input by its mean and notes
//! how far the score drops. Patches are a quarter of the side, laid out every eighth: with
//! positions 0, 1/8, … 6/8 there are 49 runs. A cell of the 8×8 map is the mean drop of the
//! patches that cover it; rises count as no drop.

use crate::loaded::Loaded;
use crate::steps::Placement;
use crate::system::{Answer, Head, Prepared};
use base::{ExplanationMap, ExplanationMethod, Finding, Image, Result};
use engine::Tensor;
use imaging::Study;

/// Cells per side of an occlusion map; a patch is two cells wide.
const CELLS: usize = 8;

/// Indices of the `count` findings with the highest scores, highest first; ties in the model's
/// order.
pub fn leading(findings: &[Finding], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..findings.len()).collect();
    order.sort_by(|&a, &b| findings[b].score.total_cmp(&findings[a].score));
    order.truncate(count);
    order
}

/// One label's map `[rows][columns]` from features `[1][channels][rows][columns]` and the label's
/// row of the linear layer; its maximum is 1, or all is 0 when nothing speaks for the label.
pub fn grad_cam(features: &Tensor, weights: &[f32]) -> Option<Image> {
    let &[1, channels, rows, columns] = features.shape() else { return None };
    if weights.len() != channels {
        return None;
    }
    let mut map = vec![0.0f64; rows * columns];
    for (plane, &weight) in features.data().chunks_exact(rows * columns).zip(weights) {
        for (sum, &value) in map.iter_mut().zip(plane) {
            *sum += f64::from(weight) * f64::from(value);
        }
    }
    scaled(columns, rows, &map)
}

/// Grad-CAM of the leading findings.
pub(crate) fn grad_cams(
    leading: &[usize],
    answer: &Answer,
    head: &Head,
    weight: &Tensor,
    outputs: &[Tensor],
    prepared: &Prepared,
) -> Vec<ExplanationMap> {
    let Some(features) = outputs.get(head.features) else { return Vec::new() };
    let map_of = |&index: &usize| {
        let row = *answer.rows.get(index)?;
        let weights = weight.data().get(row * head.channels..(row + 1) * head.channels)?;
        Some(ExplanationMap {
            code: answer.findings.get(index)?.code,
            method: ExplanationMethod::GradCam,
            map: grad_cam(features, weights)?,
            covers: prepared.covers,
        })
    };
    leading.iter().filter_map(map_of).collect()
}

/// Occlusion maps of the leading findings.
pub(crate) fn occlusions(
    loaded: &mut Loaded,
    study: &Study,
    prepared: &Prepared,
    answer: &Answer,
    leading: &[usize],
) -> Result<Vec<ExplanationMap>> {
    let mut drops = vec![[[0.0f64; CELLS]; CELLS]; leading.len()];
    let mut covered = [[0.0f64; CELLS]; CELLS];
    for (row, column) in (0..CELLS - 1).flat_map(|r| (0..CELLS - 1).map(move |c| (r, c))) {
        let hidden =
            Prepared { tensors: occlude(&prepared.tensors, row, column), ..prepared.clone() };
        let outputs = loaded.run(&hidden)?;
        let other = loaded.system().interpret(&outputs, &hidden, study)?;
        let cells = [(row, column), (row, column + 1), (row + 1, column), (row + 1, column + 1)];
        cells.iter().for_each(|&(r, c)| covered[r][c] += 1.0);
        for (drop, &index) in drops.iter_mut().zip(leading) {
            let before = answer.findings.get(index).map_or(0.0, |finding| finding.score);
            let after = other.findings.get(index).map_or(before, |finding| finding.score);
            let fall = f64::from((before - after).max(0.0));
            cells.iter().for_each(|&(r, c)| drop[r][c] += fall);
        }
    }
    let map_of = |(drop, &index): (&[[f64; CELLS]; CELLS], &usize)| {
        let mean: Vec<f64> =
            drop.iter().flatten().zip(covered.iter().flatten()).map(|(d, n)| d / n).collect();
        Some(ExplanationMap {
            code: answer.findings.get(index)?.code,
            method: ExplanationMethod::Occlusion,
            map: scaled(CELLS, CELLS, &mean)?,
            covers: prepared.covers,
        })
    };
    Ok(drops.iter().zip(leading).filter_map(map_of).collect())
}

/// Replaces the patch of two by two cells at a cell by its channel's mean over the image.
fn occlude(tensors: &[Tensor], row: usize, column: usize) -> Vec<Tensor> {
    let mut tensors = tensors.to_vec();
    for tensor in &mut tensors {
        let &[1, _, height, width] = tensor.shape() else { continue };
        let rows = row * height / CELLS..(row + 2) * height / CELLS;
        let columns = column * width / CELLS..(column + 2) * width / CELLS;
        for plane in tensor.data_mut().chunks_exact_mut(height * width) {
            let sum: f64 = plane.iter().map(|&value| f64::from(value)).sum();
            let mean = (sum / (height * width) as f64) as f32;
            for line in plane.chunks_exact_mut(width).take(rows.end).skip(rows.start) {
                line[columns.clone()].fill(mean);
            }
        }
    }
    tensors
}

/// Turns a map of a mirrored or upturned grid back to the way the image lies.
pub(crate) fn turn_back(map: &mut Image, placement: &Placement) {
    let width = map.width();
    if placement.upside_down {
        // Rows in reverse order with each row reversed, then each row turned back.
        map.data_mut().reverse();
    }
    if placement.upside_down != placement.mirrored {
        map.data_mut().chunks_exact_mut(width).for_each(<[f32]>::reverse);
    }
}

fn scaled(width: usize, height: usize, map: &[f64]) -> Option<Image> {
    let highest = map.iter().copied().fold(0.0, f64::max);
    let scale = if highest > 0.0 { 1.0 / highest } else { 0.0 };
    Image::gray(width, height, map.iter().map(|&v| (v.max(0.0) * scale) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_keeps_what_speaks_for_the_label() {
        let features = Tensor::new(&[1, 2, 1, 3], vec![1.0, 2.0, 0.0, 0.0, 1.0, 3.0]).unwrap();
        let map = grad_cam(&features, &[2.0, -1.0]).unwrap();
        // 2·1 − 0, 2·2 − 1, 0 − 3
        assert_eq!(map.data(), [2.0 / 3.0, 1.0, 0.0]);
        assert_eq!(grad_cam(&features, &[-1.0, -1.0]).unwrap().data(), [0.0; 3]);
        assert!(grad_cam(&features, &[1.0]).is_none());
    }

    #[test]
    fn a_map_is_turned_back_to_the_image() {
        let turned = |mirrored, upside_down| {
            let covers = base::Rect { x: 0.0, y: 0.0, width: 2.0, height: 2.0 };
            let placement = Placement { covers, rows: 2, columns: 2, mirrored, upside_down };
            let mut map = Image::gray(2, 2, vec![1.0, 2.0, 3.0, 4.0]).unwrap();
            turn_back(&mut map, &placement);
            map.into_data()
        };
        assert_eq!(turned(false, false), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(turned(true, false), [2.0, 1.0, 4.0, 3.0]);
        assert_eq!(turned(false, true), [3.0, 4.0, 1.0, 2.0]);
        assert_eq!(turned(true, true), [4.0, 3.0, 2.0, 1.0]);
    }

    #[test]
    fn a_patch_is_covered_by_the_mean() {
        let mut data = vec![0.0; 64];
        data[0] = 64.0;
        let hidden = occlude(&[Tensor::new(&[1, 1, 8, 8], data).unwrap()], 0, 0);
        assert_eq!(hidden[0].data()[..3], [1.0, 1.0, 0.0]);
        assert_eq!(hidden[0].data()[8..11], [1.0, 1.0, 0.0]);
        assert_eq!(hidden[0].data()[16], 0.0);
    }
}
