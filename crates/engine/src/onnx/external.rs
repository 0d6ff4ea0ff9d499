//! Tensors whose values lie in files beside the model. Only files inside the model's own folder are
//! read: a model that points elsewhere is refused.

use super::proto;
use crate::array::DType;
use crate::error::{Error, ErrorKind, Result};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// Supplies the bytes of an external tensor: location, type, shape to little-endian values.
pub type Supplier<'a> = dyn Fn(&str, DType, &[usize]) -> Option<Vec<u8>> + 'a;

/// Where values come from that are not at hand.
pub(super) struct External<'a> {
    folder: Option<PathBuf>,
    supplier: Option<&'a Supplier<'a>>,
    /// The model's own file, of which only an outline is at hand.
    own: Option<Rc<Opened>>,
    files: RefCell<HashMap<PathBuf, Rc<Opened>>>,
    most_bytes: u64,
}

/// A file and its bytes.
struct Opened {
    file: File,
    bytes: u64,
}

/// Little-endian values of a tensor.
pub(super) enum Raw<'a> {
    Here(Cow<'a, [u8]>),
    InFile(Part),
}

/// A part of a file, inside it.
pub(super) struct Part {
    opened: Rc<Opened>,
    start: u64,
    bytes: usize,
}

/// Bytes that are read from a file at once: they stay in the cache until they are values. Whole values of every type. The C library keeps blocks
/// of the size of the largest that it took from the system and was given back; this one it does not take from there.
pub(super) const PIECE: usize = 64 << 10;

impl Raw<'_> {
    /// Bytes.
    pub fn len(&self) -> usize {
        match self {
            Raw::Here(bytes) => bytes.len(),
            Raw::InFile(part) => part.bytes,
        }
    }

    /// Gives all bytes in turn, in pieces of whole values. Errors when the file cannot be read.
    pub fn each_piece(&self, mut take: impl FnMut(&[u8])) -> Result<()> {
        let Part { opened, start, bytes } = match self {
            Raw::Here(bytes) => {
                take(bytes);
                return Ok(());
            }
            Raw::InFile(part) => part,
        };
        let io = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string());
        let mut file = &opened.file;
        file.seek(SeekFrom::Start(*start)).map_err(io)?;
        let mut piece = vec![0; PIECE.min(*bytes)];
        let mut left = *bytes;
        while left > 0 {
            let next = left.min(PIECE);
            file.read_exact(&mut piece[..next]).map_err(io)?;
            take(&piece[..next]);
            left -= next;
        }
        Ok(())
    }
}

impl<'a> External<'a> {
    /// From nowhere: a model that needs them is an error.
    pub fn none() -> External<'a> {
        let files = RefCell::default();
        External { folder: None, supplier: None, own: None, files, most_bytes: 0 }
    }

    /// From files in `folder`, all together of at most `most_bytes`, and from the model's own.
    pub fn folder(folder: &Path, own: File, most_bytes: u64) -> Result<External<'a>> {
        let own = Some(Rc::new(Opened::new(own)?));
        Ok(External { folder: Some(folder.to_path_buf()), own, most_bytes, ..External::none() })
    }

    /// From a function.
    pub fn supplier(supplier: &'a Supplier<'a>) -> External<'a> {
        External { supplier: Some(supplier), ..External::none() }
    }

    /// The values of a tensor that holds none itself; `None` where it does not say where they are.
    pub fn read(
        &self,
        tensor: &proto::Tensor,
        dtype: DType,
        shape: &[usize],
    ) -> Result<Option<Raw<'static>>> {
        if let &[start, bytes] = &tensor.lies_at[..] {
            let own = self.own.as_ref().ok_or_else(|| broken("values of no file".into()))?;
            return Opened::part(own, start as u64, Some(bytes as u64)).map(Some);
        }
        if !tensor.is_external {
            return Ok(None);
        }
        let value = |key: &str| {
            tensor.external.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
        };
        let location =
            value("location").ok_or_else(|| broken("external values without a location".into()))?;
        if let Some(supplier) = self.supplier {
            let bytes = supplier(location, dtype, shape);
            return bytes.map(|bytes| Some(Raw::Here(Cow::Owned(bytes)))).ok_or_else(|| {
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
                .parse::<u64>()
                .map(Some)
                .map_err(|_| broken(format!("external {key} `{text}` is no number"))),
        };
        let start = number("offset")?.unwrap_or(0);
        let part = Opened::part(&file, start, number("length")?);
        part.map(Some).map_err(|error| error.at(&path))
    }

    fn file(&self, path: &Path) -> Result<Rc<Opened>> {
        if let Some(file) = self.files.borrow().get(path) {
            return Ok(Rc::clone(file));
        }
        let io = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string());
        let metadata = std::fs::metadata(path).map_err(io)?;
        let known: u64 = self.files.borrow().values().map(|file| file.bytes).sum();
        if !metadata.is_file() || known.saturating_add(metadata.len()) > self.most_bytes {
            let message = format!("external values take more than {} bytes", self.most_bytes);
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let file = Rc::new(Opened::new(File::open(path).map_err(io)?)?);
        self.files.borrow_mut().insert(path.to_path_buf(), Rc::clone(&file));
        Ok(file)
    }
}

impl Opened {
    fn new(file: File) -> Result<Opened> {
        let metadata = file.metadata();
        let bytes = metadata.map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?.len();
        Ok(Opened { file, bytes })
    }

    /// A part, up to the end where no length is given. An error when the file is shorter.
    fn part(opened: &Rc<Opened>, start: u64, bytes: Option<u64>) -> Result<Raw<'static>> {
        let most = opened.bytes.checked_sub(start);
        let bytes = most.and_then(|most| Some(bytes.unwrap_or(most)).filter(|b| *b <= most));
        let bytes = bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(|| {
            broken(format!("values at {start} reach beyond the {} bytes", opened.bytes))
        })?;
        Ok(Raw::InFile(Part { opened: Rc::clone(opened), start, bytes }))
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
