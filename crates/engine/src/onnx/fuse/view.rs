//! Where the values of a tensor lie in another tensor, when it is that tensor's values in another order.
//!
//! ```text
//! qkv [1, 197, 2304] ─ Reshape [1, 197, 3, 12, 64] ─ Transpose [3, 1, 12, 197, 64] ─ Split ─ Squeeze [1, 12, 197, 64]
//!                                                            k = base qkv, offset 768, axes (1, –) (12, 64) (197, 2304) (64, 1)
//! ```
//! An axis is a list of factors, outermost first, each with its extent and its step in the base: so that axes can be joined
//! whose steps do not continue each other. Nothing here touches a number; a kernel that takes steps reads the base in place.

use super::super::graph::Slot;

/// One factor of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Factor {
    pub extent: usize,
    /// From one to the next, in elements of the base.
    pub step: usize,
}

/// A tensor as a part of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub base: Slot,
    /// Of the first element.
    pub offset: usize,
    /// One list for each axis; an axis of extent 1 has no factors.
    pub axes: Vec<Vec<Factor>>,
}

impl View {
    /// The tensor itself.
    pub fn dense(base: Slot, shape: &[usize]) -> View {
        let mut axes = Vec::with_capacity(shape.len());
        let mut step = 1usize;
        for &extent in shape.iter().rev() {
            axes.push(if extent == 1 { Vec::new() } else { vec![Factor { extent, step }] });
            step = step.saturating_mul(extent);
        }
        axes.reverse();
        View { base, offset: 0, axes }
    }

    /// Extent of each axis.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.iter().map(|f| f.extent).product()).collect()
    }

    /// All factors, outermost first, those that continue each other joined.
    pub fn flat(&self) -> Vec<Factor> {
        joined(self.axes.iter().flatten().copied())
    }

    /// The axes in another order.
    pub fn transposed(&self, order: &[usize]) -> Option<View> {
        let axes = order.iter().map(|axis| self.axes.get(*axis).cloned());
        Some(View { axes: axes.collect::<Option<Vec<_>>>()?, ..*self })
    }

    /// The same values in the same order under another shape; `None` where a factor would be cut unevenly.
    pub fn reshaped(&self, shape: &[usize]) -> Option<View> {
        let mut rest: Vec<Factor> = self.flat();
        rest.reverse();
        let mut axes = Vec::with_capacity(shape.len());
        for &extent in shape {
            let (mut axis, mut open) = (Vec::new(), extent);
            while open > 1 {
                let factor = rest.pop()?;
                if open.is_multiple_of(factor.extent) {
                    open /= factor.extent;
                    axis.push(factor);
                } else if factor.extent.is_multiple_of(open) {
                    let inner = factor.extent / open;
                    axis.push(Factor { extent: open, step: factor.step * inner });
                    rest.push(Factor { extent: inner, step: factor.step });
                    open = 1;
                } else {
                    return None;
                }
            }
            if open == 0 {
                return None;
            }
            axes.push(joined(axis.into_iter()));
        }
        rest.is_empty().then_some(View { axes, ..*self })
    }

    /// `extent` places of an axis from `from` on.
    pub fn sliced(&self, axis: usize, from: usize, extent: usize) -> Option<View> {
        let whole: usize = self.axes.get(axis)?.iter().map(|f| f.extent).product();
        if extent == 0 || from.checked_add(extent)? > whole {
            return None;
        }
        let mut view = self.clone();
        match self.axes[axis][..] {
            [] => {}
            [Factor { step, .. }] => {
                view.offset += from * step;
                view.axes[axis] =
                    if extent == 1 { Vec::new() } else { vec![Factor { extent, step }] };
            }
            _ if extent == whole => {}
            _ if extent == 1 => {
                let mut rest = from;
                for factor in self.axes[axis].iter().rev() {
                    view.offset += rest % factor.extent * factor.step;
                    rest /= factor.extent;
                }
                view.axes[axis] = Vec::new();
            }
            _ => return None,
        }
        Some(view)
    }

    /// Stretched to `shape` as operands of a sum are.
    pub fn stretched(&self, shape: &[usize]) -> Option<View> {
        let lead = shape.len().checked_sub(self.axes.len())?;
        let own = self.shape();
        let mut axes = Vec::with_capacity(shape.len());
        for (axis, &extent) in shape.iter().enumerate() {
            let given = axis.checked_sub(lead).map_or(1, |axis| own[axis]);
            axes.push(match (given == extent, given) {
                (true, _) if axis >= lead => self.axes[axis - lead].clone(),
                (true, _) => Vec::new(),
                (false, 1) => vec![Factor { extent, step: 0 }],
                _ => return None,
            });
        }
        Some(View { axes, ..*self })
    }

    /// The step of an axis that has one; 0 for an axis of extent 1.
    pub fn step(&self, axis: usize) -> Option<usize> {
        match joined(self.axes.get(axis)?.iter().copied())[..] {
            [] => Some(0),
            [factor] => Some(factor.step),
            _ => None,
        }
    }

    /// Where the first element of each index of the axes before `end` lies, in order.
    pub fn starts(&self, end: usize) -> Vec<usize> {
        let mut starts = vec![self.offset];
        for factor in self.axes[..end].iter().flatten() {
            let each = |start: &usize| {
                let start = *start;
                (0..factor.extent).map(move |i| start + i * factor.step)
            };
            starts = starts.iter().flat_map(each).collect();
        }
        starts
    }

    /// The base's values in their own order, from the first on.
    pub fn is_dense(&self) -> bool {
        matches!(self.flat()[..], [] | [Factor { step: 1, .. }])
    }
}

/// Factors that continue each other as one.
pub(super) fn joined(factors: impl Iterator<Item = Factor>) -> Vec<Factor> {
    let mut all: Vec<Factor> = Vec::new();
    for factor in factors.filter(|f| f.extent != 1) {
        match all.last_mut() {
            Some(last)
                if last.step == factor.step * factor.extent
                    && (factor.step > 0 || last.step == 0) =>
            {
                *last = Factor { extent: last.extent * factor.extent, step: factor.step };
            }
            _ => all.push(factor),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(view: &View, index: &[usize]) -> usize {
        let mut place = view.offset;
        for (axis, &i) in view.axes.iter().zip(index) {
            let mut rest = i;
            for factor in axis.iter().rev() {
                place += rest % factor.extent * factor.step;
                rest /= factor.extent;
            }
        }
        place
    }

    #[test]
    fn the_heads_of_a_joint_product_are_found_where_they_lie() {
        let (tokens, heads, size) = (197, 12, 64);
        let view = View::dense(7, &[1, tokens, 3 * heads * size]);
        let view = view.reshaped(&[1, tokens, 3, heads, size]).unwrap();
        let view = view.transposed(&[2, 0, 3, 1, 4]).unwrap();
        let k = view.sliced(0, 1, 1).unwrap().reshaped(&[1, heads, tokens, size]).unwrap();
        assert_eq!(k.offset, heads * size);
        assert_eq!((k.step(1), k.step(2), k.step(3)), (Some(64), Some(2304), Some(1)));
        assert_eq!(at(&k, &[0, 3, 5, 6]), 768 + 3 * 64 + 5 * 2304 + 6);
        assert_eq!(k.starts(2), (0..12).map(|h| 768 + h * 64).collect::<Vec<_>>());
    }

    #[test]
    fn axes_that_do_not_continue_each_other_can_be_joined_and_parted_again() {
        let view = View::dense(0, &[25, 196, 3, 12, 64]).transposed(&[2, 0, 3, 1, 4]).unwrap();
        let joined = view.reshaped(&[3, 300, 196, 64]).unwrap();
        assert_eq!(joined.shape(), [3, 300, 196, 64]);
        assert_eq!(joined.step(1), None);
        let parted = joined.reshaped(&[3, 25, 12, 14, 14, 64]).unwrap();
        assert_eq!(at(&parted, &[2, 9, 5, 3, 4, 1]), at(&view, &[2, 9, 5, 3 * 14 + 4, 1]));
        assert_eq!(joined.reshaped(&[3, 30, 10, 196, 64]), None);
    }

    #[test]
    fn a_stretched_axis_has_no_step() {
        let bias = View::dense(0, &[64, 1, 49, 49]).stretched(&[64, 3, 49, 49]).unwrap();
        assert_eq!((bias.step(1), bias.step(2)), (Some(0), Some(49)));
        assert_eq!(at(&bias, &[5, 2, 7, 8]), 5 * 49 * 49 + 7 * 49 + 8);
        assert_eq!(View::dense(0, &[3, 2]).stretched(&[3, 4]), None);
        assert!(View::dense(0, &[3, 1, 2]).reshaped(&[6]).unwrap().is_dense());
    }
}
