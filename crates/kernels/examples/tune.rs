//! Measures the table by which convolutions choose their algorithm, and prints it beside the times it explains.
//!
//!     cargo run --release -p kernels --example tune -- [portable|avx2+fma|avx512|amx]
#![allow(clippy::print_stdout)]

use kernels::{ConvCosts, Isa, cpu_name, set_isa, tune_conv};

fn main() {
    if let Some(name) = std::env::args().nth(1) {
        let found = Isa::available().into_iter().find(|isa| isa.name() == name);
        let Some(isa) = found else {
            println!("this processor has no {name}");
            return;
        };
        set_isa(isa);
    }
    let tuned = tune_conv(|_, _| {});
    for m in &tuned.measured {
        let s = &m.shape;
        let place = format!(
            "{}->{} {:?} k{:?} s{:?}",
            s.in_channels, s.out_channels, s.input, s.kernel, s.stride
        );
        println!(
            "{place:56} {:16} {:8.3} ms, fitted {:8.3}",
            m.algorithm, m.milliseconds, m.estimated
        );
    }
    println!("{}: {:.1} thousand million multiply-adds a second", cpu_name(), tuned.speed * 1e-9);
    for (name, cost) in ConvCosts::NAMES.iter().zip(tuned.costs.to_array()) {
        println!("{name} = {cost:.2}");
    }
}
