#!/bin/sh
# The whole recipe: sh repeat.sh MAPS [CONSILIUM]. Resumes where it was broken off; about six hours on two processor cores.
# MAPS: SynthSeg's training label maps with labels_classes_priors/ beside them. CONSILIUM: the built program.
set -eu
maps=$(realpath "$1")
consilium=${2:-consilium}
cd "$(dirname "$0")"
weights=../../crates/zoo/weights/consilium-brain.safetensors
# glibc: keep memory instead of giving it back after every step.
export MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=17179869184
python3 atlas.py "$maps" ../../crates/zoo/weights/consilium-head-atlas.bin
[ -e out/best.pth ] || python3 train.py "$maps" out --steps 12000 --threads 2
python3 calibrate.py "$maps" out/best.pth out/final.pth 300
python3 export.py out/final.pth "$weights"
python3 parity.py "$weights" ../../crates/zoo/tests/fixtures/own/consilium-brain.json
python3 held_out.py "$maps" test
"$consilium" read test/images --out test/read --weights "$weights"
python3 held_out.py --table test
