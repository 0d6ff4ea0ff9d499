//! JPEG.
use super::image::{Decoded, DicomImage};
use base::words::imaging as words;
use base::{Error, Kind, Result};
pub(crate) fn decode(_: &DicomImage, _: &[u8]) -> Result<Decoded> {
    Err(Error::new(Kind::Unsupported, words::unsupported_syntax("", "JPEG")))
}
