//! Units as types, so that a millimetre is never added to a pixel.

/// A length in millimetres.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Default)]
pub struct Mm(pub f64);

/// Attenuation in Hounsfield units.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Default)]
pub struct Hu(pub f32);

/// An age or a skeletal age in months.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Default)]
pub struct Months(pub f32);
