//! NumPy's `.npy` files: arrays in, arrays out (format versions 1 to 3, NEP 1).

use base::words::{cli as words, infer};
use base::{Error, Kind, Result};
use engine::array::{Array, Data, Element, f16};

const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header read; NumPy itself stops at 10 000 bytes.
const MAX_HEADER: usize = 64 << 10;
/// Most values an array may have: 1 GiB as 32-bit floats.
const MAX_VALUES: usize = 256 << 20;
/// Largest file worth opening: the most values as 64-bit floats, and the header.
pub const MAX_BYTES: u64 = (MAX_VALUES * 8 + MAX_HEADER) as u64;
const MAX_AXES: usize = 8;

/// An array of floats, integers or booleans, in its own type; column order becomes row order.
pub fn parse(bytes: &[u8]) -> Result<Array> {
    let broken = |en: &str| Error::new(Kind::BrokenInput, words::npy_broken(en));
    if !bytes.starts_with(MAGIC) {
        return Err(broken("no NPY header"));
    }
    let version = *bytes.get(6).ok_or_else(|| broken("cut short"))?;
    let (length, start) = match (version, bytes.get(8..12)) {
        (1, Some(b)) => (usize::from(u16::from_le_bytes([b[0], b[1]])), 10),
        (2 | 3, Some(b)) => (u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize, 12),
        _ => return Err(broken("unknown version or cut short")),
    };
    if length > MAX_HEADER {
        return Err(broken("header too long"));
    }
    let header = bytes.get(start..start + length).ok_or_else(|| broken("header cut short"))?;
    let header = std::str::from_utf8(header).map_err(|_| broken("header is no text"))?;
    let value = |key: &str| {
        let (_, rest) = header.split_once(&format!("'{key}':"))?;
        Some(rest.trim_start())
    };
    let descr = value("descr").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next());
    let descr = descr.ok_or_else(|| broken("no 'descr' of a plain type"))?;
    let fortran = value("fortran_order").ok_or_else(|| broken("no 'fortran_order'"))?;
    let shape = value("shape")
        .and_then(|rest| rest.strip_prefix('(')?.split_once(')'))
        .and_then(|(inside, _)| axes(inside))
        .ok_or_else(|| broken("no 'shape'"))?;
    let count = shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
    let count = count.filter(|&n| n <= MAX_VALUES && shape.len() <= MAX_AXES);
    let count = count.ok_or_else(|| Error::new(Kind::Limit, words::NPY_TOO_LARGE.clone()))?;
    let data = Stored { descr, bytes: &bytes[start + length..], count };
    let order = fortran.starts_with("True").then(|| row_order(&shape));
    Array::new(&shape, data.read(order)?).map_err(|error| broken(&error.to_string()))
}

fn axes(inside: &str) -> Option<Vec<usize>> {
    let parts = inside.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().ok()).collect()
}

/// For each value in row order, where it lies in column order.
fn row_order(shape: &[usize]) -> Vec<usize> {
    let mut places = vec![0];
    let mut stride = 1;
    let strides: Vec<usize> = shape
        .iter()
        .map(|extent| {
            let this = stride;
            stride *= extent.max(&1);
            this
        })
        .collect();
    for (extent, stride) in shape.iter().zip(strides) {
        places = places.iter().flat_map(|at| (0..*extent).map(move |i| at + i * stride)).collect();
    }
    places
}

struct Stored<'a> {
    descr: &'a str,
    bytes: &'a [u8],
    count: usize,
}

impl Stored<'_> {
    fn read(&self, order: Option<Vec<usize>>) -> Result<Data> {
        macro_rules! number {
            ($type:ty) => {
                if self.descr.starts_with('>') {
                    self.values(order, <$type>::from_be_bytes)
                } else {
                    self.values(order, <$type>::from_le_bytes)
                }
            };
        }
        match self.descr.trim_start_matches(['<', '>', '|', '=']) {
            "f2" if self.descr.starts_with('>') => {
                self.values(order, |b| f16::from_bits(u16::from_be_bytes(b)))
            }
            "f2" => self.values(order, |b| f16::from_bits(u16::from_le_bytes(b))),
            "f4" => number!(f32),
            "f8" => number!(f64),
            "u1" => number!(u8),
            "i1" => number!(i8),
            "u2" => number!(u16),
            "i2" => number!(i16),
            "u4" => number!(u32),
            "i4" => number!(i32),
            "u8" => number!(u64),
            "i8" => number!(i64),
            "b1" => self.values(order, |[byte]: [u8; 1]| byte != 0),
            _ => Err(Error::new(Kind::Unsupported, infer::npy_type(self.descr))),
        }
    }

    fn values<T: Element, const N: usize>(
        &self,
        order: Option<Vec<usize>>,
        read: impl Fn([u8; N]) -> T,
    ) -> Result<Data> {
        let (items, rest) = self.bytes.as_chunks::<N>();
        if items.len() != self.count || !rest.is_empty() {
            let text = words::npy_length(self.count * N, self.bytes.len());
            return Err(Error::new(Kind::BrokenInput, text));
        }
        Ok(T::wrap(match order {
            None => items.iter().map(|item| read(*item)).collect(),
            Some(order) => order.into_iter().map(|at| read(items[at])).collect(),
        }))
    }
}

/// The file of an array, version 1, C order. Types that NumPy does not have become 32-bit floats.
pub fn encode(array: &Array) -> Vec<u8> {
    fn bytes<T: Copy, const N: usize>(values: &[T], write: impl Fn(T) -> [u8; N]) -> Vec<u8> {
        values.iter().flat_map(|value| write(*value)).collect()
    }
    let (descr, data) = match array.data() {
        Data::F64(v) => ("<f8", bytes(v, f64::to_le_bytes)),
        Data::F16(v) => ("<f2", bytes(v, |x| x.to_bits().to_le_bytes())),
        Data::I8(v) => ("|i1", bytes(v, i8::to_le_bytes)),
        Data::I16(v) => ("<i2", bytes(v, i16::to_le_bytes)),
        Data::I32(v) => ("<i4", bytes(v, i32::to_le_bytes)),
        Data::I64(v) => ("<i8", bytes(v, i64::to_le_bytes)),
        Data::U8(v) => ("|u1", v.to_vec()),
        Data::U16(v) => ("<u2", bytes(v, u16::to_le_bytes)),
        Data::U32(v) => ("<u4", bytes(v, u32::to_le_bytes)),
        Data::U64(v) => ("<u8", bytes(v, u64::to_le_bytes)),
        Data::Bool(v) => ("|b1", bytes(v, |x| [u8::from(x)])),
        _ => ("<f4", bytes(&array.to_f32(), f32::to_le_bytes)),
    };
    let mut axes: Vec<String> = array.shape().iter().map(usize::to_string).collect();
    if axes.len() == 1 {
        axes.push(String::new());
    }
    let shape = axes.join(", ");
    let mut header = format!(
        "{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}",
        shape.trim_end()
    );
    while !(MAGIC.len() + 4 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = MAGIC.to_vec();
    file.extend([1, 0]);
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn what_is_written_reads_back() {
        for shape in [&[][..], &[3], &[2, 3], &[1, 1, 2, 2]] {
            let count = shape.iter().product::<usize>();
            let data: Vec<f32> = (0..count).map(|i| i as f32 * 0.5 - 1.0).collect();
            let ints = data.iter().map(|v| *v as i64).collect();
            let array = Array::of::<i64>(shape, ints).unwrap();
            assert_eq!(parse(&encode(&array)).unwrap(), array);
            let array = Array::f32(shape, data).unwrap();
            let bytes = encode(&array);
            assert_eq!(parse(&bytes).unwrap(), array);
            assert_eq!((bytes.len() - 4 * count) % 64, 0);
        }
    }

    #[test]
    fn every_type_of_number_is_read_as_itself() {
        let header = |descr: &str| {
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}\n")
        };
        let read = |descr: &str, data: &[u8]| parse(&file(&header(descr), data)).unwrap();
        assert_eq!(read("|u1", &[1, 255]).slice::<u8>().unwrap(), [1, 255]);
        assert_eq!(read("<i2", &[0xff, 0xff, 2, 0]).slice::<i16>().unwrap(), [-1, 2]);
        assert_eq!(read("|b1", &[0, 1]).slice::<bool>().unwrap(), [false, true]);
        assert_eq!(read("<f2", &[0, 0x3c, 0, 0xc0]).to_f32(), [1.0, -2.0]);
        let doubles: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|x| x.to_be_bytes()).collect();
        assert_eq!(read(">f8", &doubles).slice::<f64>().unwrap(), [1.5, -2.0]);
    }

    #[test]
    fn column_order_becomes_row_order() {
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n";
        let array = parse(&file(header, &[1, 4, 2, 5, 3, 6])).unwrap();
        assert_eq!(array.slice::<u8>().unwrap(), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn lying_files_are_errors() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
        let whole = file(header, &[0; 8]);
        for cut in 0..whole.len() {
            assert!(parse(&whole[..cut]).is_err(), "cut at {cut}");
        }
        assert!(parse(&file(header, &[0; 12])).is_err());
        let huge = header.replace("(2,)", "(4000000000, 4000000000, 4000000000)");
        assert_eq!(parse(&file(&huge, &[])).unwrap_err().kind(), Kind::Limit);
        let object = header.replace("<f4", "|O");
        assert_eq!(parse(&file(&object, &[0; 8])).unwrap_err().kind(), Kind::Unsupported);
    }
}
