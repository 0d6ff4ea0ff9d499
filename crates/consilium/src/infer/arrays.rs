//! Arrays from files, and arrays to the inputs they are meant for.

use crate::npy;
use base::words::{cli as words, infer};
use base::{Error, Kind, Result};
use engine::onnx::Port;
use engine::{Array, DType};
use std::path::{Path, PathBuf};

/// The array of an NPY file.
pub(super) fn read(path: &Path) -> Result<Array> {
    let io = |error: std::io::Error| Error::new(Kind::Io, words::cannot_read(&error)).at(path);
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > npy::MAX_BYTES {
        return Err(Error::new(Kind::Limit, words::NPY_TOO_LARGE.clone()).at(path));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    npy::parse(&bytes).map_err(|error| error.at(path))
}

/// `NAME=PATH` or `PATH`, where the name must be one of `names`; a path without a name takes the
/// first that is still free.
pub(super) fn assign(given: &[String], names: &[&str]) -> Result<Vec<(usize, PathBuf)>> {
    let mut taken = vec![false; names.len()];
    let mut assigned = Vec::with_capacity(given.len());
    let (named, plain): (Vec<&String>, Vec<&String>) =
        given.iter().partition(|text| position(text, names).is_some());
    for text in named {
        if let Some((index, path)) = position(text, names) {
            taken[index] = true;
            assigned.push((index, path.into()));
        }
    }
    for text in plain {
        // What looks like a name but is none, unless there is such a file.
        if let Some((name, _)) = text.split_once('=').filter(|_| !Path::new(text).exists()) {
            return Err(Error::new(Kind::Usage, words::no_such_name(name, &names.join(", "))));
        }
        let Some(free) = taken.iter().position(|taken| !taken) else {
            let text = infer::too_many_inputs(given.len(), &names.join(", "));
            return Err(Error::new(Kind::Usage, text));
        };
        taken[free] = true;
        assigned.push((free, text.into()));
    }
    Ok(assigned)
}

/// Names may themselves hold `=`: the longest that fits counts.
fn position<'t>(text: &'t str, names: &[&str]) -> Option<(usize, &'t str)> {
    let fits = |(index, name): (usize, &&str)| {
        let path = text.strip_prefix(*name)?.strip_prefix('=')?;
        Some((name.len(), index, path))
    };
    let found = names.iter().enumerate().filter_map(fits).max_by_key(|(len, _, _)| *len);
    found.map(|(_, index, path)| (index, path))
}

/// The array in the type the input wants: integers into any integer type that holds them all, floats
/// and integers into floats.
pub(super) fn fit(array: Array, port: &Port) -> Result<Array> {
    let Some(wanted) = port.dtype.filter(|wanted| *wanted != array.dtype()) else {
        return Ok(array);
    };
    let lossy =
        || Error::new(Kind::BrokenInput, infer::npy_convert(&port.name, array.dtype(), wanted));
    let shape = array.shape().to_vec();
    macro_rules! integers {
        ($type:ty) => {{
            let values = array.to_i64().ok_or_else(lossy)?;
            let all: Option<Vec<$type>> =
                values.into_iter().map(|v| <$type>::try_from(v).ok()).collect();
            Array::of(&shape, all.ok_or_else(lossy)?)
        }};
    }
    let floats = || array.to_f32();
    let fitted = match wanted {
        DType::F32 => Array::f32(&shape, floats()),
        DType::F64 => Array::of(&shape, floats().into_iter().map(f64::from).collect()),
        DType::F16 => {
            Array::of(&shape, floats().into_iter().map(engine::array::f16::from_f32).collect())
        }
        DType::BF16 => {
            Array::of(&shape, floats().into_iter().map(engine::array::bf16::from_f32).collect())
        }
        DType::I8 => integers!(i8),
        DType::I16 => integers!(i16),
        DType::I32 => integers!(i32),
        DType::I64 => integers!(i64),
        DType::U8 => integers!(u8),
        DType::U16 => integers!(u16),
        DType::U32 => integers!(u32),
        DType::U64 => integers!(u64),
        _ => return Err(lossy()),
    };
    fitted.map_err(zoo::translate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_to_the_named_input_or_the_first_free_one() {
        let given = ["b=1.npy".to_string(), "2.npy".to_string(), "3.npy".to_string()];
        let assigned = assign(&given, &["a", "b", "c"]).unwrap();
        let wanted: Vec<(usize, PathBuf)> =
            vec![(1, "1.npy".into()), (0, "2.npy".into()), (2, "3.npy".into())];
        assert_eq!(assigned, wanted);
        assert!(assign(&given, &["a", "b"]).is_err());
        assert!(assign(&["x=1.npy".to_string()], &["a"]).is_err());
    }
}
