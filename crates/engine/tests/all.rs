//! All tests of this crate as one program: linking it once takes the time of one, and its tests run side by side.

mod onnx_bad;
mod onnx_fused;
mod onnx_levels;
mod onnx_networks;
mod onnx_nodes;
mod weights_bad;
mod weights_files;
mod weights_graphdef;
mod weights_hdf5;
mod weights_synth;
