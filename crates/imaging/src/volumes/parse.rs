//! Numbers out of binary headers.

/// A header's bytes and their order. Reading beyond the end gives zeros: the length is checked
/// before.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a> {
    pub bytes: &'a [u8],
    pub big_endian: bool,
}

macro_rules! field {
    ($($name:ident: $ty:ty;)*) => {
        $(pub fn $name(&self, at: usize) -> $ty {
            let raw = self.array(at);
            match self.big_endian {
                true => <$ty>::from_be_bytes(raw),
                false => <$ty>::from_le_bytes(raw),
            }
        })*
    };
}

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let raw = self.bytes.get(at..).and_then(|rest| rest.first_chunk::<N>());
        raw.copied().unwrap_or([0; N])
    }

    field! {
        i16: i16;
        i32: i32;
        i64: i64;
        f32: f32;
        f64: f64;
    }
}
