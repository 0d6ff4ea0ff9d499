//! How a bundle's network goes over a case: MONAI's `SlidingWindowInferer` and `SimpleInferer`
//! (`monai/inferers/utils.py`, `monai/data/utils.py`).

use super::before::Args;
use super::folder::Problem;
use super::network::target;
use base::words::bundle as words;
use engine::weights::Plain;

/// The inferer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inferer {
    /// Extents of a tile, i, j, k; `None` for all of the image.
    pub roi: [Option<usize>; 3],
    overlap: [f64; 3],
    /// Standard deviation of the Gaussian, by the tile's extent; constant weights when `None`.
    sigma: Option<[f64; 3]>,
    /// What lies outside an image that is smaller than a tile.
    outside: Outside,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outside {
    Value(f32),
    Border,
    Mirrored,
}

/// Share of a tile that the next one sees again, where nothing is said.
const DEFAULT_OVERLAP: f64 = 0.25;
/// Tiles along one axis are no shorter.
const LEAST_TILE: usize = 1;

impl Inferer {
    /// From the resolved `inferer`.
    pub fn read(table: &Plain) -> Result<Inferer, Problem> {
        let whole = Inferer {
            roi: [None; 3],
            overlap: [0.0; 3],
            sigma: None,
            outside: Outside::Value(0.0),
        };
        let name = target(table).rsplit('.').next().unwrap_or_default();
        let args = Args { table, name, place: 0 };
        match name {
            "SimpleInferer" => return Ok(whole),
            // Asked for classes, the published `scripts/inferer.py` hands on the tile alone: `overlap` is for
            // points, and its own window overlaps by MONAI's default.
            "SlidingWindowInferer" | "SlidingWindowInfererAdapt" | "Vista3dInferer" => {}
            "" => return Err(Problem::missing("inferer")),
            other => return Err(Problem(words::inferer_unknown(other))),
        }
        args.only(&["roi_weight_map", "with_coord"])?;
        let roi = args.get("roi_size").ok_or_else(|| args.wrong("roi_size"))?;
        // A part that is not positive is the image's extent.
        let extent = |value: &Plain| match value {
            Plain::None => Some(None),
            Plain::Int(n) if *n <= 0 => Some(None),
            value => value.size().filter(|n| (LEAST_TILE..=4096).contains(n)).map(Some),
        };
        let roi = match roi.items() {
            Some(items) => items.iter().map(extent).collect::<Option<Vec<_>>>(),
            None => extent(roi).map(|one| vec![one; 3]),
        };
        let roi = roi.and_then(|roi| roi.try_into().ok()).ok_or_else(|| args.wrong("roi_size"))?;
        let numbers = |key: &str, default: f64| -> Result<[f64; 3], Problem> {
            let numbers = match args.get(key) {
                None => Some(vec![default; 3]),
                Some(value) => match value.items() {
                    Some(items) => items.iter().map(Plain::number).collect(),
                    None => value.number().map(|number| vec![number; 3]),
                },
            };
            let numbers = numbers.and_then(|numbers| <[f64; 3]>::try_from(numbers).ok());
            numbers.ok_or_else(|| args.wrong(key))
        };
        let overlap = match name {
            "Vista3dInferer" => [DEFAULT_OVERLAP; 3],
            _ => numbers("overlap", DEFAULT_OVERLAP)?,
        };
        if overlap.iter().any(|part| !(0.0..1.0).contains(part)) {
            return Err(args.wrong("overlap"));
        }
        let text = |key: &str, default: &str| -> Result<String, Problem> {
            match args.get(key) {
                None => Ok(default.to_owned()),
                Some(value) => {
                    let text = value.text().ok_or_else(|| args.wrong(key))?;
                    Ok(text.to_ascii_lowercase())
                }
            }
        };
        let sigma = match text("mode", "constant")?.as_str() {
            "constant" => None,
            "gaussian" => Some(numbers("sigma_scale", 0.125)?),
            _ => return Err(args.wrong("mode")),
        };
        if sigma.is_some_and(|sigma| sigma.iter().any(|part| *part <= 0.0)) {
            return Err(args.wrong("sigma_scale"));
        }
        let outside = match text("padding_mode", "constant")?.as_str() {
            "constant" => Outside::Value(args.number("cval")?.unwrap_or(0.0)),
            "replicate" => Outside::Border,
            "reflect" => Outside::Mirrored,
            _ => return Err(args.wrong("padding_mode")),
        };
        Ok(Inferer { roi, overlap, sigma, outside })
    }

    /// Extents of a tile for an image of extents `size`.
    pub fn tile(&self, size: [usize; 3]) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.roi[axis].unwrap_or(size[axis]).max(LEAST_TILE))
    }

    /// First voxels of the tiles along an axis of a padded image.
    pub fn starts(&self, axis: usize, extent: usize, tile: usize) -> Vec<usize> {
        let step = match extent == tile {
            true => tile,
            false => ((tile as f64 * (1.0 - self.overlap[axis])) as usize).max(1),
        };
        let last = extent.saturating_sub(tile);
        let tiles = last.div_ceil(step) + 1;
        (0..tiles).map(|n| (n * step).min(last)).collect()
    }

    /// How much each voxel of a tile counts, `[i][j][k]`.
    pub fn weights(&self, tile: [usize; 3]) -> Vec<f32> {
        let Some(sigma) = self.sigma else { return vec![1.0; tile.iter().product()] };
        let axis = |axis: usize| -> Vec<f32> {
            let middle = (tile[axis] as f32 - 1.0) / 2.0;
            let deviation = tile[axis] as f64 * sigma[axis];
            let under = (-2.0 * deviation * deviation) as f32;
            (0..tile[axis]).map(|n| ((n as f32 - middle).powi(2) / under).exp()).collect()
        };
        let (a, b, c) = (axis(0), axis(1), axis(2));
        let mut map = Vec::with_capacity(tile.iter().product());
        for x in &a {
            for y in &b {
                map.extend(c.iter().map(|z| x * y * z));
            }
        }
        let positive = map.iter().copied().filter(|weight| *weight != 0.0);
        let least = positive.fold(f32::INFINITY, f32::min).max(1e-3);
        map.iter_mut().for_each(|weight| *weight = weight.max(least));
        map
    }

    /// A channel `[i][j][k]` padded to at least a tile, half before it; its new extents and what stands
    /// before. Problems: an image too small to be mirrored.
    pub fn pad(
        &self,
        image: Vec<f32>,
        size: [usize; 3],
        tile: [usize; 3],
    ) -> Result<Vec<f32>, Problem> {
        let (to, before) = padded(size, tile);
        if to == size {
            return Ok(image);
        }
        let source = |axis: usize| -> Option<Vec<Option<usize>>> {
            let (extent, shift) = (size[axis] as i64, before[axis] as i64);
            let one = |at: usize| {
                let at = at as i64 - shift;
                match self.outside {
                    Outside::Value(_) => Some((0..extent).contains(&at).then_some(at as usize)),
                    Outside::Border => Some(Some(at.clamp(0, extent - 1) as usize)),
                    Outside::Mirrored => {
                        let at = if at < 0 { -at } else { at };
                        let at = if at >= extent { 2 * (extent - 1) - at } else { at };
                        (0..extent).contains(&at).then_some(Some(at as usize))
                    }
                }
            };
            (0..to[axis]).map(one).collect()
        };
        let all = [source(0), source(1), source(2)];
        let [Some(first), Some(second), Some(third)] = all else {
            return Err(Problem(words::too_small(size, tile)));
        };
        let fill = if let Outside::Value(value) = self.outside { value } else { 0.0 };
        let mut out = Vec::with_capacity(to.iter().product());
        for i in &first {
            for j in &second {
                let line = match (i, j) {
                    (Some(i), Some(j)) => Some((i * size[1] + j) * size[2]),
                    _ => None,
                };
                let value = |k: &Option<usize>| match (line, k) {
                    (Some(line), Some(k)) => image[line + k],
                    _ => fill,
                };
                out.extend(third.iter().map(value));
            }
        }
        Ok(out)
    }
}

/// Extents padded to at least a tile, and how much of the padding stands before the image.
pub(super) fn padded(size: [usize; 3], tile: [usize; 3]) -> ([usize; 3], [usize; 3]) {
    let to = [0, 1, 2].map(|axis| size[axis].max(tile[axis]));
    (to, [0, 1, 2].map(|axis| (to[axis] - size[axis]) / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferer(text: &str) -> Inferer {
        let text = format!(r#"{{"_target_": "SlidingWindowInferer", {text}}}"#);
        Inferer::read(&Plain::from_json(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn tiles_start_where_the_reference_lets_them_start() {
        // `dense_patch_slices` with `_get_scan_interval`.
        let one = inferer(r#""roi_size": [96, 96, 96], "overlap": 0.5"#);
        assert_eq!(one.starts(0, 200, 96), [0, 48, 96, 104]);
        assert_eq!(one.starts(0, 96, 96), [0]);
        assert_eq!(one.starts(0, 97, 96), [0, 1]);
        let quarter = inferer(r#""roi_size": 64"#);
        assert_eq!(quarter.starts(0, 160, 64), [0, 48, 96]);
        assert_eq!(quarter.starts(0, 161, 64), [0, 48, 96, 97]);
        let text = r#"{"_target_": "scripts.inferer.Vista3dInferer", "roi_size": [64, 64, 64],
            "overlap": 0.3, "sw_batch_size": 1, "use_point_window": true}"#;
        assert_eq!(Inferer::read(&Plain::from_json(text.as_bytes()).unwrap()).unwrap(), quarter);
        let all = inferer(r#""roi_size": [-1, 32, null]"#);
        assert_eq!(all.tile([70, 20, 9]), [70, 32, 9]);
    }

    #[test]
    fn what_lies_outside_is_a_value_the_border_or_the_image_mirrored() {
        let image = vec![1.0, 2.0, 3.0];
        let pad = |text: &str| {
            let one = inferer(&format!(r#""roi_size": [1, 1, 7], {text}"#));
            one.pad(image.clone(), [1, 1, 3], [1, 1, 7]).unwrap()
        };
        assert_eq!(pad(r#""cval": 9"#), [9.0, 9.0, 1.0, 2.0, 3.0, 9.0, 9.0]);
        assert_eq!(pad(r#""padding_mode": "replicate""#), [1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0]);
        assert_eq!(pad(r#""padding_mode": "reflect""#), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
        let one = inferer(r#""roi_size": [1, 1, 9], "padding_mode": "reflect""#);
        assert!(one.pad(image, [1, 1, 3], [1, 1, 9]).is_err());
    }

    #[test]
    fn a_gaussian_is_never_below_a_thousandth() {
        let weights = inferer(r#""roi_size": 32, "mode": "gaussian""#).weights([32; 3]);
        let middle = (16 * 32 + 16) * 32 + 16;
        assert!((weights[middle] - (3.0f32 * -0.5 * 0.25 / 16.0).exp()).abs() < 1e-6);
        assert_eq!(weights[0], 1e-3);
    }
}
