//! Which disc and which vertebra each piece is: counted from landmarks that the networks know by themselves.
//! Maps are `[x][y][z]`.
//!
//! Reference: neuropoly/totalspineseg (ddab04b1) `utils/iterative_label.py`: `iterative_label`,
//! `_get_landmark_output_labels`, as `inference.py` calls them with a localizer and without.

use super::localizer;
use super::masks::{CANAL, CORD};
use super::pieces::{Canal, Pieces};
use base::Text;
use base::words::totalspineseg as words;

/// What a step's network calls what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The canal, cord apart.
    pub canal: u16,
    /// The cord.
    pub cord: u16,
    /// What becomes the sacrum; of step 1 every vertebra but C1.
    pub sacrum: u16,
    /// Labels that become others beside.
    pub renamed: &'static [(u16, u16)],
    /// Odd and even vertebrae and the sacrum; none of step 1.
    pub vertebrae: &'static [u16],
    /// A vertebra that is neither odd nor even.
    pub extra: Option<u16>,
}

/// Step 1: `dataset_step1.json`.
pub const FIRST: Step =
    Step { canal: 8, cord: 9, sacrum: 6, renamed: &[(7, C1)], vertebrae: &[], extra: None };
/// Step 2: `dataset_step2.json`.
pub const SECOND: Step =
    Step { canal: 10, cord: 11, sacrum: 9, renamed: &[], vertebrae: &[7, 8, 9], extra: Some(6) };

/// Discs of either step; all but the first are landmarks.
const DISCS: &[u16] = &[1, 2, 3, 4, 5];
/// Landmarks in the order in which they are asked, and what they are: C2-C3, L5-S, C7-T1, T12-L1; beside a
/// localizer the first two alone.
pub(super) const LANDMARKS: [(u16, u16); 4] = [(2, 63), (5, 100), (3, 71), (4, 91)];
/// A landmark of fewer voxels is not believed.
const LEAST: usize = 200;
/// Output labels of the first vertebra and of the sacrum.
const C1: u16 = 11;
/// See [`C1`].
const SACRUM: u16 = 50;
/// First disc, first vertebra and the most there may be of each region, and what is taken for granted:
/// cervical from C3, thoracic, lumbar, sacral.
const REGIONS: [(u16, u16, u16, u16); 4] =
    [(63, 13, 5, 5), (71, 21, 12, 12), (91, 41, 6, 5), (100, SACRUM, 1, 1)];

/// Discs, as many as there may be or as there are usually, downwards.
fn discs(usual: bool) -> Vec<u16> {
    let of = |(disc, _, most, count): (u16, u16, u16, u16)| {
        disc..disc + if usual { count } else { most }
    };
    REGIONS.into_iter().flat_map(of).collect()
}

/// Vertebrae likewise, from C1.
fn vertebrae(usual: bool) -> Vec<u16> {
    let of = |(_, vertebra, most, count): (u16, u16, u16, u16)| {
        vertebra..vertebra + if usual { count } else { most }
    };
    [C1, C1 + 1].into_iter().chain(REGIONS.into_iter().flat_map(of)).collect()
}

/// Labels of a step's network as labels of the result; counted from those of a localizer, voxel by voxel beside them,
/// where it shows a disc that is here.
///
/// Otherwise why nothing can be counted: there is no canal, there are no discs or vertebrae, or no landmark.
pub fn label(
    labels: &[u16],
    shape: [usize; 3],
    step: &Step,
    localizer: Option<&[u16]>,
) -> Result<Vec<u16>, Text> {
    let canal = Canal::of(labels, shape, &[step.canal, step.cord]);
    let canal = canal.ok_or(words::NO_CANAL)?;
    let disc_pieces = Pieces::of(labels, shape, &[DISCS], &canal);
    let disc_pieces = disc_pieces.ok_or(words::NO_DISC)?;
    let bones = match step.vertebrae {
        [] => None,
        all => {
            let groups: Vec<&[u16]> = all.iter().map(std::slice::from_ref).collect();
            let mut bones = Pieces::of(labels, shape, &groups, &canal).ok_or(words::NO_VERTEBRA)?;
            bones.join_alike(labels, shape, &canal);
            let extra: Vec<bool> = labels.iter().map(|label| Some(*label) == step.extra).collect();
            bones.take_in(&extra, shape, &canal);
            Some(bones)
        }
    };
    let known = match localizer {
        None => landmarks(labels, &disc_pieces, &LANDMARKS),
        Some(seen) => match localizer::landmarks(seen, &disc_pieces) {
            none if none.is_empty() => landmarks(labels, &disc_pieces, &LANDMARKS[..2]),
            known => known,
        },
    };
    if known.is_empty() {
        return Err(words::NO_LANDMARK);
    }
    let named = name_discs(&disc_pieces.numbers(), &known).ok_or(words::UNUSUAL_LANDMARK)?;
    let mut out = vec![0u16; labels.len()];
    put(&mut out, &disc_pieces.map, &named);
    if let Some(bones) = &bones {
        let named = name_vertebrae(&disc_pieces, bones, &named).ok_or(words::TOO_MANY_VERTEBRAE)?;
        put(&mut out, &bones.map, &named);
    }
    let mut renamed = vec![(step.canal, CANAL), (step.cord, CORD), (step.sacrum, SACRUM)];
    renamed.extend(step.renamed);
    for (from, to) in renamed {
        let marked = out.iter_mut().zip(labels).filter(|(_, label)| **label == from);
        marked.for_each(|(out, _)| *out = to);
    }
    Ok(out)
}

/// Pieces and what they are.
pub(super) type Named = Vec<(u16, u16)>;

fn of(named: &Named, piece: u16) -> Option<u16> {
    named.iter().find(|(known, _)| *known == piece).map(|(_, label)| *label)
}

pub(super) fn set(named: &mut Named, piece: u16, label: u16) {
    match named.iter_mut().find(|(known, _)| *known == piece) {
        Some((_, known)) => *known = label,
        None => named.push((piece, label)),
    }
}

fn put(out: &mut [u16], map: &[u16], named: &Named) {
    let most = map.iter().copied().max().map_or(0, usize::from);
    let table: Vec<Option<u16>> =
        (0..=most).map(|piece| of(named, piece as u16).filter(|_| piece > 0)).collect();
    for (out, piece) in out.iter_mut().zip(map) {
        if let Some(label) = table[usize::from(*piece)] {
            *out = label;
        }
    }
}

/// The pieces that are landmarks among those that are asked. C2-C3 counts only as the uppermost disc, L5-S only as the lowest; of the
/// others the first that is found, where neither of the first two is.
fn landmarks(labels: &[u16], discs: &Pieces, asked: &[(u16, u16)]) -> Named {
    let numbers = discs.numbers();
    let has = |piece: Option<&u16>, label: u16| {
        let voxels = discs.map.iter().zip(labels);
        piece.is_some_and(|piece| voxels.into_iter().any(|(a, b)| a == piece && *b == label))
    };
    let mut asked = asked.to_vec();
    if !has(numbers.first(), 2) {
        asked.retain(|(label, _)| *label != 2);
    }
    if !has(numbers.last(), 5) {
        asked.retain(|(label, _)| *label != 5);
    }
    let mut found = Named::new();
    for (place, (label, output)) in asked.into_iter().enumerate() {
        if !found.is_empty() && place > 1 {
            break;
        }
        let mut pieces = vec![0usize; usize::from(u16::MAX) + 1];
        let mut voxels = 0;
        for (piece, _) in discs.map.iter().zip(labels).filter(|(_, own)| **own == label) {
            pieces[usize::from(*piece)] += 1;
            voxels += 1;
        }
        if voxels <= LEAST {
            continue;
        }
        let piece = first_most(&pieces) as u16;
        // The landmark is what most of the piece's landmark voxels say.
        let mut says = [0usize; 6];
        for (_, own) in discs.map.iter().zip(labels).filter(|(number, _)| **number == piece) {
            if (2..=5).contains(own) {
                says[usize::from(*own)] += 1;
            }
        }
        if first_most(&says) == usize::from(label) {
            set(&mut found, piece, output);
        }
    }
    found
}

/// The first place of the largest number.
pub(super) fn first_most(counts: &[usize]) -> usize {
    let most = counts.iter().copied().max().unwrap_or(0);
    counts.iter().position(|count| *count == most).unwrap_or(0)
}

/// Discs downwards from each landmark; above the first upwards, too, with the usual number of each region. `None`
/// where a landmark is none of the discs that there may be, or the first none of the usual ones.
fn name_discs(numbers: &[u16], known: &Named) -> Option<Named> {
    let (usual, possible) = (discs(true), discs(false));
    let mut named = Named::new();
    for (start, landmark) in numbers.iter().enumerate() {
        let Some(output) = of(known, *landmark) else { continue };
        let place = |all: &[u16]| all.iter().position(|label| *label == output);
        if named.is_empty() {
            let first = place(&usual)?;
            let (from, label) = (start.saturating_sub(first), first.saturating_sub(start));
            let pairs = numbers[from..].iter().zip(&usual[label..]);
            pairs.for_each(|(piece, label)| set(&mut named, *piece, *label));
        }
        let pairs = numbers[start..].iter().zip(&possible[place(&possible)?..]);
        pairs.for_each(|(piece, label)| set(&mut named, *piece, *label));
    }
    Some(named)
}

/// One piece in the row of discs and vertebrae.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    piece: u16,
    bone: bool,
}

/// Each vertebra by the disc above it. `None` where the count of vertebrae is beyond the usual one above the
/// first disc, which the original does not carry on from.
fn name_vertebrae(discs: &Pieces, bones: &Pieces, named: &Named) -> Option<Named> {
    let row = row_of(discs, bones);
    let (possible_discs, possible) = (self::discs(false), vertebrae(false));
    let usual = vertebrae(true);
    let below = |disc: u16| {
        let place = possible_discs.iter().position(|label| *label == disc)?;
        possible.get(place + 2).copied()
    };
    let mut found = Named::new();
    let mut current: Option<u16> = None;
    for (at, link) in row.iter().enumerate() {
        if !link.bone {
            let Some(disc) = of(named, link.piece) else { continue };
            let vertebra = below(disc)?;
            current = Some(vertebra);
            if at > 0 && found.is_empty() {
                let place = usual.iter().position(|label| *label == vertebra)?;
                let above = row[..at].iter().rev().filter(|link| link.bone);
                for (link, label) in above.zip(usual[..place].iter().rev()) {
                    set(&mut found, link.piece, *label);
                }
            }
        } else if let Some(vertebra) = current {
            // The last piece of two without a disc between them is the next vertebra: of the lowest often
            // only the arch is seen.
            let last = at + 1 == row.len() && at > 0 && row[at - 1].bone;
            let next = possible.iter().skip_while(|label| **label != vertebra).nth(1);
            let label = next.filter(|_| last).copied().unwrap_or(vertebra);
            set(&mut found, link.piece, label);
        }
    }
    Some(found)
}

/// Discs and vertebrae in one row downwards, put right where two discs touch beside two vertebrae.
fn row_of(discs: &Pieces, bones: &Pieces) -> Vec<Link> {
    let of = |pieces: &Pieces, bone: bool| {
        pieces.order.iter().map(move |&(z, piece)| (z, piece, bone)).collect::<Vec<_>>()
    };
    let mut all = [of(bones, true), of(discs, false)].concat();
    all.sort_unstable_by(|a, b| b.cmp(a));
    let mut row: Vec<Link> = all.into_iter().map(|(_, piece, bone)| Link { piece, bone }).collect();
    let count = row.len();
    for at in 0..count.saturating_sub(1) {
        if row[at].bone || row[at + 1].bone {
            continue;
        }
        if at + 3 < count && row[at + 2].bone && row[at + 3].bone {
            row.swap(at + 1, at + 2);
        } else if at > 1 && row[at - 1].bone && row[at - 2].bone {
            row.swap(at, at - 1);
        }
    }
    if count > 2 && !row[0].bone && row[1].bone && row[2].bone {
        row.swap(0, 1);
    }
    if count > 2 && !row[count - 1].bone && row[count - 2].bone && row[count - 3].bone {
        row.swap(count - 1, count - 2);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discs_and_vertebrae_of_the_result_are_the_published_ones() {
        assert_eq!(discs(true).len(), 23);
        assert_eq!(discs(false)[17..], [91, 92, 93, 94, 95, 96, 100]);
        assert_eq!(vertebrae(true)[..4], [11, 12, 13, 14]);
        assert_eq!(vertebrae(false).len(), discs(false).len() + 2);
    }

    #[test]
    fn discs_are_counted_both_ways_from_a_landmark() {
        // The fourth from above is C7-T1: the three above it are C4-C5 to C6-C7.
        let named = name_discs(&[9, 8, 7, 6, 5], &vec![(6, 71)]).unwrap();
        let labels: Vec<u16> = [9, 8, 7, 6, 5].map(|piece| of(&named, piece).unwrap()).into();
        assert_eq!(labels, [65, 66, 67, 71, 72]);
        // Six lumbar discs where the lowest is known to be L5-S... and the upper landmark counts on.
        let all: Vec<u16> = (1..=8).collect();
        let named = name_discs(&all, &vec![(1, 91), (7, 100)]).unwrap();
        let labels: Vec<u16> = all.iter().filter_map(|piece| of(&named, *piece)).collect();
        assert_eq!(labels, [91, 92, 93, 94, 95, 96, 100]);
        // A sixth lumbar disc alone, of which a localizer may know, cannot be counted from.
        assert_eq!(name_discs(&all, &vec![(1, 96)]), None);
    }
}
