//! Discs and vertebrae as pieces, from the head downwards along the spinal canal. Maps are `[x][y][z]`.
//!
//! Reference: neuropoly/totalspineseg (ddab04b1) `utils/iterative_label.py`: `_get_canal_centerline_indices`,
//! `_get_mask_aterior_to_canal`, `_get_si_sorted_components`, `_sort_labels_si`, `_merge_vertebrae_with_same_label`,
//! `_merge_extra_labels_with_adjacent_vertebrae`.

use super::masks::spans;
use crate::morphology::{Components, Neighbours, dilate};

/// Pieces of fewer voxels are left out.
const LEAST: usize = 10;

/// The spinal canal, by which pieces are ordered.
pub struct Canal {
    /// Voxels in the middle of the canal, x, y, z, ascending.
    centre: Vec<[usize; 3]>,
    /// By z: where the middle of the canal lies along y; −1 where it is not.
    middle: Vec<isize>,
}

impl Canal {
    /// `None` where no plane has the middle of its canal marked.
    pub fn of(labels: &[u16], [nx, ny, nz]: [usize; 3], canal: &[u16]) -> Option<Canal> {
        let inside = |x: usize, y: usize, z: usize| canal.contains(&labels[(x * ny + y) * nz + z]);
        let mut bounds: Vec<Option<[usize; 4]>> = vec![None; nz];
        for x in 0..nx {
            for y in 0..ny {
                for z in (0..nz).filter(|&z| inside(x, y, z)) {
                    let all = bounds[z].get_or_insert([x, x, y, y]);
                    *all = [all[0].min(x), all[1].max(x), all[2].min(y), all[3].max(y)];
                }
            }
        }
        let mut centre: Vec<[usize; 3]> = Vec::new();
        for (z, bounds) in bounds.iter().enumerate() {
            let Some([x0, x1, y0, y1]) = bounds else { continue };
            let (x, y) = ((x0 + x1) / 2, (y0 + y1) / 2);
            if inside(x, y, z) {
                centre.push([x, y, z]);
            }
        }
        centre.sort_unstable();
        let middle = |bounds: &Option<[usize; 4]>| {
            bounds.map_or(-1, |[_, _, y0, y1]| (y0 + y1) as isize / 2)
        };
        let middle = bounds.iter().map(middle).collect();
        (!centre.is_empty()).then_some(Canal { centre, middle })
    }

    /// The height of the nearest place on the centre line; of the first where there is no place to look from.
    fn height(&self, at: Option<[f64; 3]>) -> usize {
        let mut best = (f64::INFINITY, self.centre.first().map_or(0, |first| first[2]));
        let Some(at) = at else { return best.1 };
        for place in &self.centre {
            let squares = (0..3).map(|axis| (at[axis] - place[axis] as f64).powi(2));
            let far = squares.sum::<f64>().sqrt();
            if far < best.0 {
                best = (far, place[2]);
            }
        }
        best.1
    }

    /// Whether a voxel lies in front of the middle of the canal.
    fn is_before(&self, [_, y, z]: [usize; 3]) -> bool {
        y as isize > self.middle[z]
    }
}

/// Numbered pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// Number of the piece at each voxel, from 1; 0 for none.
    pub map: Vec<u16>,
    /// Height and number, from the head downwards.
    pub order: Vec<(usize, u16)>,
}

impl Pieces {
    /// Pieces of each group of labels, grown by one voxel to join what nearly touches. `None` without any.
    pub fn of(
        labels: &[u16],
        shape: [usize; 3],
        groups: &[&[u16]],
        canal: &Canal,
    ) -> Option<Pieces> {
        let mut map = vec![0u16; labels.len()];
        let mut count = 0u16;
        for group in groups {
            let mask: Vec<bool> = labels.iter().map(|label| group.contains(label)).collect();
            let pieces = Components::of_mask(&dilate(&mask, shape, 1), shape, Neighbours::All);
            let mut sizes = vec![0usize; pieces.sizes.len()];
            for run in &pieces.runs {
                let inside = mask[run.start..run.end].iter().filter(|inside| **inside).count();
                sizes[run.component] += inside;
            }
            let mut numbers = vec![0u16; sizes.len()];
            for (number, size) in numbers.iter_mut().zip(&sizes) {
                if *size >= LEAST {
                    count = count.checked_add(1)?;
                    *number = count;
                }
            }
            for run in pieces.runs.iter().filter(|run| numbers[run.component] > 0) {
                for at in (run.start..run.end).filter(|at| mask[*at]) {
                    map[at] = numbers[run.component];
                }
            }
        }
        if count == 0 {
            return None;
        }
        let mut pieces = Pieces { map, order: (1..=count).map(|number| (0, number)).collect() };
        pieces.sort(shape, canal);
        Some(pieces)
    }

    /// Numbers from the head downwards.
    pub fn numbers(&self) -> Vec<u16> {
        self.order.iter().map(|(_, number)| *number).collect()
    }

    /// Orders the pieces by where the canal is nearest to their middle.
    ///
    /// The original means to take the middle of the part before the canal, but looks up whether a piece has
    /// such a part in place of the piece: it does so for piece 1 alone, and takes the first place of the centre
    /// line where piece 1 has none while another has. Kept.
    fn sort(&mut self, shape: [usize; 3], canal: &Canal) {
        let numbers = self.numbers();
        let most = numbers.iter().copied().max().map_or(0, usize::from);
        let mut whole = vec![([0.0; 3], 0usize); most + 1];
        let mut before = whole.clone();
        let [_, ny, nz] = shape;
        for (at, number) in self.map.iter().map(|number| usize::from(*number)).enumerate() {
            if number == 0 || number > most {
                continue;
            }
            let place = [at / (ny * nz), at / nz % ny, at % nz];
            let add = |(sums, count): &mut ([f64; 3], usize)| {
                (0..3).for_each(|axis| sums[axis] += place[axis] as f64);
                *count += 1;
            };
            add(&mut whole[number]);
            if canal.is_before(place) {
                add(&mut before[number]);
            }
        }
        let middle = |(sums, count): &([f64; 3], usize)| {
            (*count > 0).then(|| sums.map(|sum| sum / *count as f64))
        };
        let any_before = numbers.iter().any(|number| before[usize::from(*number)].1 > 0);
        let height = |number: u16| match number == 1 && any_before {
            true => canal.height(middle(&before[1])),
            false => canal.height(middle(&whole[usize::from(number)])),
        };
        self.order = numbers.iter().map(|&number| (height(number), number)).collect();
        self.order.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Joins pieces that follow each other and were given the same label: odd and even vertebrae alternate.
    pub fn join_alike(&mut self, labels: &[u16], shape: [usize; 3], canal: &Canal) {
        let most = self.numbers().into_iter().max().map_or(0, usize::from);
        let mut label = vec![0u16; most + 1];
        for (number, own) in self.map.iter().zip(labels).rev() {
            label[usize::from(*number)] = *own;
        }
        let mut becomes: Vec<u16> = (0..=most as u16).collect();
        let (mut kept, mut last) = (Vec::new(), (0u16, 0u16));
        for number in self.numbers() {
            let own = label[usize::from(number)];
            if own == last.1 {
                becomes[usize::from(number)] = last.0;
            } else {
                kept.push((0, number));
                last = (number, own);
            }
        }
        self.map.iter_mut().for_each(|number| *number = becomes[usize::from(*number)]);
        self.order = kept;
        self.sort(shape, canal);
    }

    /// Gives voxels that are vertebra, but neither odd nor even, to the piece around or beside them, from
    /// below upwards.
    pub fn take_in(&mut self, extra: &[bool], shape: [usize; 3], canal: &Canal) {
        for number in self.numbers().into_iter().rev() {
            let own: Vec<bool> = self.map.iter().map(|found| *found == number).collect();
            let mut filled = own.clone();
            for axis in 0..3 {
                let spans = spans(&own, shape, axis);
                filled.iter_mut().zip(spans).for_each(|(filled, inside)| *filled |= inside);
            }
            let reached = dilate(&filled, shape, 1);
            for (at, found) in self.map.iter_mut().enumerate() {
                if extra[at] && reached[at] {
                    *found = number;
                }
            }
        }
        self.sort(shape, canal);
    }
}
