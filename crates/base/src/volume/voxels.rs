//! Voxels in the type the file stores them in.

/// Voxels as stored, one vector for all frames.
#[derive(Clone, Debug, PartialEq)]
pub enum Voxels {
    /// 8 bits, unsigned.
    U8(Vec<u8>),
    /// 8 bits, signed.
    I8(Vec<i8>),
    /// 16 bits, unsigned.
    U16(Vec<u16>),
    /// 16 bits, signed.
    I16(Vec<i16>),
    /// 32 bits, unsigned.
    U32(Vec<u32>),
    /// 32 bits, signed.
    I32(Vec<i32>),
    /// 64 bits, unsigned.
    U64(Vec<u64>),
    /// 64 bits, signed.
    I64(Vec<i64>),
    /// IEEE 754 single precision.
    F32(Vec<f32>),
    /// IEEE 754 double precision.
    F64(Vec<f64>),
}

/// The type of a voxel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VoxelType {
    /// 8 bits, unsigned.
    U8,
    /// 8 bits, signed.
    I8,
    /// 16 bits, unsigned.
    U16,
    /// 16 bits, signed.
    I16,
    /// 32 bits, unsigned.
    U32,
    /// 32 bits, signed.
    I32,
    /// 64 bits, unsigned.
    U64,
    /// 64 bits, signed.
    I64,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
}

/// Runs an expression on the vector inside [`Voxels`], whatever its type.
#[macro_export]
macro_rules! each_voxel {
    ($voxels:expr, $v:ident => $body:expr) => {
        match $voxels {
            $crate::Voxels::U8($v) => $body,
            $crate::Voxels::I8($v) => $body,
            $crate::Voxels::U16($v) => $body,
            $crate::Voxels::I16($v) => $body,
            $crate::Voxels::U32($v) => $body,
            $crate::Voxels::I32($v) => $body,
            $crate::Voxels::U64($v) => $body,
            $crate::Voxels::I64($v) => $body,
            $crate::Voxels::F32($v) => $body,
            $crate::Voxels::F64($v) => $body,
        }
    };
}

/// Runs an expression on the vector inside [`Voxels`] and puts the vector it makes, of the same
/// type, back into [`Voxels`].
#[macro_export]
macro_rules! map_voxels {
    ($voxels:expr, $v:ident => $body:expr) => {
        match $voxels {
            $crate::Voxels::U8($v) => $crate::Voxels::U8($body),
            $crate::Voxels::I8($v) => $crate::Voxels::I8($body),
            $crate::Voxels::U16($v) => $crate::Voxels::U16($body),
            $crate::Voxels::I16($v) => $crate::Voxels::I16($body),
            $crate::Voxels::U32($v) => $crate::Voxels::U32($body),
            $crate::Voxels::I32($v) => $crate::Voxels::I32($body),
            $crate::Voxels::U64($v) => $crate::Voxels::U64($body),
            $crate::Voxels::I64($v) => $crate::Voxels::I64($body),
            $crate::Voxels::F32($v) => $crate::Voxels::F32($body),
            $crate::Voxels::F64($v) => $crate::Voxels::F64($body),
        }
    };
}

/// Makes [`Voxels`] of a type named at run time: `$make` is a macro that gets the number's type and gives the vector.
#[macro_export]
macro_rules! make_voxels {
    ($kind:expr, $make:ident) => {
        match $kind {
            $crate::VoxelType::U8 => $crate::Voxels::U8($make!(u8)),
            $crate::VoxelType::I8 => $crate::Voxels::I8($make!(i8)),
            $crate::VoxelType::U16 => $crate::Voxels::U16($make!(u16)),
            $crate::VoxelType::I16 => $crate::Voxels::I16($make!(i16)),
            $crate::VoxelType::U32 => $crate::Voxels::U32($make!(u32)),
            $crate::VoxelType::I32 => $crate::Voxels::I32($make!(i32)),
            $crate::VoxelType::U64 => $crate::Voxels::U64($make!(u64)),
            $crate::VoxelType::I64 => $crate::Voxels::I64($make!(i64)),
            $crate::VoxelType::F32 => $crate::Voxels::F32($make!(f32)),
            $crate::VoxelType::F64 => $crate::Voxels::F64($make!(f64)),
        }
    };
}

impl VoxelType {
    /// The name NumPy gives the type: `uint8`, `int16`, `float32`, …
    pub fn name(self) -> &'static str {
        match self {
            VoxelType::U8 => "uint8",
            VoxelType::I8 => "int8",
            VoxelType::U16 => "uint16",
            VoxelType::I16 => "int16",
            VoxelType::U32 => "uint32",
            VoxelType::I32 => "int32",
            VoxelType::U64 => "uint64",
            VoxelType::I64 => "int64",
            VoxelType::F32 => "float32",
            VoxelType::F64 => "float64",
        }
    }

    /// Bytes of one voxel.
    pub fn bytes(self) -> usize {
        match self {
            VoxelType::U8 | VoxelType::I8 => 1,
            VoxelType::U16 | VoxelType::I16 => 2,
            VoxelType::U32 | VoxelType::I32 | VoxelType::F32 => 4,
            VoxelType::U64 | VoxelType::I64 | VoxelType::F64 => 8,
        }
    }

    /// No integer.
    pub fn is_float(self) -> bool {
        matches!(self, VoxelType::F32 | VoxelType::F64)
    }
}

impl Voxels {
    /// How many, all frames together.
    pub fn len(&self) -> usize {
        each_voxel!(self, v => v.len())
    }

    /// No voxels at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of each.
    pub fn voxel_type(&self) -> VoxelType {
        match self {
            Voxels::U8(_) => VoxelType::U8,
            Voxels::I8(_) => VoxelType::I8,
            Voxels::U16(_) => VoxelType::U16,
            Voxels::I16(_) => VoxelType::I16,
            Voxels::U32(_) => VoxelType::U32,
            Voxels::I32(_) => VoxelType::I32,
            Voxels::U64(_) => VoxelType::U64,
            Voxels::I64(_) => VoxelType::I64,
            Voxels::F32(_) => VoxelType::F32,
            Voxels::F64(_) => VoxelType::F64,
        }
    }

    /// One voxel as stored; exact except for 64-bit integers beyond 2^53. `None` beyond the end.
    #[allow(clippy::unnecessary_cast)] // one body for every type
    pub fn get(&self, index: usize) -> Option<f64> {
        each_voxel!(self, v => v.get(index).map(|&x| x as f64))
    }

    /// All voxels as little-endian bytes.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        each_voxel!(self, v => v.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    /// None yet, of this type.
    pub fn none(kind: VoxelType) -> Voxels {
        macro_rules! empty {
            ($ty:ty) => {
                Vec::<$ty>::new()
            };
        }
        make_voxels!(kind, empty)
    }

    /// Puts more voxels of the same type behind these; voxels of another type are left out.
    pub fn append(&mut self, more: Voxels) {
        match (self, more) {
            (Voxels::U8(all), Voxels::U8(more)) => all.extend(more),
            (Voxels::I8(all), Voxels::I8(more)) => all.extend(more),
            (Voxels::U16(all), Voxels::U16(more)) => all.extend(more),
            (Voxels::I16(all), Voxels::I16(more)) => all.extend(more),
            (Voxels::U32(all), Voxels::U32(more)) => all.extend(more),
            (Voxels::I32(all), Voxels::I32(more)) => all.extend(more),
            (Voxels::U64(all), Voxels::U64(more)) => all.extend(more),
            (Voxels::I64(all), Voxels::I64(more)) => all.extend(more),
            (Voxels::F32(all), Voxels::F32(more)) => all.extend(more),
            (Voxels::F64(all), Voxels::F64(more)) => all.extend(more),
            _ => {}
        }
    }

    /// Labels in the smallest unsigned type that holds them all.
    pub fn labels(labels: Vec<u32>) -> Voxels {
        match labels.iter().max() {
            Some(&top) if top > u32::from(u16::MAX) => Voxels::U32(labels),
            Some(&top) if top > u32::from(u8::MAX) => {
                Voxels::U16(labels.into_iter().map(|label| label as u16).collect())
            }
            _ => Voxels::U8(labels.into_iter().map(|label| label as u8).collect()),
        }
    }

    /// Smallest and largest finite stored value (NaN when there is none) and how many are not finite.
    pub fn extrema(&self) -> (f64, f64, u64) {
        match self {
            Voxels::F32(v) => float_extrema(v.iter().map(|&x| f64::from(x))),
            Voxels::F64(v) => float_extrema(v.iter().copied()),
            Voxels::U8(v) => whole_extrema(v, |x| x.into()),
            Voxels::I8(v) => whole_extrema(v, |x| x.into()),
            Voxels::U16(v) => whole_extrema(v, |x| x.into()),
            Voxels::I16(v) => whole_extrema(v, |x| x.into()),
            Voxels::U32(v) => whole_extrema(v, |x| x.into()),
            Voxels::I32(v) => whole_extrema(v, |x| x.into()),
            Voxels::U64(v) => whole_extrema(v, |x| x as f64),
            Voxels::I64(v) => whole_extrema(v, |x| x as f64),
        }
    }
}

fn whole_extrema<T: Copy + Ord>(v: &[T], to_f64: impl Fn(T) -> f64) -> (f64, f64, u64) {
    let Some(&first) = v.first() else { return (f64::NAN, f64::NAN, 0) };
    let (low, high) = v.iter().fold((first, first), |(low, high), &x| (low.min(x), high.max(x)));
    (to_f64(low), to_f64(high), 0)
}

fn float_extrema(values: impl Iterator<Item = f64>) -> (f64, f64, u64) {
    let (mut low, mut high, mut not_finite) = (f64::INFINITY, f64::NEG_INFINITY, 0);
    for x in values {
        if x.is_finite() {
            low = low.min(x);
            high = high.max(x);
        } else {
            not_finite += 1;
        }
    }
    if low > high { (f64::NAN, f64::NAN, not_finite) } else { (low, high, not_finite) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extrema_leave_out_what_is_no_number() {
        let v = Voxels::F32(vec![f32::NAN, 2.0, f32::INFINITY, -1.5]);
        assert_eq!(v.extrema(), (-1.5, 2.0, 2));
        assert!(Voxels::F64(vec![f64::NAN]).extrema().0.is_nan());
        assert_eq!(Voxels::I16(vec![3, -7, 5]).extrema(), (-7.0, 5.0, 0));
    }

    #[test]
    fn labels_take_the_smallest_type() {
        assert_eq!(Voxels::labels(vec![0, 255]), Voxels::U8(vec![0, 255]));
        assert_eq!(Voxels::labels(vec![0, 256]), Voxels::U16(vec![0, 256]));
        assert_eq!(Voxels::labels(vec![65_536]), Voxels::U32(vec![65_536]));
    }

    #[test]
    fn every_type_has_its_bytes() {
        for v in [Voxels::U8(vec![1]), Voxels::I64(vec![1]), Voxels::F64(vec![1.0])] {
            assert_eq!(v.to_le_bytes().len(), v.voxel_type().bytes());
        }
    }
}
