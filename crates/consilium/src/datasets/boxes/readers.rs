//! Several readers of one image: what they agree on.

use super::Mark;
use metrics::detection::overlap;

/// Boxes of readers that overlap this much are of the same thing: the default of weighted boxes fusion
/// (Solovyev et al. 2021).
const SAME: f64 = 0.55;

/// Whose boxes count where several readers marked the same image.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Readers {
    /// Boxes that more than half of an image's readers drew, fused: the mean of their corners.
    #[default]
    Majority,
    /// Every box of every reader.
    All,
    /// One reader's.
    One(String),
}

impl Readers {
    /// As typed.
    pub fn parse(text: &str) -> Readers {
        match text {
            "majority" => Readers::Majority,
            "all" => Readers::All,
            name => Readers::One(name.to_owned()),
        }
    }

    /// The boxes that count of an image read by `readers`; all of them where no readers are named.
    /// `None` where the one reader did not see the image.
    pub fn choose(&self, boxes: &[Mark], readers: &[String]) -> Option<Vec<Mark>> {
        match self {
            _ if readers.is_empty() => Some(boxes.to_vec()),
            Readers::All => Some(boxes.to_vec()),
            Readers::One(name) => readers.contains(name).then(|| {
                let own = |mark: &&Mark| mark.reader.as_ref() == Some(name);
                boxes.iter().filter(own).cloned().collect()
            }),
            Readers::Majority => Some(agreed(boxes, readers.len())),
        }
    }
}

/// Boxes of one label that are the same thing, as far as seen.
struct Cluster {
    label: usize,
    boxes: Vec<[f64; 4]>,
    readers: Vec<Option<String>>,
    fused: [f64; 4],
}

/// Fuses the boxes of each label and keeps what more than half of the readers drew.
fn agreed(boxes: &[Mark], readers: usize) -> Vec<Mark> {
    let mut clusters: Vec<Cluster> = Vec::new();
    for mark in boxes {
        let best = clusters
            .iter_mut()
            .filter(|cluster| cluster.label == mark.label)
            .map(|cluster| (overlap(&cluster.fused, &mark.corner_size), cluster))
            .filter(|(share, _)| *share > SAME)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match best {
            Some((_, cluster)) => cluster.take(mark),
            None => clusters.push(Cluster {
                label: mark.label,
                boxes: vec![mark.corner_size],
                readers: vec![mark.reader.clone()],
                fused: mark.corner_size,
            }),
        }
    }
    let kept = clusters.into_iter().filter(|cluster| 2 * cluster.readers.len() > readers);
    kept.map(|cluster| Mark::new(cluster.label, cluster.fused)).collect()
}

impl Cluster {
    fn take(&mut self, mark: &Mark) {
        self.boxes.push(mark.corner_size);
        // Two boxes of one reader are one vote.
        if !self.readers.contains(&mark.reader) {
            self.readers.push(mark.reader.clone());
        }
        let count = self.boxes.len() as f64;
        self.fused =
            std::array::from_fn(|at| self.boxes.iter().map(|sides| sides[at]).sum::<f64>() / count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(reader: &str, label: usize, corner_size: [f64; 4]) -> Mark {
        Mark { reader: Some(reader.into()), ..Mark::new(label, corner_size) }
    }

    #[test]
    fn two_of_three_readers_make_a_box() {
        let readers = ["R1", "R2", "R3"].map(str::to_owned);
        let boxes = [
            mark("R1", 0, [0.0, 0.0, 10.0, 10.0]),
            mark("R2", 0, [1.0, 0.0, 11.0, 10.0]),
            // Alone, of another label, and twice by one reader.
            mark("R3", 0, [50.0, 50.0, 10.0, 10.0]),
            mark("R3", 1, [0.0, 0.0, 10.0, 10.0]),
            mark("R1", 2, [0.0, 0.0, 10.0, 10.0]),
            mark("R1", 2, [0.0, 0.0, 10.0, 9.0]),
        ];
        let kept = Readers::Majority.choose(&boxes, &readers).unwrap();
        assert_eq!(kept, [Mark::new(0, [0.5, 0.0, 10.5, 10.0])]);
        assert_eq!(Readers::All.choose(&boxes, &readers).unwrap().len(), 6);
        let own = Readers::One("R3".into()).choose(&boxes, &readers).unwrap();
        assert_eq!(own.len(), 2);
        assert_eq!(Readers::One("R9".into()).choose(&boxes, &readers), None);
        // A consensus has no readers.
        assert_eq!(Readers::Majority.choose(&boxes[2..3], &[]).unwrap().len(), 1);
    }
}
