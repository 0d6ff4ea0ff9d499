//! Matrix product.
use crate::{Epilogue, Pool, naive};
/// The constant factor of a product, packed once.
pub struct PackedMatrix {
    k: usize,
    n: usize,
    b: Vec<f32>,
}
impl PackedMatrix {
    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.b.len() * 4
    }
}
/// Packs `b`, `[k][n]` or, if `transposed`, `[n][k]`.
pub fn pack_b(k: usize, n: usize, b: &[f32], transposed: bool) -> PackedMatrix {
    crate::shared::check("b of a matrix product", b.len(), k * n);
    let b =
        if transposed { (0..k * n).map(|i| b[i % n * k + i / n]).collect() } else { b.to_vec() };
    PackedMatrix { k, n, b }
}
/// `c[m][n] = act(a[m][k] · b + bias[n] + residual)`.
pub fn gemm(_pool: &Pool, m: usize, a: &[f32], b: &PackedMatrix, e: &Epilogue, c: &mut [f32]) {
    naive::gemm(m, b.k, b.n, a, &b.b, e, c);
}
