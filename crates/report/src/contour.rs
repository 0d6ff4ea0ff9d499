//! Outlines of masks: rings along the borders between pixels.

/// A closed ring of corners, the last joined to the first. Coordinates are pixel borders: pixel
/// (column, row) spans `column..column + 1`, `row..row + 1`.
pub type Ring = Vec<(i32, i32)>;

/// Rings around everything inside a mask (`bits[row * width + column] != 0`). Outer rings run
/// clockwise as seen on the screen and holes counter-clockwise, so that the signed areas add up to
/// the number of pixels inside. Pixels that touch at a corner only are apart. Rings come in the
/// order of their topmost, then leftmost, edge. Panics when `bits` is shorter than the mask.
pub fn trace(width: usize, height: usize, bits: &[u8]) -> Vec<Ring> {
    let inside = |x: i32, y: i32| {
        x >= 0
            && y >= 0
            && (x as usize) < width
            && (y as usize) < height
            && bits[y as usize * width + x as usize] != 0
    };
    // A top edge (pixel inside, the one above it outside) is walked exactly once, by one ring.
    let mut walked = vec![false; width * height];
    let mut rings = Vec::new();
    for row in 0..height {
        for column in 0..width {
            let at = row * width + column;
            if bits[at] == 0 || walked[at] || (row > 0 && bits[at - width] != 0) {
                continue;
            }
            let start = (column as i32, row as i32);
            rings.push(follow(start, &inside, |x, y| {
                walked[y as usize * width + x as usize] = true
            }));
        }
    }
    rings
}

/// Steps right, down, left, up; turning right is +1.
const STEPS: [(i32, i32); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];

/// Walks one ring with the inside on the right hand, from the corner `start` to the right.
fn follow(
    start: (i32, i32),
    inside: &impl Fn(i32, i32) -> bool,
    mut walk_top_edge: impl FnMut(i32, i32),
) -> Ring {
    let mut ring = vec![start];
    let (mut at, mut heading) = (start, 0usize);
    loop {
        if heading == 0 {
            walk_top_edge(at.0, at.1);
        }
        at = (at.0 + STEPS[heading].0, at.1 + STEPS[heading].1);
        // The pixels ahead on either hand, named by their upper left corner.
        let (left, right) = match heading {
            0 => ((at.0, at.1 - 1), (at.0, at.1)),
            1 => ((at.0, at.1), (at.0 - 1, at.1)),
            2 => ((at.0 - 1, at.1), (at.0 - 1, at.1 - 1)),
            _ => ((at.0 - 1, at.1 - 1), (at.0, at.1 - 1)),
        };
        let next = if !inside(right.0, right.1) {
            (heading + 1) % 4
        } else if inside(left.0, left.1) {
            (heading + 3) % 4
        } else {
            heading
        };
        if at == start && next == 0 {
            return ring;
        }
        if next != heading {
            ring.push(at);
            heading = next;
        }
    }
}

/// Signed area in pixels: positive for an outer ring, negative for a hole.
pub fn area(ring: &[(i32, i32)]) -> f64 {
    let following = ring.iter().cycle().skip(1);
    let twice: i64 = (ring.iter().zip(following))
        .map(|(a, b)| i64::from(a.0) * i64::from(b.1) - i64::from(b.0) * i64::from(a.1))
        .sum();
    twice as f64 / 2.0
}

/// A ring for the eye: the staircase replaced by the middles of its edges, then every point left
/// out that lies within `tolerance` pixels of the line without it (Douglas and Peucker 1973).
pub fn smooth(ring: &[(i32, i32)], tolerance: f64) -> Vec<(f64, f64)> {
    if ring.len() < 4 {
        return ring.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).collect();
    }
    let mut middles = Vec::with_capacity(ring.len() * 2);
    for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        let long = (b.0 - a.0).abs() + (b.1 - a.1).abs() > 2;
        let (ax, ay, bx, by) = (f64::from(a.0), f64::from(a.1), f64::from(b.0), f64::from(b.1));
        if long {
            // A long edge keeps its run: both ends, drawn in by half a pixel.
            let (ux, uy) = ((bx - ax).signum() * 0.5, (by - ay).signum() * 0.5);
            middles.push((ax + ux, ay + uy));
            middles.push((bx - ux, by - uy));
        } else {
            middles.push(((ax + bx) / 2.0, (ay + by) / 2.0));
        }
    }
    let far = (0..middles.len())
        .max_by(|&i, &j| {
            distance2(middles[0], middles[i]).total_cmp(&distance2(middles[0], middles[j]))
        })
        .unwrap_or(0);
    let mut keep = vec![false; middles.len() + 1];
    middles.push(middles[0]);
    keep[0] = true;
    keep[far] = true;
    thin(&middles, 0, far, tolerance, &mut keep);
    thin(&middles, far, middles.len() - 1, tolerance, &mut keep);
    middles.pop();
    middles.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(point, _)| point).collect()
}

/// Marks the points between two kept ones that must stay. A list of work, not recursion: rings can
/// be long.
fn thin(points: &[(f64, f64)], first: usize, last: usize, tolerance: f64, keep: &mut [bool]) {
    let mut work = vec![(first, last)];
    while let Some((first, last)) = work.pop() {
        let mut worst = (0.0, first);
        for at in first + 1..last {
            let off = off_line(points[at], points[first], points[last]);
            if off > worst.0 {
                worst = (off, at);
            }
        }
        if worst.0 > tolerance {
            keep[worst.1] = true;
            work.push((first, worst.1));
            work.push((worst.1, last));
        }
    }
}

fn distance2(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0) * (a.0 - b.0) + (a.1 - b.1) * (a.1 - b.1)
}

fn off_line(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let length2 = distance2(a, b);
    if length2 == 0.0 {
        return distance2(p, a).sqrt();
    }
    let along = ((p.0 - a.0) * (b.0 - a.0) + (p.1 - a.1) * (b.1 - a.1)) / length2;
    let along = along.clamp(0.0, 1.0);
    distance2(p, (a.0 + along * (b.0 - a.0), a.1 + along * (b.1 - a.1))).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }

    #[test]
    fn the_signed_areas_of_the_rings_add_up_to_the_mask() {
        let mut seed = 7;
        for _ in 0..400 {
            let (width, height) =
                (1 + random(&mut seed) as usize % 17, 1 + random(&mut seed) as usize % 13);
            let density = random(&mut seed) % 10;
            let bits: Vec<u8> =
                (0..width * height).map(|_| u8::from(random(&mut seed) % 10 <= density)).collect();
            let rings = trace(width, height, &bits);
            let total: f64 = rings.iter().map(|ring| area(ring)).sum();
            assert_eq!(total, bits.iter().map(|&bit| f64::from(bit)).sum::<f64>());
        }
    }

    #[test]
    fn every_ring_is_closed_and_runs_on_the_border() {
        let mut seed = 99;
        for _ in 0..100 {
            let (width, height) = (12, 9);
            let bits: Vec<u8> =
                (0..width * height).map(|_| (random(&mut seed) % 2) as u8).collect();
            let get = |x: i32, y: i32| {
                (0..width as i32).contains(&x)
                    && (0..height as i32).contains(&y)
                    && bits[y as usize * width + x as usize] != 0
            };
            for ring in trace(width, height, &bits) {
                for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
                    assert!((a.0 == b.0) != (a.1 == b.1), "edges are level or upright");
                    let (dx, dy) = ((b.0 - a.0).signum(), (b.1 - a.1).signum());
                    let (mut x, mut y) = *a;
                    while (x, y) != *b {
                        let (right, left) = match (dx, dy) {
                            (1, 0) => (get(x, y), get(x, y - 1)),
                            (-1, 0) => (get(x - 1, y - 1), get(x - 1, y)),
                            (0, 1) => (get(x - 1, y), get(x, y)),
                            _ => (get(x, y - 1), get(x - 1, y - 1)),
                        };
                        assert!(right && !left, "inside on the right hand");
                        (x, y) = (x + dx, y + dy);
                    }
                }
            }
        }
    }

    #[test]
    fn a_hole_runs_the_other_way() {
        let rings = trace(3, 3, &[1, 1, 1, 1, 0, 1, 1, 1, 1]);
        let areas: Vec<f64> = rings.iter().map(|ring| area(ring)).collect();
        assert_eq!(areas, [9.0, -1.0]);
    }

    #[test]
    fn a_smooth_ring_stays_near_and_gets_short() {
        let (size, radius) = (200usize, 80.0f64);
        let bits: Vec<u8> = (0..size * size)
            .map(|i| {
                let (x, y) = ((i % size) as f64 - 99.5, (i / size) as f64 - 99.5);
                u8::from(x.hypot(y) < radius)
            })
            .collect();
        let rings = trace(size, size, &bits);
        assert_eq!(rings.len(), 1);
        let smooth = smooth(&rings[0], 0.8);
        assert!(smooth.len() * 3 < rings[0].len(), "{}", smooth.len());
        for (x, y) in smooth {
            assert!(((x - 100.0).hypot(y - 100.0) - radius).abs() < 1.4);
        }
    }
}
