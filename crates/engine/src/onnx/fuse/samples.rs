//! Which steps compute a batch sample by sample, told from where they read.
//!
//! ```text
//! x  │ sample 0 │ sample 1 │ sample 2 │      a part of x and the same part of y: the same numbers of rows,
//!        │           │          │           the same places counted from where the part begins
//! y  │ sample 0 │ sample 1 │ sample 2 │
//! ```
//! What a sample is does not matter: only that parts of equal length depend on nothing but their own parts of the inputs, or on
//! inputs that all of them read alike, as weights are. Every place is looked at, so nothing is taken on trust.

use super::{Attention, BiasPlaces, Factor, Fused, Normed, Places, Work};
use kernels::{AttentionShape, NOWHERE};

/// So many samples of a batch.
#[derive(Clone, Copy)]
pub(in super::super) struct Share {
    pub count: usize,
    pub of: usize,
}

impl Share {
    /// All there is.
    pub const WHOLE: Share = Share { count: 1, of: 1 };

    /// Its part of something that the batch has `all` of.
    pub fn part(self, all: usize) -> usize {
        all / self.of * self.count
    }
}

impl Fused {
    /// Whether the result is `of` samples, each made of the same sample of the inputs: for each of them whether it has samples
    /// or is read as a whole. `lens` are the lengths of the inputs in elements.
    pub fn samples(&self, lens: &[usize], of: usize) -> Option<Vec<bool>> {
        let len: usize = self.shape.iter().product();
        if of == 0 || !len.is_multiple_of(of) || lens.len() != self.inputs.len() {
            return None;
        }
        let mut apart = vec![false; lens.len()];
        match &self.work {
            Work::Linear(linear) => {
                apart[0] = linear.rows.is_multiple_of(of);
                if linear.has_residual {
                    apart[lens.len() - 1] = true;
                }
            }
            Work::Attention(work) => {
                let Attention { shape, qkv, bias, .. } = &**work;
                let heads = shape.count / of;
                if !shape.count.is_multiple_of(of) || !heads.is_multiple_of(shape.beside) {
                    return None;
                }
                let inside = |at: usize| qkv[at].reach(at, shape, heads) < lens[at] / of;
                let even = |at: usize| shifts(&qkv[at].starts, heads, lens[at] / of);
                if !(0..3).all(|at| even(at) && inside(at)) {
                    return None;
                }
                apart[..3].fill(true);
                for (at, bias) in bias.iter().enumerate() {
                    let len = lens[3 + at] / of;
                    if !shifts(&bias.starts, heads, 0) {
                        apart[3 + at] = true;
                        if !shifts(&bias.starts, heads, len) || bias.reach(shape, heads) >= len {
                            return None;
                        }
                    }
                }
            }
            Work::Copy { offset, factors } => {
                apart[0] = copies_apart(*offset, factors, lens[0], of);
            }
            Work::Rows { width, from } => {
                apart[0] = rows_apart(from, lens[0] / width, of);
                apart.iter_mut().skip(1).for_each(|added| *added = true);
            }
            Work::Norm(Normed { width, from, .. }) => {
                apart[0] = match from {
                    Some(from) => rows_apart(from, lens[0] / width, of),
                    None => (len / width).is_multiple_of(of),
                };
            }
        }
        let even = lens.iter().zip(&apart).all(|(len, apart)| !apart || len.is_multiple_of(of));
        (apart[0] && even).then_some(apart)
    }
}

impl Places {
    /// The last place that the first `heads` matrices have; `at`: of the queries, the keys or the values.
    fn reach(&self, at: usize, shape: &AttentionShape, heads: usize) -> usize {
        let (rows, columns) = match at {
            0 => (shape.queries, shape.depth),
            1 => (shape.keys, shape.depth),
            _ => (shape.keys, shape.values),
        };
        let most = self.starts[..heads].iter().max().copied().unwrap_or(0);
        most + (rows.max(1) - 1) * self.row + (columns.max(1) - 1) * self.column
    }
}

impl BiasPlaces {
    /// As [`Places::reach`].
    fn reach(&self, shape: &AttentionShape, heads: usize) -> usize {
        let most = self.starts[..heads].iter().max().copied().unwrap_or(0);
        let (inner, outer) = (self.inner.max(1), shape.keys / self.inner.max(1));
        let keys = (outer.max(1) - 1) * self.outer_step + (inner - 1) * self.inner_step;
        most + (shape.queries.max(1) - 1) * self.row + keys
    }
}

/// Whether each `each` of a list are those before, `by` further on.
fn shifts(list: &[usize], each: usize, by: usize) -> bool {
    list.iter().zip(&list[each.min(list.len())..]).all(|(one, next)| *next == *one + by)
}

/// The same for rows of a tensor of `rows`, all of a sample's within its own.
fn rows_apart(from: &[u32], rows: usize, of: usize) -> bool {
    if !from.len().is_multiple_of(of) || !rows.is_multiple_of(of) {
        return false;
    }
    let (each, by) = (from.len() / of, rows / of);
    let inside = from[..each].iter().all(|row| *row == NOWHERE || (*row as usize) < by);
    let follows = |(one, next): (&u32, &u32)| match *one {
        NOWHERE => *next == NOWHERE,
        row => *next != NOWHERE && *next as usize == row as usize + by,
    };
    inside && from.iter().zip(&from[each..]).all(follows)
}

fn copies_apart(offset: usize, factors: &[Factor], len: usize, of: usize) -> bool {
    let Some(Factor { extent, step }) = factors.first() else { return false };
    if !extent.is_multiple_of(of) || !len.is_multiple_of(of) || extent / of * step != len / of {
        return false;
    }
    let rest = factors[1..].iter().map(|f| (f.extent - 1) * f.step);
    offset + (extent / of - 1) * step + rest.sum::<usize>() < len / of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_sample_stay_with_it() {
        // Two samples of three rows: turned round, then with a row of zeros.
        assert!(rows_apart(&[2, 1, 0, 5, 4, 3], 6, 2));
        assert!(rows_apart(&[2, NOWHERE, 5, NOWHERE], 6, 2));
        assert!(!rows_apart(&[2, 1, 0, 5, 3, 4], 6, 2), "in another order");
        assert!(!rows_apart(&[5, 4, 3, 8, 7, 6], 6, 2), "of the next sample");
        assert!(!rows_apart(&[2, NOWHERE, 5, 4], 6, 2));
        assert!(!rows_apart(&[2, 1, NOWHERE, 4], 6, 2));
        assert!(!rows_apart(&[0, 1, 2], 6, 2) && !rows_apart(&[0, 1, 2, 3], 5, 2));
    }

    #[test]
    fn a_copy_is_apart_where_its_outermost_axis_is_the_batch() {
        let f = |extent, step| Factor { extent, step };
        // [4, 2, 3] turned to [4, 3, 2]: samples of six.
        assert!(copies_apart(0, &[f(4, 6), f(3, 1), f(2, 3)], 24, 4));
        assert!(copies_apart(0, &[f(4, 6), f(3, 1), f(2, 3)], 24, 2));
        assert!(copies_apart(3, &[f(4, 6), f(3, 1)], 24, 4), "a part of each");
        assert!(!copies_apart(4, &[f(4, 6), f(3, 1)], 24, 4), "it reaches into the next");
        assert!(!copies_apart(0, &[f(2, 3), f(4, 6), f(3, 1)], 24, 2), "the batch lies inside");
        assert!(!copies_apart(0, &[f(4, 0), f(3, 1)], 24, 4), "all read the first");
        assert!(!copies_apart(0, &[f(4, 6)], 24, 3) && !copies_apart(0, &[], 1, 1));
    }

    #[test]
    fn lists_of_starts_go_on_from_sample_to_sample() {
        assert!(shifts(&[0, 5, 20, 25, 40, 45], 2, 20));
        assert!(!shifts(&[0, 5, 20, 25, 40, 44], 2, 20));
        assert!(shifts(&[7, 9, 7, 9], 2, 0) && !shifts(&[7, 9, 9, 7], 2, 0));
    }
}
