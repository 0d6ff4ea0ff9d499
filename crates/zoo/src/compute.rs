//! How networks compute, whatever they are.

use engine::cpu::{Options, Pool};
use engine::onnx::SessionOptions;

/// The threads, and what the kernels may do.
#[derive(Clone)]
pub struct Compute {
    /// The threads the networks run on.
    pub pool: Pool,
    /// Only sums of products as the definition writes them: no Winograd convolutions, whose rounding
    /// differs (relative rms 1e-6 to 4e-6 instead of 3e-7).
    pub exact: bool,
}

impl Compute {
    /// As fast as the kernels can, on these threads.
    pub fn new(pool: Pool) -> Compute {
        Compute { pool, exact: false }
    }

    /// The same on other threads.
    pub fn on(&self, pool: Pool) -> Compute {
        Compute { pool, ..self.clone() }
    }

    /// For a network that is built here.
    pub fn options(&self) -> Options {
        Options { exact: self.exact, ..Options::new(self.pool.clone()) }
    }

    /// For a network from an ONNX file.
    pub fn session_options(&self) -> SessionOptions {
        SessionOptions { exact: self.exact, ..SessionOptions::new(self.pool.clone()) }
    }
}
