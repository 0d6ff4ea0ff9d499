//! Unique identifiers that follow from what they name: the same result has the same one.

use sha2::{Digest, Sha256};

/// A UID below the root 2.25 (PS3.5 B.2): the decimal form of a UUID of version 8 (RFC 9562) made of
/// the SHA-256 of the parts.
pub(super) fn uid(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    format!("2.25.{}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::uid;

    #[test]
    fn parts_are_told_apart_and_the_form_is_that_of_a_uid() {
        let one = uid(&[b"ab", b"c"]);
        assert_ne!(one, uid(&[b"a", b"bc"]));
        assert_eq!(one, uid(&[b"ab", b"c"]));
        assert!(one.len() <= 64 && one.starts_with("2.25.") && !one.starts_with("2.25.0"));
        let number: u128 = one[5..].parse().unwrap();
        assert_eq!((number >> 76 & 15, number >> 62 & 3), (8, 2));
    }
}
