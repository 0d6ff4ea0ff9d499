//! What this machine has: cores, memory, GPUs.

use std::process::Command;

/// A graphics processor.
#[derive(Clone, Debug, PartialEq)]
pub struct Gpu {
    /// As its driver names it.
    pub name: String,
    /// Its memory in GB.
    pub memory_gb: f32,
}

/// A machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Logical cores this process may use.
    pub cores: usize,
    /// The processor's name, where the system tells.
    pub processor: Option<String>,
    /// Memory in GB (10⁹ bytes), where the system tells.
    pub ram_gb: Option<f32>,
    /// Of that, what is free for new programs.
    pub free_gb: Option<f32>,
    /// NVIDIA's, as its own tool lists them; others are not asked for.
    pub gpus: Vec<Gpu>,
}

impl Machine {
    /// This one.
    pub fn read() -> Machine {
        let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Machine {
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
            processor: named(&processor, "model name").map(str::to_owned),
            ram_gb: gigabytes(&memory, "MemTotal"),
            free_gb: gigabytes(&memory, "MemAvailable"),
            gpus: gpus(),
        }
    }

    /// For the catalogue's recommendations.
    pub fn offer(&self) -> zoo::catalogue::Machine {
        zoo::catalogue::Machine {
            cores: self.cores,
            ram_gb: self.ram_gb,
            gpu_gb: self.gpus.iter().map(|gpu| gpu.memory_gb).reduce(f32::max),
        }
    }
}

/// The value of `name : value`.
fn named<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|f| f.1)
}

/// A line of `/proc/meminfo` (proc(5): kB are 1024 bytes).
fn gigabytes(text: &str, name: &str) -> Option<f32> {
    let kib: f64 = named(text, name)?.strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib * 1024.0 / 1e9) as f32)
}

/// `nvidia-smi` is part of NVIDIA's driver; without it there is no driver to compute with.
fn gpus() -> Vec<Gpu> {
    let question = ["--query-gpu=name,memory.total", "--format=csv,noheader,nounits"];
    match Command::new("nvidia-smi").args(question).output() {
        Ok(answer) if answer.status.success() => listed(&String::from_utf8_lossy(&answer.stdout)),
        _ => Vec::new(),
    }
}

/// `NVIDIA H200, 143771`: a name and MiB a line.
fn listed(text: &str) -> Vec<Gpu> {
    let one = |line: &str| {
        let (name, mib) = line.rsplit_once(',')?;
        let mib: f64 = mib.trim().parse().ok()?;
        Some(Gpu { name: name.trim().into(), memory_gb: (mib * 1_048_576.0 / 1e9) as f32 })
    };
    text.lines().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        let text = "MemTotal:       24682000 kB\nMemAvailable:   20000000 kB\n";
        assert!((gigabytes(text, "MemTotal").unwrap() - 25.274).abs() < 0.001);
        assert_eq!(gigabytes(text, "SwapTotal"), None);
        assert_eq!(named("model name\t: AMD EPYC 7B13\n", "model name"), Some("AMD EPYC 7B13"));
        let gpus = listed("NVIDIA H200, 143771\nTesla T4, 15360\nnonsense\n");
        assert_eq!(gpus.len(), 2);
        assert!((gpus[1].memory_gb - 16.1).abs() < 0.1 && gpus[0].name == "NVIDIA H200");
    }
}
