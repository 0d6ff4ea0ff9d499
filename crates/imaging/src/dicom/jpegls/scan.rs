//! The entropy coder of JPEG-LS: contexts, runs, Golomb codes (T.87 Annex A).

/// Coding parameters of a scan (T.87 C.2.4.1.1 and A.2).
#[derive(Clone)]
pub(super) struct Parameters {
    maxval: i32,
    near: i32,
    t: [i32; 3],
    reset: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
}

impl Parameters {
    pub fn new(precision: u32, near: i32, preset: Option<[i32; 5]>) -> Option<Parameters> {
        let [maxval, t1, t2, t3, reset] = preset.unwrap_or_default();
        let top = (1i32 << precision) - 1;
        let maxval = if maxval == 0 { top } else { maxval };
        if maxval > top || near > 255.min(maxval / 2) {
            return None;
        }
        // Defaults of C.2.4.1.1.1.
        let clamp = |value: i32, low: i32| if value > maxval || value < low { low } else { value };
        let defaults = if maxval >= 128 {
            let factor = (maxval.min(4095) + 128) / 256;
            let a = clamp(factor + 2 + 3 * near, near + 1);
            let b = clamp(factor * 4 + 3 + 5 * near, a);
            [a, b, clamp(factor * 17 + 4 + 7 * near, b)]
        } else {
            let factor = 256 / (maxval + 1);
            let a = clamp((3 / factor).max(2) + 3 * near, near + 1);
            let b = clamp((7 / factor).max(3) + 5 * near, a);
            [a, b, clamp((21 / factor).max(4) + 7 * near, b)]
        };
        let pick = |given: i32, default: i32| if given == 0 { default } else { given };
        let t = [pick(t1, defaults[0]), pick(t2, defaults[1]), pick(t3, defaults[2])];
        if t[0] > t[1] || t[1] > t[2] || t[2] > maxval.max(near + 1) {
            return None;
        }
        let reset = pick(reset, 64).max(3);
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bits = |v: i32| 32 - (v - 1).max(0).leading_zeros();
        let qbpp = bits(range).max(1);
        let bpp = bits(maxval + 1).max(2);
        let limit = 2 * (bpp + bpp.max(8));
        Some(Parameters { maxval, near, t, reset, range, qbpp, limit })
    }

    fn quantize(&self, d: i32) -> i32 {
        let [t1, t2, t3] = self.t;
        match d {
            _ if d <= -t3 => -4,
            _ if d <= -t2 => -3,
            _ if d <= -t1 => -2,
            _ if d < -self.near => -1,
            _ if d <= self.near => 0,
            _ if d < t1 => 1,
            _ if d < t2 => 2,
            _ if d < t3 => 3,
            _ => 4,
        }
    }

    /// Prediction plus dequantised error, back into 0..=maxval (A.4.5, A.7.2.4).
    fn reconstruct(&self, prediction: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let span = self.range * step;
        let mut value = prediction + error * step;
        if value < -self.near {
            value += span;
        } else if value > self.maxval + self.near {
            value -= span;
        }
        value.clamp(0, self.maxval)
    }
}

/// Bits with a 0 stuffed after every byte 255.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    cache: u64,
    count: u32,
    after_ff: bool,
    /// Zero bytes fed after the end; a few are the encoder's privilege.
    beyond: usize,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match self.data.get(self.at) {
                Some(&0xff) if self.data.get(self.at + 1).is_none_or(|&n| n >= 0x80) => None,
                byte => byte.copied(),
            };
            let byte = match byte {
                Some(byte) => {
                    self.at += 1;
                    byte
                }
                None => {
                    self.beyond += 1;
                    0
                }
            };
            let bits = if self.after_ff { 7 } else { 8 };
            self.cache |= u64::from(byte) << (64 - bits) >> self.count;
            self.count += bits;
            self.after_ff = byte == 0xff;
        }
    }

    fn take(&mut self, bits: u32) -> Option<u32> {
        if bits == 0 {
            return Some(0);
        }
        if self.count < bits {
            self.fill();
        }
        if self.beyond > 16 {
            return None;
        }
        let value = (self.cache >> (64 - bits)) as u32;
        self.cache <<= bits;
        self.count -= bits;
        Some(value)
    }

    /// Number of zeros before the next one, which is taken as well.
    fn zeros(&mut self, limit: u32) -> Option<u32> {
        let mut zeros = 0;
        loop {
            if self.count < 32 {
                self.fill();
            }
            if self.beyond > 16 {
                return None;
            }
            let run = self.cache.leading_zeros().min(self.count);
            zeros += run;
            if zeros > limit {
                return None;
            }
            if run < self.count {
                self.cache = if run == 63 { 0 } else { self.cache << (run + 1) };
                self.count -= run + 1;
                return Some(zeros);
            }
            self.cache = 0;
            self.count = 0;
        }
    }

    /// Bytes taken out of the stream so far, an upper bound that never passes a marker.
    pub fn consumed(&self) -> usize {
        self.at
    }
}

#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

#[derive(Clone, Copy)]
struct RunContext {
    a: i32,
    n: i32,
    nn: i32,
}

/// Run length orders (A.2.1).
const J: [u32; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];

pub(super) struct Scan<'a> {
    pub bits: Bits<'a>,
    p: Parameters,
    contexts: Vec<Context>,
    runs: [RunContext; 2],
    run_index: Vec<usize>,
}

impl<'a> Scan<'a> {
    pub fn new(data: &'a [u8], p: Parameters) -> Scan<'a> {
        let a = ((p.range + 32) / 64).max(2);
        Scan {
            bits: Bits { data, at: 0, cache: 0, count: 0, after_ff: false, beyond: 0 },
            contexts: vec![Context { a, b: 0, c: 0, n: 1 }; 365],
            runs: [RunContext { a, n: 1, nn: 0 }; 2],
            run_index: vec![0; 4],
            p,
        }
    }

    /// Golomb code of order `k`, at most `limit` zeros (A.5.3).
    fn golomb(&mut self, k: u32, limit: u32) -> Option<i32> {
        let longest = limit.checked_sub(self.p.qbpp + 1)?;
        let zeros = self.bits.zeros(longest.max(1))?;
        Some(if zeros < longest {
            ((zeros << k) | self.bits.take(k)?) as i32
        } else {
            self.bits.take(self.p.qbpp)? as i32 + 1
        })
    }

    /// One sample outside a run; `sign` and `index` of its context.
    fn regular(&mut self, index: usize, sign: i32, [ra, rb, rc]: [i32; 3]) -> Option<i32> {
        let predicted = match () {
            _ if rc >= ra.max(rb) => ra.min(rb),
            _ if rc <= ra.min(rb) => ra.max(rb),
            _ => ra + rb - rc,
        };
        let context = self.contexts[index];
        let predicted = (predicted + sign * context.c).clamp(0, self.p.maxval);
        let mut k = 0;
        while (context.n << k) < context.a && k < 20 {
            k += 1;
        }
        let mapped = self.golomb(k, self.p.limit)?;
        let mut error = if mapped & 1 == 0 { mapped >> 1 } else { -(mapped >> 1) - 1 };
        if k == 0 && self.p.near == 0 && 2 * context.b <= -context.n {
            error = -(error + 1);
        }
        let Context { mut a, mut b, mut c, mut n } = context;
        a += error.abs();
        b += error * (2 * self.p.near + 1);
        if a > 1 << 24 || b.abs() > 1 << 28 {
            return None;
        }
        if n == self.p.reset {
            a >>= 1;
            b >>= 1;
            n >>= 1;
        }
        n += 1;
        if b <= -n {
            b = (b + n).max(1 - n);
            c = (c - 1).max(-128);
        } else if b > 0 {
            b = (b - n).min(0);
            c = (c + 1).min(127);
        }
        self.contexts[index] = Context { a, b, c, n };
        Some(self.p.reconstruct(predicted, sign * error))
    }

    /// The sample that ends a run (A.7.2).
    fn interruption(&mut self, ra: i32, rb: i32, run_index: usize) -> Option<i32> {
        let same = usize::from((ra - rb).abs() <= self.p.near);
        let context = self.runs[same];
        let predicted = if same == 1 { ra } else { rb };
        let sign = if same == 0 && ra > rb { -1 } else { 1 };
        let temp = context.a + if same == 1 { context.n >> 1 } else { 0 };
        let mut k = 0;
        while (context.n << k) < temp && k < 20 {
            k += 1;
        }
        let mapped = self.golomb(k, self.p.limit.checked_sub(J[run_index] + 1)?)?;
        let value = mapped + same as i32;
        let map = value & 1;
        let magnitude = (value + map) / 2;
        let negative = (k != 0 || 2 * context.nn >= context.n) == (map == 1);
        let error = if negative { -magnitude } else { magnitude };
        let RunContext { mut a, mut n, mut nn } = context;
        nn += i32::from(error < 0);
        a += (mapped + 1 - same as i32) >> 1;
        if n == self.p.reset {
            a >>= 1;
            n >>= 1;
            nn >>= 1;
        }
        n += 1;
        self.runs[same] = RunContext { a: a.min(1 << 24), n, nn };
        Some(self.p.reconstruct(predicted, sign * error))
    }

    /// Length of a run of at most `left` samples, and whether a sample interrupts it.
    fn run(&mut self, set: usize, left: usize) -> Option<(usize, bool)> {
        let mut length = 0;
        loop {
            if self.bits.take(1)? == 1 {
                let block = 1usize << J[self.run_index[set]];
                let take = block.min(left - length);
                length += take;
                if take == block && self.run_index[set] < 31 {
                    self.run_index[set] += 1;
                }
                if length == left {
                    return Some((length, false));
                }
            } else {
                let order = J[self.run_index[set]];
                length += self.bits.take(order)? as usize;
                return (length < left).then_some((length, true));
            }
        }
    }

    fn gradients(&self, [ra, rb, rc, rd]: [i32; 4]) -> Option<(usize, i32)> {
        let q = [rd - rb, rb - rc, rc - ra].map(|d| self.p.quantize(d));
        let index = q[0] * 81 + q[1] * 9 + q[2];
        (index != 0).then_some((index.unsigned_abs() as usize, if index < 0 { -1 } else { 1 }))
    }

    /// Planes one after another, or line by line.
    pub fn by_line(
        &mut self,
        shape: (usize, usize, usize),
        first: usize,
        sets: usize,
        out: &mut [u16],
    ) -> Option<()> {
        let (columns, rows, channels) = shape;
        // One sample of margin left (rc of the first column) and right (rd of the last).
        let mut lines = vec![[vec![0i32; columns + 2], vec![0i32; columns + 2]]; sets];
        for row in 0..rows {
            for (set, pair) in lines.iter_mut().enumerate() {
                pair.swap(0, 1);
                let [above, line] = pair;
                above[columns + 1] = above[columns];
                line[0] = above[1];
                let mut x = 1;
                while x <= columns {
                    let near = [line[x - 1], above[x], above[x - 1], above[x + 1]];
                    if let Some((index, sign)) = self.gradients(near) {
                        line[x] = self.regular(index, sign, [near[0], near[1], near[2]])?;
                        x += 1;
                        continue;
                    }
                    let (length, interrupted) = self.run(set, columns + 1 - x)?;
                    let value = line[x - 1];
                    line[x..x + length].fill(value);
                    x += length;
                    if interrupted {
                        line[x] = self.interruption(value, above[x], self.run_index[set])?;
                        self.run_index[set] = self.run_index[set].saturating_sub(1);
                        x += 1;
                    }
                }
                let start = row * columns * channels + first + set;
                for (slot, &value) in
                    out[start..].iter_mut().step_by(channels).zip(&line[1..=columns])
                {
                    *slot = value as u16;
                }
            }
        }
        Some(())
    }

    /// All components of a pixel together.
    pub fn by_sample(
        &mut self,
        shape: (usize, usize, usize),
        first: usize,
        sets: usize,
        out: &mut [u16],
    ) -> Option<()> {
        let (columns, rows, channels) = shape;
        let mut above = vec![vec![0i32; columns + 2]; sets];
        let mut line = above.clone();
        for row in 0..rows {
            std::mem::swap(&mut above, &mut line);
            for set in 0..sets {
                above[set][columns + 1] = above[set][columns];
                line[set][0] = above[set][1];
            }
            let mut x = 1;
            while x <= columns {
                let near = |set: usize, line: &[Vec<i32>]| {
                    [line[set][x - 1], above[set][x], above[set][x - 1], above[set][x + 1]]
                };
                let flat = (0..sets).all(|set| self.gradients(near(set, &line)).is_none());
                if !flat {
                    for set in 0..sets {
                        let n = near(set, &line);
                        let (index, sign) = self.gradients(n).unwrap_or((0, 1));
                        line[set][x] = self.regular(index, sign, [n[0], n[1], n[2]])?;
                    }
                    x += 1;
                    continue;
                }
                let (length, interrupted) = self.run(0, columns + 1 - x)?;
                for samples in &mut line {
                    let value = samples[x - 1];
                    samples[x..x + length].fill(value);
                }
                x += length;
                if interrupted {
                    for set in 0..sets {
                        let (ra, rb) = (line[set][x - 1], above[set][x]);
                        line[set][x] = self.interruption_in_sample(ra, rb)?;
                    }
                    self.run_index[0] = self.run_index[0].saturating_sub(1);
                    x += 1;
                }
            }
            for (set, samples) in line.iter().enumerate() {
                let start = row * columns * channels + first + set;
                for (slot, &value) in
                    out[start..].iter_mut().step_by(channels).zip(&samples[1..=columns])
                {
                    *slot = value as u16;
                }
            }
        }
        Some(())
    }

    /// In sample interleave all components end a run with the first run context.
    fn interruption_in_sample(&mut self, ra: i32, rb: i32) -> Option<i32> {
        let context = self.runs[0];
        let sign = if ra > rb { -1 } else { 1 };
        let mut k = 0;
        while (context.n << k) < context.a && k < 20 {
            k += 1;
        }
        let mapped = self.golomb(k, self.p.limit.checked_sub(J[self.run_index[0]] + 1)?)?;
        let map = mapped & 1;
        let magnitude = (mapped + map) / 2;
        let negative = (k != 0 || 2 * context.nn >= context.n) == (map == 1);
        let error = if negative { -magnitude } else { magnitude };
        let RunContext { mut a, mut n, mut nn } = context;
        nn += i32::from(error < 0);
        a += (mapped + 1) >> 1;
        if n == self.p.reset {
            a >>= 1;
            n >>= 1;
            nn >>= 1;
        }
        n += 1;
        self.runs[0] = RunContext { a: a.min(1 << 24), n, nn };
        Some(self.p.reconstruct(rb, sign * error))
    }
}
