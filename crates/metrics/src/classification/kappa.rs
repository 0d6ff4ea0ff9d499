//! Agreement beyond chance on ordered or unordered grades (Cohen 1960, 1968).

use crate::{Undefined, Value};

/// Cohen's κ of two readers' grades: `cohen_kappa_score`.
pub fn cohen_kappa(a: &[u32], b: &[u32]) -> Value {
    let (table, _) = table(a, b)?;
    kappa_of_table(&table, |_, _| 1.0)
}

/// Quadratically weighted κ. As `cohen_kappa_score(weights="quadratic")` with `labels` naming every
/// grade: grades that never occur still count as distance.
pub fn quadratic_kappa(a: &[u32], b: &[u32]) -> Value {
    let (table, grades) = table(a, b)?;
    kappa_of_table(&table, |i, j| {
        let apart = f64::from(grades[i]) - f64::from(grades[j]);
        apart * apart
    })
}

/// Counts over the grades that occur, and these.
fn table(a: &[u32], b: &[u32]) -> Result<(Vec<Vec<f64>>, Vec<u32>), Undefined> {
    if a.is_empty() || a.len() != b.len() {
        return Err(Undefined::NoCases);
    }
    let mut grades: Vec<u32> = a.iter().chain(b).copied().collect();
    grades.sort_unstable();
    grades.dedup();
    let mut table = vec![vec![0.0; grades.len()]; grades.len()];
    for (i, j) in a.iter().zip(b) {
        let place = |grade: &u32| grades.partition_point(|other| other < grade);
        table[place(i)][place(j)] += 1.0;
    }
    Ok((table, grades))
}

/// κ of a square table of counts, with what a disagreement of grades i ≠ j costs.
pub fn kappa_of_table(table: &[Vec<f64>], cost: impl Fn(usize, usize) -> f64) -> Value {
    let total: f64 = table.iter().flatten().sum();
    if total == 0.0 {
        return Err(Undefined::NoCases);
    }
    let rows: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
    let columns: Vec<f64> =
        (0..table.len()).map(|at| table.iter().map(|row| row[at]).sum()).collect();
    let (mut seen, mut by_chance) = (0.0, 0.0);
    for i in 0..table.len() {
        for j in (0..table.len()).filter(|&j| j != i) {
            seen += cost(i, j) * table[i][j];
            by_chance += cost(i, j) * rows[i] * columns[j] / total;
        }
    }
    if by_chance == 0.0 { Err(Undefined::NoSpread) } else { Ok(1.0 - seen / by_chance) }
}
