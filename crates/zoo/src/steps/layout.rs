//! Channels.

use super::step::Step;
use super::work::Work;
use base::words::zoo as words;
use base::{Error, Image, Kind, Note, Picture, Result};

/// ITU-R BT.601, section 2.5.1.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Carries out one step of this group.
pub(super) fn take(step: &Step, work: &mut Work) -> Result<()> {
    let image = &work.image;
    let colour = image.channels() > 1;
    let data = match step {
        Step::FirstChannel if colour => {
            work.notes.push(Note::info("first-channel", words::FIRST_CHANNEL));
            image.plane(0).to_vec()
        }
        Step::Grey if image.channels() == 3 => {
            work.notes.push(Note::info("colour-to-grey", words::COLOUR_TO_GREY));
            let [red, green, blue] = [0, 1, 2].map(|channel| image.plane(channel));
            let luma = |((r, g), b): ((&f32, &f32), &f32)| LUMA[0] * r + LUMA[1] * g + LUMA[2] * b;
            red.iter().zip(green).zip(blue).map(luma).collect()
        }
        Step::Rgb if !colour => image.data().repeat(3),
        Step::Bgr if image.channels() == 3 => {
            [2, 1, 0].into_iter().flat_map(|channel| image.plane(channel)).copied().collect()
        }
        _ => return Ok(()),
    };
    work.image = image_of(image.width(), image.height(), data)?;
    Ok(())
}

/// An image of as many channels as the samples are for.
pub(super) fn image_of(width: usize, height: usize, data: Vec<f32>) -> Result<Image> {
    let channels = data.len() / (width * height).max(1);
    Image::new(width, height, channels, data)
        .ok_or_else(|| Error::new(Kind::Limit, words::EMPTY_IMAGE))
}

/// Interleaved bytes to planes of floats.
pub(super) fn planar(picture: &Picture) -> Result<Image> {
    let channels = picture.channels();
    let planes = (0..channels).flat_map(|channel| {
        picture.data().iter().skip(channel).step_by(channels).map(|&byte| f32::from(byte))
    });
    image_of(picture.width(), picture.height(), planes.collect())
}
