//! Times reading and writing of one volume: `volume_time INPUT OUTPUT.nii.gz [REPEAT] [THREADS]`.
//! `tools/bench/volume_files.py` does the same with nibabel.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use imaging::{Limits, volumes};
use std::path::Path;
use std::time::Instant;

fn main() {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    let (input, output) = (Path::new(&typed[0]), Path::new(&typed[1]));
    let number = |n: usize, default| typed.get(n).map_or(default, |text| text.parse().unwrap());
    let (repeat, threads) = (number(2, 5), number(3, 2));
    let pool = kernels::Pool::new(threads);
    let mut best = [f64::INFINITY; 4];
    let mut time = |which: usize, start: Instant| {
        best[which] = best[which].min(start.elapsed().as_secs_f64() * 1e3);
    };
    let mut size = [0; 2];
    for _ in 0..repeat {
        let start = Instant::now();
        let scan = volumes::read(input, &Limits::default()).unwrap();
        time(0, start);
        let start = Instant::now();
        let values = scan.volume.frame_f32(0);
        time(1, start);
        assert!(!values.is_empty());
        for (n, level) in
            [volumes::nifti::Level::Fast, volumes::nifti::Level::Small].into_iter().enumerate()
        {
            let start = Instant::now();
            volumes::nifti::write(output, &scan.volume, scan.forms.as_ref(), level, &pool).unwrap();
            time(2 + n, start);
            size[n] = std::fs::metadata(output).unwrap().len();
        }
    }
    println!(
        "read {:.1} ms  to f32 {:.1} ms  write fast {:.1} ms ({} bytes)  write small {:.1} ms ({} bytes)",
        best[0], best[1], best[2], size[0], best[3], size[1]
    );
}
