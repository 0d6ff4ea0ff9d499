//! The table of cases: a line of options, input, shapes and what the reference made of it.

use std::collections::HashMap;
use std::io::Read;

/// One case.
pub struct Case {
    pub options: HashMap<String, String>,
    pub input: String,
    pub from: [usize; 3],
    pub to: [usize; 3],
    pub whole: [String; 2],
    pub samples: Vec<f64>,
    pub line: String,
}

impl Case {
    /// An option as the reference was given it.
    pub fn get(&self, name: &str) -> &str {
        self.options.get(name).unwrap_or_else(|| panic!("no {name} in {}", self.line))
    }

    pub fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, name: &str) -> T {
        self.get(name).parse().unwrap()
    }

    pub fn flag(&self, name: &str) -> bool {
        self.get(name) == "1"
    }

    /// Three numbers of an option.
    pub fn triple(&self, name: &str) -> [f64; 3] {
        let numbers: Vec<f64> = self.get(name).split(',').map(|n| n.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    }

    /// Largest difference to the reference, as a share of the range of the input.
    pub fn error(&self, input: &[f32], output: &[f32]) -> f64 {
        assert_eq!(output.len(), self.to.iter().product::<usize>(), "{}", self.line);
        let (low, high) = input.iter().fold((f64::MAX, f64::MIN), |(low, high), &value| {
            (low.min(f64::from(value)), high.max(f64::from(value)))
        });
        let count = output.len() as f64;
        let mean = output.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
        let square = output.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / count;
        let mut error = (mean - self.whole[0].parse::<f64>().unwrap()).abs();
        error = error.max((square.sqrt() - self.whole[1].parse::<f64>().unwrap()).abs());
        for (index, expected) in indices(output.len(), self.samples.len()).zip(&self.samples) {
            // A difference that is no number must not pass.
            let difference = (f64::from(output[index]) - expected).abs();
            error = if difference <= error { error } else { difference };
        }
        error / (high - low).max(1.0)
    }

    /// Fails unless every label is the reference's; says how many of the kept ones are not.
    pub fn same_labels(&self, output: &[u8]) -> Result<(), String> {
        assert_eq!(output.len(), self.to.iter().product::<usize>(), "{}", self.line);
        let wrong = indices(output.len(), self.samples.len())
            .zip(&self.samples)
            .filter(|(index, expected)| f64::from(output[*index]) != **expected)
            .count();
        let hash = output.iter().fold(0xCBF2_9CE4_8422_2325u64, |state, &byte| {
            (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        });
        if wrong == 0 && format!("{hash:016x}") == self.whole[0] {
            return Ok(());
        }
        Err(format!("{wrong} of {} kept labels differ: {}", self.samples.len(), self.line))
    }
}

fn indices(length: usize, kept: usize) -> impl Iterator<Item = usize> {
    (0..kept).map(move |i| if kept == length { i } else { i * (length - 1) / (kept - 1) })
}

/// The cases of one reference.
pub fn cases(table: &str) -> Vec<Case> {
    let shape = |cell: &str| {
        let extents: Vec<usize> = cell.split(',').map(|extent| extent.parse().unwrap()).collect();
        extents.try_into().unwrap()
    };
    let case = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let options = cells[0].split(';').filter_map(|option| option.split_once('='));
        Case {
            options: options.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            input: cells[1].to_string(),
            from: shape(cells[2]),
            to: shape(cells[3]),
            whole: [cells[4].to_string(), cells[5].to_string()],
            samples: cells[6].split(',').map(|value| value.parse().unwrap()).collect(),
            line: cells[..4].join(" "),
        }
    };
    table.lines().map(case).collect()
}

fn made(shape: [usize; 3], value: impl Fn(usize, usize, usize) -> f32) -> Vec<f32> {
    let [depth, height, width] = shape;
    let mut out = Vec::with_capacity(depth * height * width);
    for z in 0..depth {
        for y in 0..height {
            out.extend((0..width).map(|x| value(z, y, x)));
        }
    }
    out
}

fn cut(whole: &[f32], extents: [usize; 3], start: [usize; 3], shape: [usize; 3]) -> Vec<f32> {
    made(shape, |z, y, x| {
        whole[((start[0] + z) * extents[1] + start[1] + y) * extents[2] + start[2] + x]
    })
}

/// An input by name; `None` (after saying so) when it is real and not at hand.
pub fn input(name: &str, shape: [usize; 3]) -> Option<Vec<f32>> {
    match name {
        "noise" => Some(made(shape, |z, y, x| {
            let value = z * 73 + y * 37 + x * 101 + (z * y + 3 * x * y) % 17 * 29;
            (value % 251) as f32 - 50.0
        })),
        "labels" => Some(made(shape, |z, y, x| {
            ((z / 3 + y / 2 * 2 + x / 4 * 3 + (x * 5 + y * 7 + z) % 11 / 9) % 5) as f32
        })),
        "anatomical" => {
            let bytes = std::fs::read(testkit::data("volumes/nibabel/anatomical.nii")?).unwrap();
            let values = bytes[352..].chunks_exact(2).map(|b| i16::from_be_bytes([b[0], b[1]]));
            let whole: Vec<f32> = values.map(f32::from).collect();
            Some(cut(&whole, [25, 41, 33], [0; 3], shape))
        }
        "organs" => {
            let path = testkit::data("volumes/nnunet/example_ct_sm_T300_output.nii.gz")?;
            let mut bytes = Vec::new();
            let file = std::fs::File::open(path).unwrap();
            flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).unwrap();
            let whole: Vec<f32> = bytes[352..].iter().map(|&byte| f32::from(byte)).collect();
            let extents = [30, 101, 122];
            let start = [0, 1, 2].map(|axis| (extents[axis] - shape[axis]) / 2);
            Some(cut(&whole, extents, start, shape))
        }
        other => panic!("no input {other}"),
    }
}

/// Runs every case of a table and holds the largest error under `bound`.
pub fn agree(table: &str, bound: f64, run: impl Fn(&Case, &[f32]) -> Vec<f32>) {
    let mut worst = (0.0, String::new());
    let mut faults = Vec::new();
    for case in cases(table) {
        let Some(input) = input(&case.input, case.from) else { continue };
        let error = case.error(&input, &run(&case, &input));
        if error.is_nan() || error > bound {
            faults.push(format!("{error:.2e} {}", case.line));
        }
        if error > worst.0 {
            worst = (error, case.line.clone());
        }
    }
    println!("worst {:.2e} of the range: {}", worst.0, worst.1);
    assert!(faults.is_empty(), "{} cases differ:\n{}", faults.len(), faults.join("\n"));
}
