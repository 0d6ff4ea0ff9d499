//! Connected components of a label map, neighbours by faces, edges and corners (26 in three
//! dimensions), as scikit-image's `label` has them by default.

/// Sets to 0 what belongs to `labels` but not to the largest component of their union; of equally
/// large components all stay (`remove_all_but_largest_component_from_segmentation`). Gives the
/// number of voxels that were cleared. `map` is `[z][y][x]`.
pub fn keep_largest(map: &mut [u16], shape: [usize; 3], labels: &[u16]) -> usize {
    let mask: Vec<bool> = map.iter().map(|label| labels.contains(label)).collect();
    let mut runs = Runs::of(&mask, shape);
    let mut sizes = vec![0usize; runs.runs.len()];
    let roots: Vec<usize> = (0..runs.runs.len()).map(|run| runs.root(run)).collect();
    for (run, &root) in runs.runs.iter().zip(&roots) {
        sizes[root] += run.end - run.start;
    }
    let most = sizes.iter().copied().max().unwrap_or(0);
    let mut cleared = 0;
    for (run, &root) in runs.runs.iter().zip(&roots) {
        if sizes[root] != most {
            map[run.start..run.end].fill(0);
            cleared += run.end - run.start;
        }
    }
    cleared
}

/// Voxels of one row without a gap: `start..end` in the whole volume.
struct Run {
    start: usize,
    end: usize,
}

/// All runs, joined where they touch.
struct Runs {
    runs: Vec<Run>,
    parents: Vec<usize>,
}

impl Runs {
    fn of(mask: &[bool], shape: [usize; 3]) -> Runs {
        let [depth, height, width] = shape;
        let mut found = Runs { runs: Vec::new(), parents: Vec::new() };
        // The runs of each row.
        let mut rows: Vec<(usize, usize)> = Vec::with_capacity(depth * height);
        for (row, values) in mask.chunks_exact(width.max(1)).enumerate() {
            let first = found.runs.len();
            let mut x = 0;
            while let Some(start) = values[x..].iter().position(|&inside| inside) {
                let start = x + start;
                let length = values[start..].iter().position(|&inside| !inside);
                x = length.map_or(width, |length| start + length);
                found.parents.push(found.runs.len());
                found.runs.push(Run { start: row * width + start, end: row * width + x });
            }
            rows.push((first, found.runs.len()));
            let (z, y) = (row / height.max(1), row % height.max(1));
            // Neighbouring rows that came before.
            let mut neighbours = [None; 4];
            if y > 0 {
                neighbours[0] = Some(row - 1);
            }
            if z > 0 {
                neighbours[1] = Some(row - height);
                neighbours[2] = (y > 0).then(|| row - height - 1);
                neighbours[3] = (y + 1 < height).then(|| row - height + 1);
            }
            for neighbour in neighbours.into_iter().flatten() {
                found.join(rows[row], rows[neighbour], (row - neighbour) * width);
            }
        }
        found
    }

    /// Joins touching runs of two rows, the second `offset` voxels before the first.
    fn join(&mut self, row: (usize, usize), other: (usize, usize), offset: usize) {
        let (mut a, mut b) = (row.0, other.0);
        while a < row.1 && b < other.1 {
            let (run, before) = (&self.runs[a], &self.runs[b]);
            let (start, end, own_end) = (before.start + offset, before.end + offset, run.end);
            // A corner is enough.
            if run.start <= end && start <= run.end {
                let (first, second) = (self.root(a), self.root(b));
                let (low, high) = (first.min(second), first.max(second));
                self.parents[high] = low;
            }
            match own_end < end {
                true => a += 1,
                false => b += 1,
            }
        }
    }

    /// The run that stands for the component; paths are halved on the way.
    fn root(&mut self, mut run: usize) -> usize {
        while self.parents[run] != run {
            self.parents[run] = self.parents[self.parents[run]];
            run = self.parents[run];
        }
        run
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::weights::synth::noise;

    /// The same by flooding voxel by voxel.
    fn plainly(map: &mut [u16], shape: [usize; 3], labels: &[u16]) -> usize {
        let [depth, height, width] = shape;
        let mut component = vec![0usize; map.len()];
        let mut sizes = vec![0usize];
        for seed in 0..map.len() {
            if component[seed] != 0 || !labels.contains(&map[seed]) {
                continue;
            }
            let (number, mut stack) = (sizes.len(), vec![seed]);
            component[seed] = number;
            sizes.push(0);
            while let Some(at) = stack.pop() {
                sizes[number] += 1;
                let (z, y, x) = (at / (height * width), at / width % height, at % width);
                for dz in z.saturating_sub(1)..(z + 2).min(depth) {
                    for dy in y.saturating_sub(1)..(y + 2).min(height) {
                        for dx in x.saturating_sub(1)..(x + 2).min(width) {
                            let to = (dz * height + dy) * width + dx;
                            if component[to] == 0 && labels.contains(&map[to]) {
                                component[to] = number;
                                stack.push(to);
                            }
                        }
                    }
                }
            }
        }
        let most = sizes.iter().copied().max().unwrap();
        let mut cleared = 0;
        for (label, &number) in map.iter_mut().zip(&component) {
            if number != 0 && sizes[number] != most {
                *label = 0;
                cleared += 1;
            }
        }
        cleared
    }

    #[test]
    fn only_the_largest_component_stays() {
        for (name, shape, density) in
            [("a", [6, 9, 11], 0.2), ("b", [1, 30, 40], 0.4), ("c", [12, 7, 5], 0.1)]
        {
            let values = noise(name, shape.iter().product());
            let map: Vec<u16> = values
                .iter()
                .map(|value| match (value + 1.0) / 2.0 {
                    v if v < density / 2.0 => 1,
                    v if v < density => 2,
                    v if v > 0.9 => 3,
                    _ => 0,
                })
                .collect();
            let (mut fast, mut plain) = (map.clone(), map);
            let cleared = keep_largest(&mut fast, shape, &[1, 2]);
            assert_eq!(cleared, plainly(&mut plain, shape, &[1, 2]));
            assert_eq!(fast, plain);
            assert!(cleared > 0);
        }
    }

    #[test]
    fn equals_stay_and_other_labels_are_left_alone() {
        let mut map = [1, 0, 1, 0, 3, 1, 1, 0, 1, 1, 0, 5];
        assert_eq!(keep_largest(&mut map, [1, 1, 12], &[1, 5]), 3);
        assert_eq!(map, [0, 0, 0, 0, 3, 1, 1, 0, 1, 1, 0, 0]);
    }
}
