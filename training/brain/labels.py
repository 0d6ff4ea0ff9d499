"""The classes of the brain network, and how the label maps of SynthSeg (FreeSurfer's codes) fall into them."""
import numpy as np

# name, FreeSurfer's code on the left (or in the middle), code on the right (0: unpaired)
STRUCTURES = [
    ("background", 0, 0), ("cerebral white matter", 2, 41), ("cerebral cortex", 3, 42), ("lateral ventricle", 4, 43),
    ("inferior lateral ventricle", 5, 44), ("cerebellum white matter", 7, 46), ("cerebellum cortex", 8, 47), ("thalamus", 10, 49),
    ("caudate", 11, 50), ("putamen", 12, 51), ("pallidum", 13, 52), ("third ventricle", 14, 0), ("fourth ventricle", 15, 0),
    ("brain stem", 16, 0), ("hippocampus", 17, 53), ("amygdala", 18, 54), ("CSF", 24, 0), ("accumbens", 26, 58), ("ventral DC", 28, 60),
]
CLASSES = len(STRUCTURES)

# What the generation maps hold beyond the structures and which structure it is part of (synthseg_segmentation_labels.npy):
# 25/57 lesions in white matter, 136/137 and 163/164 choroid plexus in the ventricles. All other codes lie outside the brain.
ALSO = {25: 2, 57: 41, 136: 4, 137: 5, 163: 43, 164: 44}
HELD_OUT = (5, 10, 15, 20)  # heads never seen in training
TRAINING = tuple(i for i in range(1, 21) if i not in HELD_OUT)


def tables():
    """For codes 0..1023: class, and side (0 none, 1 left, 2 right)."""
    kind, side = np.zeros(1024, np.uint8), np.zeros(1024, np.uint8)
    for i, (_, left, right) in enumerate(STRUCTURES):
        kind[left] = i
        if right:
            kind[right], side[left], side[right] = i, 1, 2
    for code, like in ALSO.items():
        kind[code], side[code] = kind[like], side[like]
    return kind, side
