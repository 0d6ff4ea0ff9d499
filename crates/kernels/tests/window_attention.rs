//! Attention in windows under every instruction set against its plain twin: windows that divide and that do not, rolled and not.

mod common;

use common::{BOUND, Guarded, error_of, every_isa, noise};
use kernels::*;

#[test]
fn attention_in_windows_agrees_with_its_twin() {
    let pool = Pool::new(2);
    for (size, window, shift) in [
        ([1, 1, 1], [1, 1, 1], [0, 0, 0]),
        ([4, 4, 4], [2, 2, 2], [0, 0, 0]),
        ([4, 6, 2], [2, 3, 2], [1, 1, 0]),
        ([5, 3, 4], [3, 2, 4], [1, 1, 0]),
        ([7, 8, 9], [3, 3, 3], [1, 1, 1]),
    ] {
        for (channels, heads) in [(1, 1), (6, 3), (8, 2)] {
            let s = WindowShape { channels, heads, size, window, shift };
            let n = s.tokens();
            let qkv = noise(1, 3 * s.output_len());
            let (pad, bias) = (noise(2, 3 * channels), noise(3, heads * n * n));
            let mut expected = vec![0.0; s.output_len()];
            naive::window_attention(&s, &qkv, [&pad, &bias], &mut expected);
            every_isa(|isa| {
                let mut y = Guarded::new(s.output_len());
                let mut work = vec![f32::NAN; s.workspace()];
                window_attention(&pool, &s, &qkv, [&pad, &bias], &mut work, y.slice());
                let error = error_of(y.check(), &expected, 0.1);
                assert!(error < BOUND, "{error:.1e} for {isa:?} {s:?}");
                let mut other = vec![0.0; s.output_len()];
                window_attention(&Pool::new(3), &s, &qkv, [&pad, &bias], &mut work, &mut other);
                assert!(y.check() == other, "{isa:?} {s:?}");
            });
        }
    }
}

/// Two halves that the roll brings together know nothing of each other.
#[test]
fn rolled_ends_do_not_see_each_other() {
    let s =
        WindowShape { channels: 1, heads: 1, size: [1, 1, 4], window: [1, 1, 2], shift: [0, 0, 1] };
    // The second window holds the last place and the first.
    let qkv = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0, 20.0, 30.0, 40.0];
    let (mut work, mut out) = (vec![0.0; s.workspace()], [0.0; 4]);
    window_attention(&Pool::new(1), &s, &qkv, [&[0.0; 3], &[0.0; 4]], &mut work, &mut out);
    assert_eq!(out, [10.0, 25.0, 25.0, 40.0]);
}
