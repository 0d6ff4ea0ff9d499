//! Checkpoints in the containers they are published in.
