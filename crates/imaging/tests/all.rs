//! All tests of this crate as one program: linking it once takes the time of one, and its tests run side by side.

mod display;
mod facts;
mod hostile;
mod parity;
mod resampling;
mod segmentation;
mod series;
mod small_files;
mod volumes;
mod volumes_bad;
mod volumes_written;
