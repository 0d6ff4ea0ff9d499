//! All tests of this crate as one program: linking it once takes the time of one, and its tests run side by side.

mod bad_input;
mod built_in;
mod common;
mod compare;
mod dataset_archives;
mod dataset_boxes;
mod datasets;
mod end_to_end;
mod evaluate;
mod full_disk;
mod infer_onnx;
mod inspect_volumes;
mod models;
mod own_models;
mod parsers;
mod real_sets;
mod score;
mod score_bad;
mod score_masks;
mod volume_systems;
mod volumes;
mod volumes_fit;
mod weights;
mod weights_trained;
