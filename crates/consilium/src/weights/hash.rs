//! Hashes of files, and what was published of them.

use base::words::weights as words;
use base::{Error, Kind, Result};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// What is known of a file beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Size.
    pub bytes: Option<u64>,
    /// SHA-256, hexadecimal.
    pub sha256: Option<String>,
    /// First digits of the SHA-256.
    pub sha256_start: Option<String>,
    /// MD5, hexadecimal.
    pub md5: Option<String>,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// Size.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// MD5, hexadecimal; only computed where one is expected.
    pub md5: Option<String>,
}

impl Expected {
    /// Something to hold a file against, beyond its size.
    pub fn has_hash(&self) -> bool {
        self.sha256.is_some() || self.sha256_start.is_some() || self.md5.is_some()
    }

    /// An error when a file is not the one that was published.
    pub fn check(&self, found: &Hashes) -> Result<()> {
        if let Some(bytes) = self.bytes.filter(|bytes| *bytes != found.bytes) {
            return Err(Error::new(Kind::BrokenInput, words::wrong_size(bytes, found.bytes)));
        }
        let wrong = |expected: &str, found: &str| {
            Err(Error::new(Kind::BrokenInput, words::wrong_hash(expected, found)))
        };
        match (&self.sha256, &self.sha256_start, &self.md5) {
            (Some(whole), _, _) if *whole != found.sha256 => wrong(whole, &found.sha256),
            (_, Some(start), _) if !found.sha256.starts_with(start.as_str()) => {
                wrong(start, &found.sha256)
            }
            (_, _, Some(md5)) if found.md5.as_ref().is_some_and(|found| found != md5) => {
                wrong(md5, found.md5.as_deref().unwrap_or_default())
            }
            _ => Ok(()),
        }
    }
}

/// Hashes of a file; the MD5 only if asked for.
pub fn of_file(path: &Path, with_md5: bool) -> Result<Hashes> {
    let failed = |error: std::io::Error| Error::new(Kind::Io, words::cannot_read(&error)).at(path);
    let mut file = File::open(path).map_err(failed)?;
    let (mut sha256, mut md5, mut bytes) = (Sha256::new(), Md5::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk).map_err(failed)?;
        if read == 0 {
            break;
        }
        sha256.update(&chunk[..read]);
        if with_md5 {
            md5.update(&chunk[..read]);
        }
        bytes += read as u64;
    }
    let md5 = with_md5.then(|| hexadecimal(&md5.finalize()));
    Ok(Hashes { bytes, sha256: hexadecimal(&sha256.finalize()), md5 })
}

/// SHA-256 of a text, hexadecimal: for names of files.
pub fn of_text(text: &str) -> String {
    of_bytes(text.as_bytes())
}

/// SHA-256 of bytes in memory, hexadecimal.
pub fn of_bytes(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standards() {
        let dir = testkit::temp_dir("hashes");
        std::fs::write(dir.join("abc"), b"abc").unwrap();
        let found = of_file(&dir.join("abc"), true).unwrap();
        // FIPS 180-2, appendix B.1; RFC 1321, appendix A.5.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(found.sha256, sha256);
        assert_eq!(found.md5.as_deref(), Some("900150983cd24fb0d6963f7d28e17f72"));
        let expected = |sha256_start: &str, md5: &str, bytes| Expected {
            bytes,
            sha256: None,
            sha256_start: Some(sha256_start.into()),
            md5: Some(md5.into()),
        };
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        expected("ba7816bf", md5, Some(3)).check(&found).unwrap();
        assert!(expected("ba7816be", md5, None).check(&found).is_err());
        assert!(expected("ba7816bf", &md5.replace('9', "8"), None).check(&found).is_err());
        assert!(expected("ba7816bf", md5, Some(4)).check(&found).is_err());
    }
}
