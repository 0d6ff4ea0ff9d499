//! Planes of shares of the part that was read, laid into planes of the whole image: background around it.

use super::grid::Bounds;
use base::Result;

/// Hands on planes of the whole (transposed) image, `[class][y][x]`, from the first to the last.
pub(super) struct Embedded<'e, 'f> {
    take: &'e mut &'f mut dyn FnMut(&[f32]) -> Result<()>,
    classes: usize,
    /// The first class is the background; else nothing is where nothing was read.
    background: bool,
    bounds: Bounds,
    whole: [usize; 3],
    plane: Vec<f32>,
    /// The plane that comes next.
    next: usize,
}

impl<'e, 'f> Embedded<'e, 'f> {
    pub fn new(
        take: &'e mut &'f mut dyn FnMut(&[f32]) -> Result<()>,
        classes: usize,
        background: bool,
        bounds: Bounds,
        whole: [usize; 3],
    ) -> Embedded<'e, 'f> {
        let plane = vec![0.0; classes * whole[1] * whole[2]];
        Embedded { take, classes, background, bounds, whole, plane, next: 0 }
    }

    /// Plane `number` of the part that was read.
    pub fn plane(&mut self, number: usize, shares: &[f32]) -> Result<()> {
        self.empty_before(self.bounds.start[0] + number)?;
        self.clear();
        let [_, height, width] = self.whole;
        let [_, rows, columns] = self.bounds.shape();
        let (top, left) = (self.bounds.start[1], self.bounds.start[2]);
        for class in 0..self.classes {
            for row in 0..rows {
                let to = (class * height + top + row) * width + left;
                let from = (class * rows + row) * columns;
                self.plane[to..to + columns].copy_from_slice(&shares[from..from + columns]);
            }
        }
        self.next += 1;
        (self.take)(&self.plane)
    }

    /// The planes behind the part that was read.
    pub fn finish(&mut self) -> Result<()> {
        self.empty_before(self.whole[0])
    }

    fn empty_before(&mut self, end: usize) -> Result<()> {
        if self.next < end {
            self.clear();
        }
        while self.next < end {
            (self.take)(&self.plane)?;
            self.next += 1;
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.plane.fill(0.0);
        if self.background {
            let voxels = self.whole[1] * self.whole[2];
            self.plane[..voxels].fill(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_is_background() {
        let mut planes: Vec<Vec<f32>> = Vec::new();
        let mut take = |plane: &[f32]| -> Result<()> {
            planes.push(plane.to_vec());
            Ok(())
        };
        let mut take: &mut dyn FnMut(&[f32]) -> Result<()> = &mut take;
        let bounds = Bounds { start: [1, 0, 1], end: [2, 1, 2] };
        let mut embedded = Embedded::new(&mut take, 2, true, bounds, [3, 2, 2]);
        embedded.plane(0, &[0.25, 0.75]).unwrap();
        embedded.finish().unwrap();
        let empty = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(planes[0], empty);
        assert_eq!(planes[1], [1.0, 0.25, 1.0, 1.0, 0.0, 0.75, 0.0, 0.0]);
        assert_eq!(planes[2], empty);
        assert_eq!(planes.len(), 3);
    }
}
