//! Connected parts of a mask.

/// Parts of a mask, numbered from 1 in the order in which they first occur; 0 is background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    /// The number of each voxel's part.
    pub labels: Vec<u32>,
    /// How many parts there are.
    pub count: u32,
}

/// Parts connected through faces, edges or corners (26 neighbours; 8 in a single slice).
pub fn components(mask: &[bool], size: [usize; 3]) -> Components {
    let [nx, ny, nz] = size;
    let mut labels = vec![0u32; mask.len()];
    // parents[label] leads to the first label of its part; 0 is background.
    let mut parents = vec![0u32];
    for k in 0..nz {
        for j in 0..ny {
            for i in 0..nx {
                let at = i + nx * (j + ny * k);
                if !mask[at] {
                    continue;
                }
                let mut label = 0;
                // The thirteen neighbours that were seen before.
                for (dk, dj, di) in SEEN {
                    let (x, y, z) = (i as isize + di, j as isize + dj, k as isize + dk);
                    if x < 0 || y < 0 || z < 0 || x >= nx as isize || y >= ny as isize {
                        continue;
                    }
                    let near = labels[x as usize + nx * (y as usize + ny * z as usize)];
                    if near == 0 {
                        continue;
                    }
                    label = if label == 0 {
                        root(&mut parents, near)
                    } else {
                        join(&mut parents, label, near)
                    };
                }
                if label == 0 {
                    label = parents.len() as u32;
                    parents.push(label);
                }
                labels[at] = label;
            }
        }
    }
    let mut numbers = vec![0u32; parents.len()];
    let mut count = 0;
    for label in labels.iter_mut().filter(|label| **label != 0) {
        let first = root(&mut parents, *label) as usize;
        if numbers[first] == 0 {
            count += 1;
            numbers[first] = count;
        }
        *label = numbers[first];
    }
    Components { labels, count }
}

const SEEN: [(isize, isize, isize); 13] = [
    (-1, -1, -1),
    (-1, -1, 0),
    (-1, -1, 1),
    (-1, 0, -1),
    (-1, 0, 0),
    (-1, 0, 1),
    (-1, 1, -1),
    (-1, 1, 0),
    (-1, 1, 1),
    (0, -1, -1),
    (0, -1, 0),
    (0, -1, 1),
    (0, 0, -1),
];

fn root(parents: &mut [u32], mut label: u32) -> u32 {
    while parents[label as usize] != label {
        let above = parents[parents[label as usize] as usize];
        parents[label as usize] = above;
        label = above;
    }
    label
}

fn join(parents: &mut [u32], a: u32, b: u32) -> u32 {
    let (a, b) = (root(parents, a), root(parents, b));
    let (low, high) = (a.min(b), a.max(b));
    parents[high as usize] = low;
    low
}
