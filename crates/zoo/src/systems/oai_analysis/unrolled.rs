//! Thickness to look at: femoral cartilage unrolled about its axis (`mesh_processing.py`, `get_cylinder`), tibial
//! cartilage from above.

use super::thickness::Sides;
use base::Image;
use imaging::mesh::fill;

/// Millimetres of a pixel.
const PIXEL_MM: f64 = 0.25;
/// Pixels around and between.
const MARGIN: usize = 8;
/// Pixels along a side, at most: what is larger is drawn coarser.
const MOST: f64 = 1200.0;
/// Steps of the fit.
const STEPS: usize = 100;

/// The circle in x and y that lies nearest to some points in the sense of least squares: its centre and radius.
///
/// As the original: from the mean point, the squares of the distances' differences from their mean.
pub fn circle(points: &[[f64; 3]]) -> ([f64; 2], f64) {
    let count = points.len().max(1) as f64;
    let mean = |n: usize| points.iter().map(|point| point[n]).sum::<f64>() / count;
    let mut centre = [mean(0), mean(1)];
    let mut known = spread(points, centre);
    let mut damping = 1e-3;
    for _ in 0..STEPS {
        // Levenberg and Marquardt's way, two unknowns.
        let radii: Vec<f64> = points.iter().map(|point| radius(*point, centre)).collect();
        let middle = radii.iter().sum::<f64>() / count;
        let slope = |n: usize| -> Vec<f64> {
            let at = |(point, r): (&[f64; 3], &f64)| {
                if *r > 0.0 { (centre[n] - point[n]) / r } else { 0.0 }
            };
            let slopes: Vec<f64> = points.iter().zip(&radii).map(at).collect();
            let mean = slopes.iter().sum::<f64>() / count;
            slopes.into_iter().map(|slope| slope - mean).collect()
        };
        let (u, v) = (slope(0), slope(1));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let off: Vec<f64> = radii.iter().map(|r| r - middle).collect();
        let (uu, uv, vv) = (product(&u, &u), product(&u, &v), product(&v, &v));
        let (a, b) = (uu * (1.0 + damping), vv * (1.0 + damping));
        let (p, q) = (product(&u, &off), product(&v, &off));
        let determinant = a * b - uv * uv;
        if determinant <= 0.0 {
            break;
        }
        let step = [(b * p - uv * q) / determinant, (a * q - uv * p) / determinant];
        let moved = [centre[0] - step[0], centre[1] - step[1]];
        let found = spread(points, moved);
        if found > known {
            damping *= 10.0;
            continue;
        }
        (centre, known) = (moved, found);
        damping /= 10.0;
        if step[0].hypot(step[1]) < 1e-10 {
            break;
        }
    }
    let middle = points.iter().map(|point| radius(*point, centre)).sum::<f64>() / count;
    (centre, middle)
}

fn radius(point: [f64; 3], centre: [f64; 2]) -> f64 {
    (point[0] - centre[0]).hypot(point[1] - centre[1])
}

/// The sum of the squares of the radii's differences from their mean.
fn spread(points: &[[f64; 3]], centre: [f64; 2]) -> f64 {
    let radii: Vec<f64> = points.iter().map(|point| radius(*point, centre)).collect();
    let mean = radii.iter().sum::<f64>() / radii.len().max(1) as f64;
    radii.iter().map(|r| (r - mean) * (r - mean)).sum()
}

/// Both cartilages side by side, thickness in millimetres, not a number outside: lateral on the left and medial on
/// the right, the front above. `None` without either.
pub fn picture(femoral: Option<&Sides>, tibial: Option<&Sides>) -> Option<Image> {
    let unrolled = femoral.map(|sides| {
        let (centre, r) = circle(&sides.inner.points);
        let along = |point: &[f64; 3]| {
            // The angle from straight down, to the back.
            [point[2], r * (point[0] - centre[0]).atan2(point[1] - centre[1])]
        };
        (sides, sides.inner.points.iter().map(along).collect())
    });
    let above = tibial.map(|sides| {
        let seen = sides.inner.points.iter().map(|point| [point[2], point[0]]);
        (sides, seen.collect::<Vec<[f64; 2]>>())
    });
    let panels: Vec<Panel> = [unrolled, above]
        .into_iter()
        .flatten()
        .filter_map(|(sides, places)| Panel::new(sides, places))
        .collect();
    let longest = panels.iter().flat_map(|p| [p.size_mm[0], p.size_mm[1]]).fold(0.0, f64::max);
    let pixel = PIXEL_MM.max(longest / MOST);
    let pixels = |mm: f64| (mm / pixel).ceil() as usize + 1;
    let width = panels.iter().map(|p| pixels(p.size_mm[0]) + MARGIN).sum::<usize>() + MARGIN;
    let height = panels.iter().map(|p| pixels(p.size_mm[1])).max()? + 2 * MARGIN;
    let mut map = vec![f32::NAN; width * height];
    let mut left = MARGIN;
    for panel in &panels {
        let place = |n: u32| {
            let [across, down] = panel.places[n as usize];
            let x = left as f64 + (across - panel.low[0]) / pixel;
            let y = MARGIN as f64 + (down - panel.low[1]) / pixel;
            [x as f32, y as f32, 0.0]
        };
        for triangle in &panel.sides.inner.triangles {
            let values = triangle.map(|n| panel.sides.inner_mm[n as usize] as f32);
            fill(triangle.map(place), values, width, height, |at, _, mm| map[at] = mm);
        }
        left += pixels(panel.size_mm[0]) + MARGIN;
    }
    Image::gray(width, height, map)
}

/// One cartilage laid flat.
struct Panel<'s> {
    sides: &'s Sides,
    /// Millimetres to the right and down of each point.
    places: Vec<[f64; 2]>,
    low: [f64; 2],
    size_mm: [f64; 2],
}

impl<'s> Panel<'s> {
    fn new(sides: &'s Sides, places: Vec<[f64; 2]>) -> Option<Panel<'s>> {
        let first = *places.first()?;
        let (mut low, mut high) = (first, first);
        for place in &places {
            low = std::array::from_fn(|n| low[n].min(place[n]));
            high = std::array::from_fn(|n| high[n].max(place[n]));
        }
        let size_mm = [high[0] - low[0], high[1] - low[1]];
        let finite = size_mm.iter().all(|mm| mm.is_finite());
        finite.then_some(Panel { sides, places, low, size_mm })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imaging::mesh::Mesh;

    #[test]
    fn the_circle_of_an_arc_is_found() {
        let on = |n: usize| {
            let angle = 0.3 + n as f64 * 0.01;
            let r = 20.0 + 0.05 * (n as f64 * 2.1).sin();
            [5.0 + r * angle.cos(), -7.0 + r * angle.sin(), n as f64]
        };
        let points: Vec<[f64; 3]> = (0..200).map(on).collect();
        let ([x, y], r) = circle(&points);
        assert!((x - 5.0).abs() < 0.05 && (y + 7.0).abs() < 0.05 && (r - 20.0).abs() < 0.05);
        assert_eq!(circle(&[]).1, 0.0);
    }

    #[test]
    fn a_strip_is_drawn_where_it_lies() {
        let points = vec![[0.0, 0.0, 0.0], [0.0, 0.0, 10.0], [5.0, 0.0, 0.0], [5.0, 0.0, 10.0]];
        let inner = Mesh { points, triangles: vec![[0, 1, 2], [1, 3, 2]] };
        let sides = Sides {
            inner,
            inner_mm: vec![1.0, 1.0, 3.0, 3.0],
            outer: Mesh::default(),
            outer_mm: vec![],
        };
        let map = picture(None, Some(&sides)).unwrap();
        assert_eq!((map.width(), map.height()), (41 + 2 * MARGIN, 21 + 2 * MARGIN));
        let at = |x: usize, y: usize| map.data()[y * map.width() + x];
        assert!(at(2, 2).is_nan());
        let middle = at(MARGIN + 20, MARGIN + 10);
        assert!((middle - 2.0).abs() < 0.1, "{middle}");
        assert!(at(MARGIN + 20, MARGIN + 1) < at(MARGIN + 20, MARGIN + 18), "the front above");
        assert!(picture(None, None).is_none());
    }
}
