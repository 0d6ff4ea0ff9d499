//! The part of a large scan that SPINEPS reads, as its own code cuts it (`tools/reference/spineps_region.py` made the
//! fixture).
#![allow(clippy::unwrap_used)]

use crate::common::{fixture, floats, integers, pool, scan};
use base::Orientation;
use serde_json::Value;
use zoo::nnunet::Images;
use zoo::systems::spineps::region;

#[test]
fn the_part_of_a_large_scan_that_is_read_is_the_originals() {
    for case in fixture("systems/spineps-region.json").as_array().unwrap() {
        let Some(scan) = scan(case["image"].as_str().unwrap()) else { return };
        let settings = &case["settings"];
        let three = |key: &str| settings[key].as_array().cloned();
        let numbers = |all: Vec<Value>| [0, 1, 2].map(|axis: usize| all[axis].as_f64().unwrap());
        let axes = three("orientation").map(|all| {
            let code: String = all.iter().map(|axis| axis.as_str().unwrap()).collect();
            Orientation::parse(&code).unwrap()
        });
        let spacing = three("spacing").map(|mut all| {
            all.reverse();
            numbers(all)
        });
        let spacing_mm = three("resolution_range").map(numbers).or(spacing);
        let mut network = |images: Images| {
            let [nz, ny, nx] = images.shape;
            assert_eq!([nz, ny, nx].to_vec(), integers(&case["shape"]));
            let (values, expected) = (&images.channels[0], floats(&case["value"]));
            let last = expected.len() - 1;
            for (n, expected) in expected.iter().enumerate() {
                let value = values[n * (values.len() - 1) / last];
                // A step of half precision.
                assert!(
                    (value - expected).abs() <= 1e-3 * expected.abs().max(1.0),
                    "{n}: {value} {expected}"
                );
            }
            // `answer` of the script.
            let label = |at: usize| {
                let (x, y, z) = (at % nx, at / nx % ny, at / (nx * ny));
                let part = |place: usize, count: usize, middle: f64| {
                    (place as f64 - count as f64 * middle) / count as f64
                };
                let far = part(x, nx, 0.55).hypot(part(y, ny, 0.4));
                let high = z as f64 > nz as f64 * 0.3;
                match () {
                    () if [x, y, z] == [nx / 2, ny / 2, nz / 5] => 23,
                    () if high && far < 0.06 => 68,
                    () if high && far < 0.12 => 69,
                    () => 66,
                }
            };
            Ok((0..nx * ny * nz).map(label).collect())
        };
        let ask = region::Ask { axes, spacing_mm };
        let found = region::spine(&pool(), &scan.volume, ask, &mut network).unwrap().unwrap();
        let expected: Vec<Vec<usize>> =
            case["box"].as_array().unwrap().iter().map(integers).collect();
        assert_eq!(found.map(|bounds| bounds.to_vec()).to_vec(), expected, "{settings}");
        let nothing = &mut |images: Images| Ok(vec![66; images.channels[0].len()]);
        assert_eq!(region::spine(&pool(), &scan.volume, ask, nothing).unwrap(), None);
    }
}
