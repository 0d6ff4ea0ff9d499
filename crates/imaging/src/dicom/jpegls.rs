//! JPEG-LS.
use super::image::{Decoded, DicomImage};
use base::words::imaging as words;
use base::{Error, Kind, Result};
pub(crate) fn is_jpegls(stream: &[u8]) -> bool {
    stream.windows(2).take(1 << 16).take_while(|p| p != &[0xff, 0xda]).any(|p| p == [0xff, 0xf7])
}
pub(crate) fn decode(_: &DicomImage, _: &[u8]) -> Result<Decoded> {
    Err(Error::new(Kind::Unsupported, words::unsupported_syntax("", "JPEG-LS")))
}
