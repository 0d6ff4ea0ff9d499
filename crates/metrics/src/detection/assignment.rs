//! The assignment of rows to columns with the largest sum (Hungarian method, Kuhn 1955).

/// For each row of a matrix of weights ≥ 0 its column, each used once; `None` where there are more
/// rows than columns and the row stays without.
pub(super) fn assign(weights: &[Vec<f64>]) -> Vec<Option<usize>> {
    let rows = weights.len();
    let columns = weights.first().map_or(0, Vec::len);
    if columns == 0 {
        return vec![None; rows];
    }
    let side = rows.max(columns);
    // Costs to be made small; what is missing costs nothing.
    let cost = |i: usize, j: usize| {
        if i < rows && j < columns { -weights[i][j] } else { 0.0 }
    };
    // Potentials and matching with one row and column in front (e-maxx's scheme of Kuhn and Munkres).
    let (mut u, mut v) = (vec![0.0; side + 1], vec![0.0; side + 1]);
    let mut row_of = vec![0usize; side + 1];
    for i in 1..=side {
        row_of[0] = i;
        let mut at = 0;
        let mut least = vec![f64::INFINITY; side + 1];
        let mut way = vec![0usize; side + 1];
        let mut used = vec![false; side + 1];
        loop {
            used[at] = true;
            let row = row_of[at];
            let (mut delta, mut next) = (f64::INFINITY, 0);
            for j in (1..=side).filter(|j| !used[*j]) {
                let slack = cost(row - 1, j - 1) - u[row] - v[j];
                if slack < least[j] {
                    least[j] = slack;
                    way[j] = at;
                }
                if least[j] < delta {
                    delta = least[j];
                    next = j;
                }
            }
            for j in 0..=side {
                if used[j] {
                    u[row_of[j]] += delta;
                    v[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            at = next;
            if row_of[at] == 0 {
                break;
            }
        }
        while at != 0 {
            row_of[at] = row_of[way[at]];
            at = way[at];
        }
    }
    let mut found = vec![None; rows];
    for j in 1..=columns {
        if row_of[j] >= 1 && row_of[j] <= rows {
            found[row_of[j] - 1] = Some(j - 1);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn best(weights: &[Vec<f64>], row: usize, used: &mut Vec<bool>) -> f64 {
        if row == weights.len() {
            return 0.0;
        }
        let mut most = best(weights, row + 1, used);
        for j in 0..used.len() {
            if !used[j] {
                used[j] = true;
                most = most.max(weights[row][j] + best(weights, row + 1, used));
                used[j] = false;
            }
        }
        most
    }

    #[test]
    fn no_assignment_is_better() {
        for (rows, columns) in [(1, 1), (3, 3), (2, 5), (5, 2), (4, 4), (3, 0), (0, 3)] {
            for seed in 0..20 {
                let mut random = Random::new(seed, (rows * 10 + columns) as u64);
                let weights: Vec<Vec<f64>> = (0..rows)
                    .map(|_| (0..columns).map(|_| random.below(5) as f64).collect())
                    .collect();
                let found = assign(&weights);
                let sum: f64 = found
                    .iter()
                    .enumerate()
                    .filter_map(|(row, column)| column.map(|column| weights[row][column]))
                    .sum();
                let mut columns_used: Vec<usize> = found.iter().flatten().copied().collect();
                columns_used.sort_unstable();
                columns_used.dedup();
                assert_eq!(columns_used.len(), found.iter().flatten().count());
                assert_eq!(sum, best(&weights, 0, &mut vec![false; columns]));
            }
        }
    }
}
