//! Addresses: what a hub's page is called when a program asks for the file, and its mirrors.

/// The hubs' own addresses of files.
///
/// Google Drive's pages for people (`/file/d/ID/view`, `/open?id=ID`, `/uc?id=ID`) become the address
/// that answers with the file itself, also for files too large for its virus scan.
pub fn direct(url: &str) -> String {
    if let Some(id) = drive_id(url) {
        return format!(
            "https://drive.usercontent.google.com/download?id={id}&export=download&confirm=t"
        );
    }
    // Zenodo's page of a file answers with the file only with this.
    if host(url) == "zenodo.org" && url.contains("/files/") && !url.contains('?') {
        return format!("{url}?download=1");
    }
    url.to_owned()
}

fn drive_id(url: &str) -> Option<&str> {
    if host(url) != "drive.google.com" || url.contains("/folders/") {
        return None;
    }
    let after = |mark: &str| url.split_once(mark).map(|(_, rest)| rest);
    let rest = after("/file/d/").or(after("?id=")).or(after("&id="))?;
    let id = rest.split(['/', '&', '?', '#']).next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (id.len() >= 10 && id.chars().all(plain)).then_some(id)
}

/// `github.com` of `https://github.com/…`, without a port.
pub fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    authority.rsplit('@').next().unwrap_or("").split(':').next().unwrap_or("")
}

/// Where else a file may lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mirror {
    /// Put before the whole address: `https://mirror.example/` gives
    /// `https://mirror.example/https://github.com/…`.
    Prefix(String),
    /// Stands for one host: `huggingface.co=https://hf-mirror.com`.
    Host(String, String),
}

impl Mirror {
    /// `PREFIX` or `HOST=BASE`; `None` if it is neither.
    pub fn parse(text: &str) -> Option<Mirror> {
        let is_base = |text: &str| {
            (text.starts_with("https://") || text.starts_with("http://")) && !host(text).is_empty()
        };
        match text.split_once('=') {
            Some((from, base)) if is_base(base) && !from.contains('/') => {
                Some(Mirror::Host(from.to_ascii_lowercase(), base.trim_end_matches('/').into()))
            }
            _ if is_base(text) => Some(Mirror::Prefix(text.trim_end_matches('/').into())),
            _ => None,
        }
    }

    /// The address there; `None` where the mirror does not stand for that host.
    pub fn of(&self, url: &str) -> Option<String> {
        match self {
            Mirror::Prefix(prefix) => Some(format!("{prefix}/{url}")),
            Mirror::Host(from, base) => {
                let path = url.split_once("://")?.1.split_once('/').map_or("", |(_, path)| path);
                (host(url) == from).then(|| format!("{base}/{path}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_for_people_become_addresses_of_files() {
        let id = "1ARiB5RkSsWmAB_8mqWnwDF8ZKTtFwsjl";
        let file = format!(
            "https://drive.usercontent.google.com/download?id={id}&export=download&confirm=t"
        );
        for page in [
            format!("https://drive.google.com/file/d/{id}/view?usp=sharing"),
            format!("https://drive.google.com/open?id={id}"),
            format!("https://drive.google.com/uc?export=download&id={id}"),
        ] {
            assert_eq!(direct(&page), file);
        }
        let folder = "https://drive.google.com/drive/folders/1ETWmi4AiniJeWOt6HAsYgTjYv_fkgzoN";
        assert_eq!(direct(folder), folder);
        let zenodo = "https://zenodo.org/records/1/files/a.zip";
        assert_eq!(direct(zenodo), format!("{zenodo}?download=1"));
        assert_eq!(direct(&format!("{zenodo}?download=1")), format!("{zenodo}?download=1"));
    }

    #[test]
    fn mirrors_stand_for_a_host_or_before_everything() {
        let url = "https://github.com/a/b/releases/download/v1/c.pt";
        let prefix = Mirror::parse("https://mirror.example/").unwrap();
        assert_eq!(prefix.of(url).unwrap(), format!("https://mirror.example/{url}"));
        let host = Mirror::parse("huggingface.co=https://hf-mirror.com/").unwrap();
        assert_eq!(host.of(url), None);
        let hub = "https://huggingface.co/a/b/resolve/main/c.bin";
        assert_eq!(host.of(hub).unwrap(), "https://hf-mirror.com/a/b/resolve/main/c.bin");
        assert_eq!(Mirror::parse("hf-mirror.com"), None);
        assert_eq!(Mirror::parse("https://"), None);
    }

    #[test]
    fn hosts_are_what_stands_between_the_slashes() {
        assert_eq!(super::host("https://user:x@a.b:81/c?d"), "a.b");
        assert_eq!(super::host("http://127.0.0.1:8080/x"), "127.0.0.1");
        assert_eq!(super::host(""), "");
    }
}
