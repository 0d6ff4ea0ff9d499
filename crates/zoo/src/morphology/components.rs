//! Connected components of equal labels.

/// Which voxels touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// By faces: 6 in a volume, 4 in a plane (SciPy's default structure, scikit-image's connectivity 1).
    Faces,
    /// By faces and edges: 18 in a volume, 8 in a plane (scikit-image's connectivity 2).
    Edges,
    /// By faces, edges and corners: 26 in a volume, 8 in a plane (scikit-image's default).
    All,
}

/// Voxels of one row of one label without a gap: `start..end` in the whole volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First voxel.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Its label.
    pub label: u16,
    /// Its component, from 0, in the order of their first voxels.
    pub component: usize,
}

/// The components of all labels but 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Components {
    /// All runs, in the order of the voxels.
    pub runs: Vec<Run>,
    /// Voxels of each component.
    pub sizes: Vec<usize>,
    /// Label of each component.
    pub labels: Vec<u16>,
}

impl Components {
    /// Of a label map; voxels are of one component when they touch and have the same label.
    pub fn of(map: &[u16], [_, height, width]: [usize; 3], neighbours: Neighbours) -> Components {
        let mut runs: Vec<Run> = Vec::new();
        let mut parents: Vec<usize> = Vec::new();
        let mut rows: Vec<(usize, usize)> = Vec::new();
        for (row, values) in map.chunks_exact(width.max(1)).enumerate() {
            let first = runs.len();
            let mut x = 0;
            while x < width {
                let label = values[x];
                let more = values[x..].iter().position(|&other| other != label);
                let end = more.map_or(width, |more| x + more);
                if label != 0 {
                    parents.push(runs.len());
                    let (start, end) = (row * width + x, row * width + end);
                    runs.push(Run { start, end, label, component: 0 });
                }
                x = end;
            }
            rows.push((first, runs.len()));
            let (z, y) = (row / height.max(1), row % height.max(1));
            // Rows beside this one, and those across an edge; of each, how far runs may lie apart along it.
            let (beside, across) = match neighbours {
                Neighbours::Faces => (false, None),
                Neighbours::Edges => (true, Some(false)),
                Neighbours::All => (true, Some(true)),
            };
            let before = [
                (y > 0).then(|| (row - 1, beside)),
                (z > 0).then(|| (row - height, beside)),
                across.filter(|_| z > 0 && y > 0).map(|far| (row - height - 1, far)),
                across.filter(|_| z > 0 && y + 1 < height).map(|far| (row - height + 1, far)),
            ];
            for (other, diagonal) in before.into_iter().flatten() {
                let offset = (row - other) * width;
                join(&runs, &mut parents, rows[row], rows[other], offset, diagonal);
            }
        }
        let mut number = vec![usize::MAX; runs.len()];
        let (mut sizes, mut labels) = (Vec::new(), Vec::new());
        for run in 0..runs.len() {
            let root = root(&mut parents, run);
            if number[root] == usize::MAX {
                number[root] = sizes.len();
                sizes.push(0);
                labels.push(runs[run].label);
            }
            runs[run].component = number[root];
            sizes[number[root]] += runs[run].end - runs[run].start;
        }
        Components { runs, sizes, labels }
    }

    /// Of a mask.
    pub fn of_mask(mask: &[bool], shape: [usize; 3], neighbours: Neighbours) -> Components {
        let map: Vec<u16> = mask.iter().map(|&inside| u16::from(inside)).collect();
        Components::of(&map, shape, neighbours)
    }

    /// The largest; of equals the first. `None` without any.
    pub fn largest(&self) -> Option<usize> {
        let numbers = 0..self.sizes.len();
        numbers.reduce(|best, next| if self.sizes[next] > self.sizes[best] { next } else { best })
    }

    /// A mask of the components that pass.
    pub fn mask(&self, voxels: usize, wanted: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut mask = vec![false; voxels];
        for run in self.runs.iter().filter(|run| wanted(run.component)) {
            mask[run.start..run.end].fill(true);
        }
        mask
    }
}

/// Joins touching runs of one label in two rows, the second `offset` voxels before the first; `diagonal`:
/// one voxel further along the row touches, too.
fn join(
    runs: &[Run],
    parents: &mut [usize],
    row: (usize, usize),
    other: (usize, usize),
    offset: usize,
    diagonal: bool,
) {
    let reach = usize::from(diagonal);
    let mut first = other.0;
    for a in row.0..row.1 {
        let run = runs[a];
        while first < other.1 && runs[first].end + offset + reach <= run.start {
            first += 1;
        }
        let near = (first..other.1).take_while(|&b| runs[b].start + offset < run.end + reach);
        for b in near.filter(|&b| runs[b].label == run.label) {
            let (one, two) = (root(parents, a), root(parents, b));
            parents[one.max(two)] = one.min(two);
        }
    }
}

/// The run that stands for the component; paths are halved on the way.
fn root(parents: &mut [usize], mut run: usize) -> usize {
    while parents[run] != run {
        parents[run] = parents[parents[run]];
        run = parents[run];
    }
    run
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::weights::synth::noise;

    /// The same by flooding voxel by voxel.
    fn plainly(map: &[u16], [depth, height, width]: [usize; 3], reach: usize) -> Vec<usize> {
        let mut component = vec![0; map.len()];
        let mut count = 0;
        for seed in 0..map.len() {
            if component[seed] != 0 || map[seed] == 0 {
                continue;
            }
            count += 1;
            component[seed] = count;
            let mut stack = vec![seed];
            while let Some(at) = stack.pop() {
                let (z, y, x) = (at / (height * width), at / width % height, at % width);
                for dz in z.saturating_sub(1)..(z + 2).min(depth) {
                    for dy in y.saturating_sub(1)..(y + 2).min(height) {
                        for dx in x.saturating_sub(1)..(x + 2).min(width) {
                            let far = dz.abs_diff(z) + dy.abs_diff(y) + dx.abs_diff(x);
                            let to = (dz * height + dy) * width + dx;
                            if component[to] == 0 && map[to] == map[at] && far <= reach {
                                component[to] = count;
                                stack.push(to);
                            }
                        }
                    }
                }
            }
        }
        component
    }

    #[test]
    fn components_are_those_of_a_flood_in_the_order_of_their_first_voxels() {
        for (name, shape, levels) in
            [("a", [6, 9, 11], 3.0), ("b", [1, 30, 40], 2.0), ("c", [12, 7, 5], 4.0)]
        {
            let values = noise(name, shape.iter().product());
            let map: Vec<u16> = values.iter().map(|v| ((v + 1.0) / 2.0 * levels) as u16).collect();
            let kinds = [Neighbours::Faces, Neighbours::Edges, Neighbours::All];
            for (neighbours, reach) in kinds.into_iter().zip(1..) {
                let found = Components::of(&map, shape, neighbours);
                let expected = plainly(&map, shape, reach);
                let mut got = vec![0; map.len()];
                for run in &found.runs {
                    got[run.start..run.end].fill(run.component + 1);
                    assert!(map[run.start..run.end].iter().all(|&label| label == run.label));
                    assert_eq!(found.labels[run.component], run.label);
                }
                assert_eq!(got, expected, "{name} {neighbours:?}");
                assert!(found.sizes.len() > 1);
            }
        }
    }

    #[test]
    fn nothing_has_no_components() {
        assert_eq!(Components::of(&[], [0, 0, 0], Neighbours::All).largest(), None);
        assert_eq!(Components::of(&[0; 8], [2, 2, 2], Neighbours::All).largest(), None);
    }
}
