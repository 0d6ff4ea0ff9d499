//! Triangles as pixels.

/// Calls `put` with every pixel (`row · columns + column`) whose centre lies in the triangle: its depth, the
/// corners' third coordinate, and a value between those of the corners.
pub fn fill(
    [a, b, c]: [[f32; 3]; 3],
    values: [f32; 3],
    columns: usize,
    rows: usize,
    mut put: impl FnMut(usize, f32, f32),
) {
    let area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    if area == 0.0 {
        return;
    }
    let range = |axis: usize, most: usize| {
        let low = a[axis].min(b[axis]).min(c[axis]).floor().max(0.0) as usize;
        let high = a[axis].max(b[axis]).max(c[axis]).ceil().max(0.0) as usize;
        low.min(most)..high.min(most)
    };
    // Twice the area on the far side of each edge; the same sign as the whole's is inside.
    let edge = |p: [f32; 3], q: [f32; 3], px: f32, py: f32| {
        (q[0] - p[0]) * (py - p[1]) - (q[1] - p[1]) * (px - p[0])
    };
    let flip = area.signum();
    for y in range(1, rows) {
        for x in range(0, columns) {
            let (px, py) = (x as f32 + 0.5, y as f32 + 0.5);
            let parts = [edge(b, c, px, py), edge(c, a, px, py), edge(a, b, px, py)];
            // Most pixels looked at lie outside: nothing is divided for them.
            if parts.iter().all(|part| part * flip >= 0.0) {
                let [u, v, w] = parts.map(|part| part / area);
                let depth = u * a[2] + v * b[2] + w * c[2];
                put(y * columns + x, depth, u * values[0] + v * values[1] + w * values[2]);
            }
        }
    }
}
