//! How packed weights are kept: as floats, or as the smaller numbers they were made of.
//!
//! ```text
//!                    lane 0   1   2  …                            in memory      made a panel at a time, just before the tiles read it
//! panel, term 0          ▒   ▒   ▒                   floats       4 bytes
//!        term 1          ▒   ▒   ▒                   half         2              widen(number) · factor[lane]
//!        …                                           levels       1              (level − zero[lane]) · scale[lane] · factor[lane]
//! ```
//! Models published in half precision are read as floats, but every weight is then a half-precision number: many such are kept as that.
//! Quantised weights stay the bytes they are. Both give the same weights to the last bit, for half or a quarter of the memory.
//! A lane is an out channel; where a sum has several scales, each stretch of it has tables of its own.

use super::half::{is_bf16, is_f16, to_bf16, to_f16, widen_bf16, widen_f16};
use crate::isa::multiversion;
use crate::memory::Floats;
use crate::weights::{Levels, Numbers, Weights};

/// Floats below which half the memory is not worth widening.
const FEW: usize = 1 << 16;
/// Levels below which a quarter of the memory is not worth it.
const FEW_LEVELS: usize = 1 << 12;

/// The order in which an algorithm reads its weights.
pub(crate) trait Order {
    /// Elements of all panels.
    fn len(&self) -> usize;
    /// Puts weights into their places in the panels; the others stay as they are.
    fn arrange<T: Copy>(&self, weights: &[T], panels: &mut [T]);
    /// Terms of a sum.
    fn terms(&self) -> usize;
    /// The out channel of each lane; `None` where a panel is filled up.
    fn lanes(&self) -> Vec<Option<usize>>;
    /// All parts, as they will be asked for.
    fn parts(&self) -> Vec<Part>;
}

/// Some terms of a panel, which lie together: `[rows][wide]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// First element.
    pub from: usize,
    /// First lane, and their number.
    pub lane: usize,
    pub wide: usize,
    /// First term, and their number.
    pub term: usize,
    pub rows: usize,
}

impl Part {
    fn range(&self) -> std::ops::Range<usize> {
        self.from..self.from + self.wide * self.rows
    }
}

/// Packed weights.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    kept: Kept,
    /// `[lane]`, or nothing.
    factor: Vec<f32>,
}

#[derive(Clone, Debug)]
enum Kept {
    /// Factors are multiplied in.
    Full(Floats),
    Bf16(Vec<u16>),
    F16(Vec<u16>),
    Levels(Box<Steps>),
}

#[derive(Clone, Debug)]
struct Steps {
    levels: Vec<u8>,
    /// `[stretch][lane]`.
    scale: Vec<f32>,
    zero: Vec<f32>,
    /// Terms of a stretch.
    stretch: usize,
    lanes: usize,
}

/// Whether weights are kept in less than four bytes each: as levels, or all of many as half-precision numbers.
pub(crate) fn is_short(weights: &Weights) -> bool {
    match weights.numbers {
        Numbers::Levels(_) => true,
        Numbers::Floats(floats) => {
            floats.len() >= FEW
                && (floats.iter().all(|x| is_bf16(*x)) || floats.iter().all(|x| is_f16(*x)))
        }
    }
}

impl Store {
    /// Packs, in as little memory as the weights can be made of again.
    pub fn new(weights: &Weights, order: &impl Order) -> Store {
        let lanes = order.lanes();
        let by_lane = |of: &dyn Fn(usize) -> f32| -> Vec<f32> {
            lanes.iter().map(|out| out.map_or(0.0, of)).collect()
        };
        let factor = weights.factor.map_or(Vec::new(), |factor| by_lane(&|out| factor[out]));
        let floats = match weights.numbers {
            Numbers::Floats(floats) => floats,
            Numbers::Levels(levels) => {
                let kept = Kept::Levels(Box::new(Steps::new(&levels, order, &lanes)));
                let store = Store { kept, factor };
                let in_full = order.len() < FEW_LEVELS || store.bytes() >= order.len() * 4;
                return if in_full { store.in_full(order) } else { store };
            }
        };
        let halves = |narrow: fn(f32) -> u16| {
            let halves: Vec<u16> = floats.iter().map(|x| narrow(*x)).collect();
            let mut panels = vec![0; order.len()];
            order.arrange(&halves, &mut panels);
            panels
        };
        let few = order.len() < FEW;
        if !few && floats.iter().all(|x| is_bf16(*x)) {
            Store { kept: Kept::Bf16(halves(to_bf16)), factor }
        } else if !few && floats.iter().all(|x| is_f16(*x)) {
            Store { kept: Kept::F16(halves(to_f16)), factor }
        } else {
            let mut panels = Floats::for_weights(order.len());
            order.arrange(floats, &mut panels);
            for part in order.parts().iter().filter(|_| !factor.is_empty()) {
                multiply(&factor[part.lane..][..part.wide], &mut panels[part.range()]);
            }
            Store { kept: Kept::Full(panels), factor: Vec::new() }
        }
    }

    /// The same weights as floats.
    fn in_full(self, order: &impl Order) -> Store {
        let mut panels = Floats::for_weights(order.len());
        for part in order.parts() {
            self.part(part, &mut panels[part.range()]);
        }
        Store { kept: Kept::Full(panels), factor: Vec::new() }
    }

    /// Memory, in bytes.
    pub fn bytes(&self) -> usize {
        let kept = match &self.kept {
            Kept::Full(panels) => panels.len() * 4,
            Kept::Bf16(panels) | Kept::F16(panels) => panels.len() * 2,
            Kept::Levels(steps) => steps.levels.len() + (steps.scale.len() + steps.zero.len()) * 4,
        };
        kept + self.factor.len() * 4
    }

    /// Elements of scratch memory that [`Store::part`] needs for a part of `len`.
    pub fn room(&self, len: usize) -> usize {
        if matches!(self.kept, Kept::Full(_)) { 0 } else { len }
    }

    /// The weights of a part, made in `room` where they are not kept as floats.
    pub fn part<'a>(&'a self, part: Part, room: &'a mut [f32]) -> &'a [f32] {
        let (range, len) = (part.range(), part.wide * part.rows);
        match &self.kept {
            Kept::Full(panels) => return &panels[range],
            Kept::Bf16(panels) => widen_bf16(&panels[range], &mut room[..len]),
            Kept::F16(panels) => widen_f16(&panels[range], &mut room[..len]),
            Kept::Levels(steps) => steps.make(part, &mut room[..len]),
        }
        let room = &mut room[..len];
        if !self.factor.is_empty() {
            multiply(&self.factor[part.lane..][..part.wide], room);
        }
        room
    }

    /// The weights of some neighbouring rows.
    pub fn rows<'a>(
        &'a self,
        order: &AsGiven,
        rows: std::ops::Range<usize>,
        room: &'a mut [f32],
    ) -> &'a [f32] {
        let (from, len) = (rows.start * order.terms, rows.len() * order.terms);
        if let Kept::Full(panels) = &self.kept {
            return &panels[from..from + len];
        }
        for (row, room) in rows.zip(room.chunks_exact_mut(order.terms.max(1))) {
            self.part(order.row(row), room);
        }
        &room[..len]
    }

    /// Elements `from..from + len` as far as they exist and can be asked for ahead of their use.
    pub fn ahead(&self, from: usize, len: usize) -> &[f32] {
        match &self.kept {
            Kept::Full(panels) => {
                &panels[from.min(panels.len())..from.saturating_add(len).min(panels.len())]
            }
            _ => &[],
        }
    }
}

impl Steps {
    fn new(levels: &Levels, order: &impl Order, lanes: &[Option<usize>]) -> Steps {
        let mut panels = vec![0; order.len()];
        order.arrange(&levels.moved(), &mut panels);
        let terms = order.terms();
        let stretch = levels.stretch.min(terms).max(1);
        let table = |of: &dyn Fn(usize) -> f32| -> Vec<f32> {
            let all =
                (0..levels.stretches(terms)).flat_map(|s| lanes.iter().map(move |out| (s, out)));
            all.map(|(s, out)| out.map_or(0.0, |out| of(levels.step([out, s * stretch], terms))))
                .collect()
        };
        let scale = table(&|at| levels.scale[at]);
        let zero = table(&|at| levels.zero(at));
        Steps { levels: panels, scale, zero, stretch, lanes: lanes.len() }
    }

    /// The weights of a part, but for a factor.
    fn make(&self, part: Part, to: &mut [f32]) {
        let from = &self.levels[part.range()];
        let mut row = 0;
        while row < part.rows {
            let stretch = (part.term + row) / self.stretch;
            let end = ((stretch + 1) * self.stretch - part.term).min(part.rows);
            let (lanes, here) =
                (stretch * self.lanes + part.lane, row * part.wide..end * part.wide);
            let (zero, scale) =
                (&self.zero[lanes..][..part.wide], &self.scale[lanes..][..part.wide]);
            unpack(zero, scale, &from[here.clone()], &mut to[here]);
            row = end;
        }
    }
}

multiversion! {
    /// `(from − zero) · scale`, lane by lane.
    fn unpack(zero: &[f32], scale: &[f32], from: &[u8], to: &mut [f32]) {
        match zero.len() {
            0 => {}
            1 => {
                let (zero, scale) = (zero[0], scale[0]);
                to.iter_mut().zip(from).for_each(|(to, x)| *to = (f32::from(*x) - zero) * scale);
            }
            // The widths of panels on AVX-512 and AVX2.
            48 => unpack_rows::<48>(zero, scale, from, to),
            16 => unpack_rows::<16>(zero, scale, from, to),
            8 => unpack_rows::<8>(zero, scale, from, to),
            wide => {
                for (to, from) in to.chunks_exact_mut(wide).zip(from.chunks_exact(wide)) {
                    for (((to, x), zero), scale) in to.iter_mut().zip(from).zip(zero).zip(scale) {
                        *to = (f32::from(*x) - zero) * scale;
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn unpack_rows<const N: usize>(zero: &[f32], scale: &[f32], from: &[u8], to: &mut [f32]) {
    let (Some(zero), Some(scale)) = (zero.first_chunk::<N>(), scale.first_chunk::<N>()) else {
        return;
    };
    for (to, from) in to.as_chunks_mut::<N>().0.iter_mut().zip(from.as_chunks::<N>().0) {
        for lane in 0..N {
            to[lane] = (f32::from(from[lane]) - zero[lane]) * scale[lane];
        }
    }
}

multiversion! {
    /// Each lane by its factor.
    fn multiply(factor: &[f32], to: &mut [f32]) {
        if let [factor] = factor {
            to.iter_mut().for_each(|to| *to *= factor);
            return;
        }
        for to in to.chunks_exact_mut(factor.len().max(1)) {
            to.iter_mut().zip(factor).for_each(|(to, factor)| *to *= factor);
        }
    }
}

/// Weights as they are handed over, `[out][terms]`; a panel is one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsGiven {
    pub outs: usize,
    pub terms: usize,
}

impl AsGiven {
    /// Row `out`.
    pub fn row(&self, out: usize) -> Part {
        Part { from: out * self.terms, lane: out, wide: 1, term: 0, rows: self.terms }
    }
}

impl Order for AsGiven {
    fn len(&self) -> usize {
        self.outs * self.terms
    }

    fn arrange<T: Copy>(&self, weights: &[T], panels: &mut [T]) {
        panels.copy_from_slice(weights);
    }

    fn terms(&self) -> usize {
        self.terms
    }

    fn lanes(&self) -> Vec<Option<usize>> {
        (0..self.outs).map(Some).collect()
    }

    fn parts(&self) -> Vec<Part> {
        (0..self.outs).map(|out| self.row(out)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Bytes;

    /// Floats that each kind of number can be made of, for 65 536 of them.
    const ORDER: AsGiven = AsGiven { outs: 64, terms: FEW / 64 };

    #[test]
    fn each_store_holds_what_it_was_given() {
        let bf16 = |i: usize| f32::from_bits(((i * 7919) as u32 & 0x3FFF | 0x3C00) << 16);
        let f16 = |i: usize| {
            let mut one = [0.0];
            widen_f16(&[(i * 7919 % 0x7C00) as u16], &mut one);
            one[0]
        };
        let any = |i: usize| i as f32 * 0.1;
        let factor: Vec<f32> = (0..64).map(|out| 0.3 + out as f32 * 0.7).collect();
        for (value, bytes) in [(&bf16 as &dyn Fn(usize) -> f32, 2), (&f16, 2), (&any, 4)] {
            let floats: Vec<f32> = (0..FEW).map(value).collect();
            let kept = Store::new(&Weights::from(&floats), &ORDER);
            assert_eq!(kept.bytes(), FEW * bytes);
            let mut room = vec![0.0; kept.room(ORDER.terms)];
            assert_eq!(kept.part(ORDER.row(5), &mut room), &floats[5 * 1024..6 * 1024]);
            let weights = Weights { factor: Some(&factor), ..Weights::from(&floats) };
            let kept = Store::new(&weights, &ORDER);
            assert!(kept.bytes() <= FEW * bytes + 64 * 4);
            let mut room = vec![0.0; kept.room(ORDER.terms)];
            let wanted: Vec<f32> =
                floats[7 * 1024..8 * 1024].iter().map(|x| x * factor[7]).collect();
            assert_eq!(kept.part(ORDER.row(7), &mut room), wanted);
        }
        let few = AsGiven { outs: 1, terms: FEW - 1 };
        let kept = Store::new(&Weights::from(&vec![0.0; FEW - 1]), &few);
        assert_eq!(kept.bytes(), (FEW - 1) * 4);
    }

    #[test]
    fn levels_are_unpacked_to_the_bits_that_floats_would_have() {
        let signed: Vec<i8> = (0..FEW).map(|i| (i * 37 % 256) as u8 as i8).collect();
        let unsigned: Vec<u8> = (0..FEW).map(|i| (i * 41 % 256) as u8).collect();
        let (scale, zero): (Vec<f32>, Vec<f32>) =
            (0..64 * 3).map(|i| (0.01 + i as f32 * 1e-3, (i % 7) as f32 - 3.0)).unzip();
        let factor: Vec<f32> = (0..64).map(|out| 0.3 + out as f32 * 0.7).collect();
        // One scale a row, and three, the last of a shorter stretch.
        for (stretch, each) in [(usize::MAX, 1), (400, 3)] {
            for levels in [Bytes::Signed(&signed), Bytes::Unsigned(&unsigned)] {
                let (scale, zero) = (&scale[..64 * each], &zero[..64 * each]);
                let levels = Levels { levels, scale, zero, stretch };
                for factor in [None, Some(&factor[..])] {
                    let weights = Weights { numbers: Numbers::Levels(levels), factor };
                    let wanted = weights.floats(1024, |i| [i / 1024, i % 1024]);
                    let kept = Store::new(&weights, &ORDER);
                    assert!(kept.bytes() <= FEW + 64 * (2 * each + 1) * 4);
                    let mut room = vec![0.0; kept.room(1024)];
                    for row in 0..64 {
                        let part = kept.part(ORDER.row(row), &mut room);
                        assert_eq!(part, &wanted[row * 1024..(row + 1) * 1024]);
                    }
                }
            }
        }
        // A level of −128 − (−3) is −125.
        let one =
            Levels { levels: Bytes::Signed(&[-128]), scale: &[0.5], zero: &[-3.0], stretch: 1 };
        let weights = Weights { numbers: Numbers::Levels(one), factor: Some(&[3.0]) };
        assert_eq!(*weights.floats(1, |_| [0, 0]), [-187.5]);
    }
}
