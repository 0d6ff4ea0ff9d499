#!/bin/sh
# The whole recipe: sh repeat.sh DATA START FILMS. Resumes where it was broken off; about three hours on two processor cores.
# DATA: train/, val/, test/ of the film set. START: EfficientNet-Lite0's weights. FILMS: some films by grade, for the parity test.
set -eu
data=$(realpath "$1") start=$(realpath "$2") films=$(realpath "$3")
cd "$(dirname "$0")"
weights=../../crates/zoo/weights/consilium-knee.safetensors
export MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=17179869184
python3 train.py "$data" "$start" out --threads 2
python3 train.py "$data" out/best.pth out2 --second --threads 2
python3 export.py "$data" out2/best.pth "$weights"
python3 parity.py "$films" "$weights" ../../crates/zoo/tests/fixtures/own/consilium-knee.json
python3 test.py "$data" "$weights" test    # opens the test split
