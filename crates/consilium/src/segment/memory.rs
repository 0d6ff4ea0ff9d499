//! What a case may take, told before it is read.

use base::words::fit as words;
use base::{Error, Kind, Result};

/// Bytes of `4G`, `512M`, `1.5GiB`, `800000000`. `none` is no limit. Errors of kind `Usage`.
pub(super) fn parse(text: &str) -> Result<Option<u64>> {
    let wrong = || Error::new(Kind::Usage, words::bad_size(text));
    if text == "none" {
        return Ok(Some(u64::MAX));
    }
    let letters = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(letters);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b')
    {
        "" => 1.0,
        "k" => 1024.0,
        "m" => 1024.0 * 1024.0,
        "g" => 1024.0 * 1024.0 * 1024.0,
        "t" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = number * factor;
    (1.0..1e18).contains(&bytes).then_some(Some(bytes as u64)).ok_or_else(wrong)
}

/// Refuses what does not fit: into the limit where one is given, else into what the system says is
/// available. Errors: `Limit`.
pub(super) fn check(need: u64, limit: Option<u64>) -> Result<()> {
    let most = match self::most(limit) {
        Some(most) if need > most => most,
        _ => return Ok(()),
    };
    let text = words::too_much_memory(need >> 20, most >> 20);
    Err(Error::new(Kind::Limit, text).hint(words::LESS_MEMORY))
}

/// Bytes that may be taken: the limit where one is given, else what the system says is available, where it does.
pub(super) fn most(limit: Option<u64>) -> Option<u64> {
    limit.or_else(available)
}

/// Memory and swap that are free to use, on Linux.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib = |name: &str| -> Option<u64> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some((kib("MemAvailable:")? + kib("SwapFree:").unwrap_or(0)) * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        assert_eq!(parse("4G").unwrap(), Some(4 << 30));
        assert_eq!(parse("512MiB").unwrap(), Some(512 << 20));
        assert_eq!(parse("1.5k").unwrap(), Some(1536));
        assert_eq!(parse("none").unwrap(), Some(u64::MAX));
        for wrong in ["", "G", "-1", "4X", "1e400", "0"] {
            assert_eq!(parse(wrong).unwrap_err().kind(), Kind::Usage, "{wrong}");
        }
    }

    #[test]
    fn more_than_the_limit_is_refused_beforehand() {
        assert_eq!(check(11 << 20, Some(10 << 20)).unwrap_err().kind(), Kind::Limit);
        assert!(check(10 << 20, Some(10 << 20)).is_ok());
        assert!(check(u64::MAX, Some(u64::MAX)).is_ok());
    }
}
