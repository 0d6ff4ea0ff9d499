//! Writing checkpoints of f32 tensors: PyTorch's zip container and safetensors.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::Plain;
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::Tensor;

/// Writes a state dict as `torch.save` would (zip container, pickle protocol 2, values aligned to
/// 64 bytes). The file is written aside and renamed. Errors: duplicate names, 4 GB or more.
pub fn write_pytorch(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    let mut pickle = vec![0x80, 2];
    state_dict(&mut pickle, tensors).map_err(|error| error.at(path))?;
    pickle.push(b'.');
    write_zip(path, tensors, &pickle)
}

/// The same as training scripts save it: a dictionary with the state dict under `key` and other
/// values beside it.
pub fn write_pytorch_beside(
    path: &Path,
    key: &str,
    tensors: &[(String, Tensor)],
    beside: &[(String, Plain)],
) -> Result<()> {
    let mut pickle = vec![0x80, 2, b'}', b'('];
    let mut write = || -> Result<()> {
        text(&mut pickle, key)?;
        state_dict(&mut pickle, tensors)?;
        for (key, value) in beside {
            text(&mut pickle, key)?;
            plain(&mut pickle, value)?;
        }
        pickle.extend(b"u.");
        Ok(())
    };
    write().map_err(|error| error.at(path))?;
    write_zip(path, tensors, &pickle)
}

fn write_zip(path: &Path, tensors: &[(String, Tensor)], pickle: &[u8]) -> Result<()> {
    unique(tensors).map_err(|error| error.at(path))?;
    let mut zip = Zip::default();
    let mut write = || -> Result<Vec<u8>> {
        zip.add("archive/data.pkl", pickle)?;
        zip.add("archive/byteorder", b"little")?;
        for (index, (_, tensor)) in tensors.iter().enumerate() {
            zip.add(&format!("archive/data/{index}"), &little_endian(tensor))?;
        }
        zip.add("archive/version", b"3\n")?;
        std::mem::take(&mut zip).finish()
    };
    let bytes = write().map_err(|error| error.at(path))?;
    put(path, &bytes)
}

/// Writes safetensors. The file is written aside and renamed. Errors: duplicate names.
pub fn write_safetensors(path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
    unique(tensors).map_err(|error| error.at(path))?;
    let mut rows = serde_json::Map::new();
    let mut at = 0;
    for (name, tensor) in tensors {
        let end = at + tensor.data().len() * 4;
        let row = serde_json::json!({
            "dtype": "F32", "shape": tensor.shape(), "data_offsets": [at, end],
        });
        rows.insert(name.clone(), row);
        at = end;
    }
    let mut header = serde_json::Value::Object(rows).to_string().into_bytes();
    // The values begin at a multiple of eight, as the format asks.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    for (_, tensor) in tensors {
        bytes.extend(little_endian(tensor));
    }
    put(path, &bytes)
}

fn unique(tensors: &[(String, Tensor)]) -> Result<()> {
    let mut names = std::collections::BTreeSet::new();
    match tensors.iter().find(|(name, _)| !names.insert(name)) {
        Some((name, _)) => Err(refused(&format!("two tensors are called {name}"))),
        None => Ok(()),
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let aside = path.with_extension(format!("part-{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&aside)?;
        file.write_all(bytes)?;
        drop(file);
        fs::rename(&aside, path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&aside);
        Error::new(ErrorKind::Io, format!("the weights cannot be written: {error}")).at(path)
    })
}

fn little_endian(tensor: &Tensor) -> Vec<u8> {
    tensor.data().iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// `{name: torch._utils._rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())}`.
fn state_dict(out: &mut Vec<u8>, tensors: &[(String, Tensor)]) -> Result<()> {
    out.extend(b"}(");
    for (index, (name, tensor)) in tensors.iter().enumerate() {
        text(out, name)?;
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(out, "storage")?;
        out.extend(b"ctorch\nFloatStorage\n");
        text(out, &index.to_string())?;
        text(out, "cpu")?;
        number(out, tensor.data().len())?;
        out.extend(b"tQK\0");
        let strides = super::safetensors::row_major(tensor.shape());
        let strides = strides.ok_or_else(|| refused("a tensor beyond all memory"))?;
        for sizes in [tensor.shape(), &strides] {
            out.push(b'(');
            for size in sizes {
                number(out, *size)?;
            }
            out.push(b't');
        }
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.push(b'u');
    Ok(())
}

fn plain(out: &mut Vec<u8>, value: &Plain) -> Result<()> {
    match value {
        Plain::None => out.push(b'N'),
        Plain::Bool(truth) => out.push(if *truth { 0x88 } else { 0x89 }),
        Plain::Int(number) => match i32::try_from(*number) {
            Ok(number) => {
                out.push(b'J');
                out.extend(number.to_le_bytes());
            }
            Err(_) => {
                out.extend([0x8a, 8]);
                out.extend(number.to_le_bytes());
            }
        },
        Plain::Float(number) => {
            out.push(b'G');
            out.extend(number.to_be_bytes());
        }
        Plain::Text(content) | Plain::Other(content) => text(out, content)?,
        Plain::List(items) => {
            out.push(b'(');
            items.iter().try_for_each(|item| plain(out, item))?;
            out.push(b'l');
        }
        Plain::Table(rows) => {
            out.push(b'(');
            for (key, value) in rows {
                text(out, key)?;
                plain(out, value)?;
            }
            out.push(b'd');
        }
    }
    Ok(())
}

fn text(out: &mut Vec<u8>, text: &str) -> Result<()> {
    out.push(b'X');
    out.extend(u32::try_from(text.len()).map_err(|_| refused("a name too long"))?.to_le_bytes());
    out.extend(text.as_bytes());
    Ok(())
}

fn number(out: &mut Vec<u8>, number: usize) -> Result<()> {
    let number = i32::try_from(number).map_err(|_| refused("a tensor of too many values"))?;
    out.push(b'J');
    out.extend(number.to_le_bytes());
    Ok(())
}

/// An archive in the making; entries are stored as they are.
#[derive(Default)]
struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl Zip {
    fn add(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let at = narrow(self.bytes.len())?;
        let size = narrow(content.len())?;
        self.count = self.count.checked_add(1).ok_or_else(|| refused("too many tensors"))?;
        // Version 0, no flags, stored, midnight of 1 January 1980, check sum, sizes, name length.
        let mut common = vec![0, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        common.extend(crc32fast::hash(content).to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());

        self.directory.extend(b"PK\x01\x02\0\0");
        self.directory.extend(&common);
        self.directory.extend([0; 12]); // no extra, no comment, disk 0, no attributes
        self.directory.extend(at.to_le_bytes());
        self.directory.extend(name.as_bytes());

        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&common);
        // Padding in an extra field of PyTorch's id `FB`.
        let unpadded = self.bytes.len() + 2 + name.len() + 4;
        let padding = (unpadded.next_multiple_of(64) - unpadded) as u16;
        self.bytes.extend((padding + 4).to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(b"FB");
        self.bytes.extend(padding.to_le_bytes());
        self.bytes.extend(std::iter::repeat_n(b'Z', usize::from(padding)));
        self.bytes.extend(content);
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        let at = narrow(self.bytes.len())?;
        self.bytes.extend(&self.directory);
        self.bytes.extend(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes.extend(self.count.to_le_bytes());
        self.bytes.extend(narrow(self.directory.len())?.to_le_bytes());
        self.bytes.extend(at.to_le_bytes());
        self.bytes.extend([0, 0]);
        Ok(self.bytes)
    }
}

fn narrow(size: usize) -> Result<u32> {
    u32::try_from(size).map_err(|_| refused("checkpoints of 4 GB or more cannot be written"))
}

fn refused(message: &str) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
