//! NumPy's `.npy` files: arrays in, arrays out (format versions 1 to 3, NEP 1).

use base::words::cli as words;
use base::{Error, Kind, Result};
use engine::Tensor;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Longest header read; NumPy itself stops at 10 000 bytes.
const MAX_HEADER: usize = 64 << 10;
/// Most values an array may have: 1 GiB as 32-bit floats.
const MAX_VALUES: usize = 256 << 20;
/// Largest file worth opening: the most values as 64-bit floats, and the header.
pub const MAX_BYTES: u64 = (MAX_VALUES * 8 + MAX_HEADER) as u64;
const MAX_AXES: usize = 8;

/// An array of floats or integers, C order, as 32-bit floats.
pub fn parse(bytes: &[u8]) -> Result<Tensor> {
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
    if fortran.starts_with("True") {
        return Err(Error::new(Kind::Unsupported, words::NPY_FORTRAN.clone()));
    }
    let shape = value("shape")
        .and_then(|rest| rest.strip_prefix('(')?.split_once(')'))
        .and_then(|(inside, _)| axes(inside))
        .ok_or_else(|| broken("no 'shape'"))?;
    let count = shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
    let count = count.filter(|&n| n <= MAX_VALUES && shape.len() <= MAX_AXES);
    let count = count.ok_or_else(|| Error::new(Kind::Limit, words::NPY_TOO_LARGE.clone()))?;
    let data = values(descr, &bytes[start + length..], count)?;
    Tensor::new(&shape, data).map_err(|error| broken(&error.to_string()))
}

fn axes(inside: &str) -> Option<Vec<usize>> {
    let parts = inside.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.parse().ok()).collect()
}

fn values(descr: &str, bytes: &[u8], count: usize) -> Result<Vec<f32>> {
    macro_rules! read {
        ($type:ty, $from:ident) => {{
            const SIZE: usize = size_of::<$type>();
            let wanted = bytes.get(..count * SIZE).filter(|_| bytes.len() == count * SIZE);
            let Some(wanted) = wanted else {
                let text = words::npy_length(count * SIZE, bytes.len());
                return Err(Error::new(Kind::BrokenInput, text));
            };
            let one = |b: &[u8]| {
                let mut word = [0; SIZE];
                word.copy_from_slice(b);
                <$type>::$from(word) as f32
            };
            Ok(wanted.chunks_exact(SIZE).map(one).collect())
        }};
    }
    match descr {
        "<f4" => read!(f32, from_le_bytes),
        ">f4" => read!(f32, from_be_bytes),
        "<f8" => read!(f64, from_le_bytes),
        ">f8" => read!(f64, from_be_bytes),
        "|u1" => read!(u8, from_le_bytes),
        "|i1" => read!(i8, from_le_bytes),
        "<u2" => read!(u16, from_le_bytes),
        "<i2" => read!(i16, from_le_bytes),
        "<i4" => read!(i32, from_le_bytes),
        "<i8" => read!(i64, from_le_bytes),
        other => Err(Error::new(Kind::Unsupported, words::npy_type(other))),
    }
}

/// The file of an array of 32-bit floats, version 1, C order.
pub fn encode(tensor: &Tensor) -> Vec<u8> {
    let mut axes: Vec<String> = tensor.shape().iter().map(usize::to_string).collect();
    if axes.len() == 1 {
        axes.push(String::new());
    }
    let shape = axes.join(", ");
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
    while !(MAGIC.len() + 4 + header.len() + 1).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut file = MAGIC.to_vec();
    file.extend([1, 0]);
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(tensor.data().iter().flat_map(|value| value.to_le_bytes()));
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
            let data = (0..count).map(|i| i as f32 * 0.5 - 1.0).collect();
            let tensor = Tensor::new(shape, data).unwrap();
            let bytes = encode(&tensor);
            assert_eq!(parse(&bytes).unwrap(), tensor);
            assert_eq!((bytes.len() - 4 * count) % 64, 0);
        }
    }

    #[test]
    fn other_types_become_floats() {
        let header = |descr: &str| {
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}\n")
        };
        let read = |descr: &str, data: &[u8]| parse(&file(&header(descr), data)).unwrap();
        assert_eq!(read("|u1", &[1, 255]).data(), [1.0, 255.0]);
        assert_eq!(read("<i2", &[0xff, 0xff, 2, 0]).data(), [-1.0, 2.0]);
        let doubles: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|x| x.to_be_bytes()).collect();
        assert_eq!(read(">f8", &doubles).data(), [1.5, -2.0]);
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
        let fortran = header.replace("False", "True");
        assert_eq!(parse(&file(&fortran, &[0; 8])).unwrap_err().kind(), Kind::Unsupported);
        let object = header.replace("<f4", "|O");
        assert_eq!(parse(&file(&object, &[0; 8])).unwrap_err().kind(), Kind::Unsupported);
    }
}
