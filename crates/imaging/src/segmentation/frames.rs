//! Which frames a segmentation has, and their pixels.

use std::collections::BTreeSet;

/// A frame: which segment (its place in the list; 0 for a label map) on which slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub segment: usize,
    pub slice: usize,
}

/// The labels that occur on each slice, without 0. `labels` are `[slice][row][column]`.
pub(super) fn present(labels: &[u16], plane: usize) -> Vec<BTreeSet<u16>> {
    labels
        .chunks_exact(plane.max(1))
        .map(|slice| {
            let mut found = BTreeSet::new();
            let mut last = 0;
            for &label in slice {
                if label != last {
                    last = label;
                    if label != 0 {
                        found.insert(label);
                    }
                }
            }
            found
        })
        .collect()
}

/// One bit for each pixel of each frame, frame after frame without a gap, the first pixel in the
/// lowest bit (PS3.5 8.1.1); an even number of bytes. `None` when the bytes cannot be counted in an
/// element's length.
pub(super) fn binary(
    labels: &[u16],
    plane: usize,
    frames: &[Frame],
    segments: &[&[u16]],
) -> Option<Vec<u8>> {
    let bits = (plane as u64).checked_mul(frames.len() as u64)?;
    let bytes = bits.div_ceil(8).next_multiple_of(2);
    if bytes > MOST_BYTES {
        return None;
    }
    let mut out = vec![0u8; bytes as usize];
    let mut member = vec![false; usize::from(u16::MAX) + 1];
    let mut current = None;
    for (number, frame) in frames.iter().enumerate() {
        if current != Some(frame.segment) {
            member.fill(false);
            segments[frame.segment].iter().for_each(|&label| member[usize::from(label)] = true);
            current = Some(frame.segment);
        }
        let start = number * plane;
        let slice = &labels[frame.slice * plane..(frame.slice + 1) * plane];
        for (place, &label) in slice.iter().enumerate() {
            if label != 0 && member[usize::from(label)] {
                let bit = start + place;
                out[bit / 8] |= 1 << (bit % 8);
            }
        }
    }
    Some(out)
}

/// Labels of the frames, 8 or 16 bits little endian; an even number of bytes. `None` as [`binary`].
pub(super) fn map(labels: &[u16], plane: usize, frames: &[Frame], wide: bool) -> Option<Vec<u8>> {
    let bytes =
        (plane as u64).checked_mul(frames.len() as u64)?.checked_mul(1 + u64::from(wide))?;
    if bytes > MOST_BYTES {
        return None;
    }
    let mut out = Vec::with_capacity(bytes as usize + 1);
    for frame in frames {
        let slice = &labels[frame.slice * plane..(frame.slice + 1) * plane];
        match wide {
            true => out.extend(slice.iter().flat_map(|label| label.to_le_bytes())),
            false => out.extend(slice.iter().map(|&label| label as u8)),
        }
    }
    if out.len() % 2 == 1 {
        out.push(0);
    }
    Some(out)
}

/// The largest length of an element that is not "undefined" and even.
const MOST_BYTES: u64 = 0xffff_fffe;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_run_on_from_frame_to_frame() {
        // Two slices of 3 × 1: frames of three bits.
        let labels = [1, 0, 2, 2, 1, 1];
        let frames = [(0, 0), (0, 1), (1, 0), (1, 1)];
        let frames = frames.map(|(segment, slice)| Frame { segment, slice });
        let bits = binary(&labels, 3, &frames, &[&[1], &[2]]).unwrap();
        // 100 011 001 100 from the lowest bit up.
        assert_eq!(bits, [0b0011_0001, 0b0000_0011]);
    }

    #[test]
    fn a_slice_tells_its_labels_once() {
        let found = present(&[0, 0, 7, 7, 0, 3, 0, 0], 4);
        assert_eq!(found, [BTreeSet::from([7]), BTreeSet::from([3])]);
    }
}
