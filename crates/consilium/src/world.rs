//! Everything outside the program that a use case touches: the clock and the files it writes.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What use cases may do to the world. Tests put their own in its place.
pub trait World: Sync {
    /// The time now.
    fn now(&self) -> SystemTime;
    /// Makes a folder and its parents.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// Writes a new file whole.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Adds to the end of a file, which is made if need be.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes)
    }
    /// Gives a file a second name: a hard link, or a copy where there are none.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
    }
    /// A variable of the environment; an empty one is none.
    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
    /// Moves a file, replacing what is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder and all in it.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder if nothing is in it.
    fn remove_empty_folder(&self, path: &Path) -> io::Result<()>;
    /// Removes what a killed run of the program left in a folder: `.part-PID` of no process.
    fn sweep(&self, _folder: &Path) {}
    /// The most memory this process ever held, in MiB, where the system tells.
    fn peak_memory_mib(&self) -> Option<f64> {
        None
    }
}

/// The real one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl World for Disk {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::write(path, bytes)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn remove_empty_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sweep(&self, folder: &Path) {
        let processes = Path::new("/proc");
        let Ok(entries) = fs::read_dir(folder) else { return };
        if !processes.join("self").exists() {
            return;
        }
        for entry in entries.flatten() {
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(".part-"));
            let Some(id) = number.and_then(|id| id.split('-').next()?.parse::<u32>().ok()) else {
                continue;
            };
            if !processes.join(id.to_string()).exists() {
                let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
            }
        }
    }

    fn peak_memory_mib(&self) -> Option<f64> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
    }
}

/// `2026-01-31T12:00:00Z`. Civil date from days after Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`.
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    #[cfg(target_os = "linux")]
    fn only_the_leavings_of_dead_runs_are_swept() {
        let dir = testkit::temp_dir("sweep");
        // No process has a number this large (proc(5), pid_max).
        let (dead, own) = (".part-4294967295", format!(".part-{}", std::process::id()));
        for name in [dead, &own, "mine", ".part-notes"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        fs::write(dir.join(".part-4294967295-index.html"), b"x").unwrap();
        Disk.sweep(dir.path());
        assert!(!dir.join(dead).exists() && !dir.join(".part-4294967295-index.html").exists());
        assert!([&own, "mine", ".part-notes"].iter().all(|name| dir.join(name).exists()));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_827_696), "2000-02-29T12:34:56Z");
        assert_eq!(at(1_798_761_599), "2026-12-31T23:59:59Z");
    }
}
