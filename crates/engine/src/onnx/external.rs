//! Tensors whose values lie in files beside the model. Only files inside the model's own folder are
//! read: a model that points elsewhere is refused.

use super::proto;
use crate::array::DType;
use crate::error::{Error, ErrorKind, Result};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// Supplies the bytes of an external tensor: location, type, shape to little-endian values.
pub type Supplier<'a> = dyn Fn(&str, DType, &[usize]) -> Option<Vec<u8>> + 'a;

/// Where external values come from.
pub(super) struct External<'a> {
    folder: Option<PathBuf>,
    supplier: Option<&'a Supplier<'a>>,
    files: RefCell<HashMap<PathBuf, Rc<Vec<u8>>>>,
    most_bytes: u64,
}

impl<'a> External<'a> {
    /// From nowhere: a model that needs them is an error.
    pub fn none() -> External<'a> {
        External { folder: None, supplier: None, files: RefCell::default(), most_bytes: 0 }
    }

    /// From files in `folder`, all together of at most `most_bytes`.
    pub fn folder(folder: &Path, most_bytes: u64) -> External<'a> {
        External { folder: Some(folder.to_path_buf()), most_bytes, ..External::none() }
    }

    /// From a function.
    pub fn supplier(supplier: &'a Supplier<'a>) -> External<'a> {
        External { supplier: Some(supplier), ..External::none() }
    }

    /// The values of a tensor.
    pub fn read(
        &self,
        tensor: &proto::Tensor,
        dtype: DType,
        shape: &[usize],
    ) -> Result<Cow<'static, [u8]>> {
        let value = |key: &str| {
            tensor.external.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
        };
        let location =
            value("location").ok_or_else(|| broken("external values without a location".into()))?;
        if let Some(supplier) = self.supplier {
            let bytes = supplier(location, dtype, shape);
            return bytes.map(Cow::Owned).ok_or_else(|| {
                broken(format!("nothing supplies the external values `{location}`"))
            });
        }
        let Some(folder) = &self.folder else {
            let message = format!("its values lie in another file, `{location}`");
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        let path = inside(folder, location)?;
        let file = self.file(&path).map_err(|error| error.at(&path))?;
        let number = |key: &str| match value(key) {
            None => Ok(None),
            Some(text) => text
                .trim()
                .parse::<usize>()
                .map(Some)
                .map_err(|_| broken(format!("external {key} `{text}` is no number"))),
        };
        let start = number("offset")?.unwrap_or(0);
        let end = match number("length")? {
            Some(length) => start.checked_add(length),
            None => Some(file.len()),
        };
        let bytes = end.and_then(|end| file.get(start..end)).ok_or_else(|| {
            broken(format!("values at {start} reach beyond the {} bytes", file.len())).at(&path)
        })?;
        Ok(Cow::Owned(bytes.to_vec()))
    }

    fn file(&self, path: &Path) -> Result<Rc<Vec<u8>>> {
        if let Some(file) = self.files.borrow().get(path) {
            return Ok(Rc::clone(file));
        }
        let io = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string());
        let metadata = std::fs::metadata(path).map_err(io)?;
        let held: u64 = self.files.borrow().values().map(|file| file.len() as u64).sum();
        if !metadata.is_file() || held.saturating_add(metadata.len()) > self.most_bytes {
            let message = format!("external values take more than {} bytes", self.most_bytes);
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let file = Rc::new(std::fs::read(path).map_err(io)?);
        self.files.borrow_mut().insert(path.to_path_buf(), Rc::clone(&file));
        Ok(file)
    }
}

/// The file that `location` names in `folder`; an error for any path that leads out of it, by name
/// or by a symbolic link.
fn inside(folder: &Path, location: &str) -> Result<PathBuf> {
    let relative = Path::new(location);
    let plain =
        relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    let refused = || {
        let message = format!(
            "its values are said to lie in `{location}`, outside the model's folder: refused"
        );
        Error::new(ErrorKind::BrokenFile, message)
    };
    if !plain || location.is_empty() || location.contains('\\') {
        return Err(refused());
    }
    let path = folder.join(relative);
    let io = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string()).at(&path);
    let (real, root) = (path.canonicalize().map_err(io)?, folder.canonicalize().map_err(io)?);
    if real.starts_with(&root) { Ok(real) } else { Err(refused()) }
}

fn broken(message: String) -> Error {
    Error::new(ErrorKind::BrokenFile, message)
}
