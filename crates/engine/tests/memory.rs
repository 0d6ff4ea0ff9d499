//! What a plan predicts is what a process takes, and a network that ran once runs again in the memory it has: measured in processes
//! of their own, on networks of the sizes that are in use.
#![cfg(target_os = "linux")]

use engine::array::Array;
use engine::cpu::Pool;
use engine::onnx::{Model, Session, SessionOptions};
use engine::weights::synth;
use std::path::Path;
use std::process::Command;
use testkit::onnx::{FLOAT, Onnx};

/// A process that finds this variable is one that is measured: the network's file, its input's extents, the threads.
const MEASURED: &str = "CONSILIUM_MEASURED";

#[test]
fn a_process_takes_what_the_plan_predicts_and_no_new_pages_in_its_second_run() {
    if let Ok(case) = std::env::var(MEASURED) {
        return run_and_tell(&case);
    }
    let dir = testkit::temp_dir("memory");
    let volume = UNet { shape: &[1, 1, 64, 64, 64], channels: &[32, 64, 128, 256] };
    let picture = UNet { shape: &[1, 3, 256, 256], channels: &[64, 128, 256, 512] };
    // Its weights take most of its memory: what is read of the file must not lie beside what is made of it.
    let heavy = UNet { shape: &[1, 1, 64, 64], channels: &[64, 256, 512, 1024] };
    for (name, net) in [("volume", volume), ("picture", picture), ("heavy", heavy)] {
        let file = dir.join(name);
        std::fs::write(&file, net.file()).unwrap();
        for threads in [1, 2] {
            let measured = Measured::of(&file, net.shape, threads);
            println!("{name}, {threads} threads: {measured:?}");
            let (took, planned) = (measured.peak - measured.before, measured.planned);
            assert!(took.abs_diff(planned) <= planned / 10, "{took} KiB taken, {planned} planned");
            assert!(measured.second * 100 <= measured.first, "{measured:?}");
        }
    }
}

/// Memory of a process in KiB, and pages it asked the system for.
#[derive(Debug)]
struct Measured {
    /// Memory with its threads and its input, before the network is read.
    before: u64,
    /// What the plan says that reading and running adds, and the result.
    planned: u64,
    /// Most that it ever had.
    peak: u64,
    /// Pages up to the end of the first run.
    first: u64,
    /// Pages of the second run.
    second: u64,
}

impl Measured {
    /// Of a process that runs the network twice.
    fn of(file: &Path, shape: &[u64], threads: usize) -> Measured {
        let shape: Vec<String> = shape.iter().map(u64::to_string).collect();
        let case = format!("{}\n{}\n{threads}", file.display(), shape.join(" "));
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.arg("--nocapture").env(MEASURED, case).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let line = said.lines().find_map(|line| line.split_once("measured "));
        let (_, line) = line.unwrap_or_else(|| panic!("{said}{:?}", output.stderr));
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let [before, planned, peak, first, second] = numbers[..] else { panic!("{line}") };
        Measured { before, planned, peak, first, second }
    }
}

/// What a measured process does.
fn run_and_tell(case: &str) {
    let [file, shape, threads] = case.lines().collect::<Vec<_>>()[..] else { panic!("{case}") };
    let shape: Vec<usize> = shape.split(' ').map(|extent| extent.parse().unwrap()).collect();
    let options = SessionOptions::new(Pool::new(threads.parse().unwrap()));
    let x = Array::f32(&shape, synth::fill("x", &shape)).unwrap();
    let before = peak();
    let mut session = Session::new(Model::open(file.as_ref()).unwrap(), options);
    let y = session.run(&[("x", x.clone())]).unwrap();
    let result = y[0].1.bytes();
    drop(y);
    let first = pages();
    session.run(&[("x", x)]).unwrap();
    let second = pages() - first;
    let planned = (session.held_bytes() + session.peak_bytes() + result) / 1024;
    println!("\nmeasured {before} {planned} {} {first} {second}", peak());
}

/// Most memory that this process had, in KiB (proc(5), `VmHWM`).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Pages that this process was given without reading a file (proc(5), `minflt`, the eighth number after the name in brackets).
fn pages() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after) = stat.rsplit_once(") ").unwrap();
    after.split(' ').nth(7).unwrap().parse().unwrap()
}

/// Two convolutions a level, each with instance norm and leaky ReLU, over pictures or volumes.
struct UNet<'a> {
    shape: &'a [u64],
    /// Of each level; each has half the extents of the one above.
    channels: &'a [u64],
}

impl UNet<'_> {
    fn file(&self) -> Vec<u8> {
        let mut file = Onnx::new().input("x", FLOAT, self.shape);
        let (mut at, mut ins, mut skips) = ("x".to_owned(), self.shape[1], Vec::new());
        for (level, outs) in self.channels.iter().copied().enumerate() {
            let stride = if level == 0 { 1 } else { 2 };
            (file, at) = self.block(file, &format!("down{level}"), &at, (ins, outs, stride));
            skips.push((at.clone(), outs));
            ins = outs;
        }
        skips.pop();
        while let Some((skip, outs)) = skips.pop() {
            let name = format!("up{}", skips.len());
            (file, at) = self.layer(file, "ConvTranspose", &name, &at, (ins, outs, 2, 2));
            let both = format!("{name}.both");
            file = file.node("Concat", &[&skip, &at], &both, &[("axis", 1)]);
            (file, at) = self.block(file, &format!("{name}.block"), &both, (2 * outs, outs, 1));
            ins = outs;
        }
        let (file, at) = self.layer(file, "Conv", "y", &at, (ins, 3, 1, 1));
        file.output(&at, &[&[1, 3], &self.shape[2..]].concat()).finish()
    }

    fn block(
        &self,
        mut file: Onnx,
        name: &str,
        from: &str,
        (ins, outs, stride): (u64, u64, u64),
    ) -> (Onnx, String) {
        let mut at = from.to_owned();
        for (place, ins, stride) in [("a", ins, stride), ("b", outs, 1)] {
            let name = format!("{name}.{place}");
            (file, at) = self.layer(file, "Conv", &name, &at, (ins, outs, 3, stride));
            let [scale, shift, norm, end] =
                ["scale", "shift", "norm", "end"].map(|part| format!("{name}.{part}"));
            file = stored(stored(file, &scale, &[outs]), &shift, &[outs])
                .node("InstanceNormalization", &[&at, &scale, &shift], &norm, &[])
                .node("LeakyRelu", &[&norm], &end, &[]);
            at = end;
        }
        (file, at)
    }

    /// A convolution, padded to keep the extents but for its stride.
    fn layer(
        &self,
        file: Onnx,
        op: &str,
        name: &str,
        from: &str,
        (ins, outs, kernel, stride): (u64, u64, u64, u64),
    ) -> (Onnx, String) {
        let axes = self.shape.len() - 2;
        let pad = if op == "Conv" { kernel / 2 } else { 0 };
        let channels = if op == "Conv" { [outs, ins] } else { [ins, outs] };
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let shape = [&channels[..], &vec![kernel; axes]].concat();
        let file = stored(stored(file, &weight, &shape), &bias, &[outs]);
        let file = file.layer(
            op,
            &[from, &weight, &bias],
            name,
            &[("strides", &vec![stride; axes]), ("pads", &vec![pad; 2 * axes])],
        );
        (file, name.to_owned())
    }
}

fn stored(file: Onnx, name: &str, shape: &[u64]) -> Onnx {
    let extents: Vec<usize> = shape.iter().map(|extent| *extent as usize).collect();
    file.floats(name, shape, &synth::fill(name, &extents))
}
