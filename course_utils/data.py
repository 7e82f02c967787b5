"""The course's data: a registry of files with their SHA-256, source and licence, and one loader for each kind.

Everything is read from the folder ``data/``; nothing is ever downloaded. ``data/README.md`` says where each item comes
from, and ``data/rebuild.py`` makes the files again from the packages that ship them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils._validation import require_choice, require_count, require_path

__all__ = [
    "REGISTRY",
    "Entry",
    "Portraits",
    "data_folder",
    "digest",
    "fetch",
    "load_digits",
    "load_faces",
    "load_kernel",
    "load_network",
    "load_portraits",
    "load_square_digits",
    "load_weights",
    "names_of_kind",
    "network_record",
]

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Entry:
    """One item of the course's data.

    Attributes
    ----------
    name : str
        The name that the loaders take, such as ``"cameraman"``.
    file : str
        Path of its file inside the data folder, with forward slashes.
    sha256 : str
        SHA-256 of that file, in hexadecimal.
    source : str
        Package, version and path inside it, or the script that made the file.
    licence : str
        Licence of the item, and not of the package that ships it.
    credit : str
        Whom to name when you show it.
    kind : str
        ``"faces"``, ``"photograph"``, ``"texture"``, ``"kernel"``, ``"digits"``, ``"portraits"``, ``"weights"``,
        ``"synthesis"``, ``"transfer"``, ``"mixture"`` or ``"restoration"``.
    """

    name: str
    file: str
    sha256: str
    source: str
    licence: str
    credit: str
    kind: str


def data_folder() -> Path:
    """Return the folder of the course's data.

    The environment variable ``COURSE_DATA`` comes first, then ``data/`` of the checkout, then the copy that an
    installed package carries.

    Returns
    -------
    Path
        A folder that holds ``registry.json``.

    Raises
    ------
    FileNotFoundError
        If none of these holds ``registry.json``.
    """
    chosen = os.environ.get("COURSE_DATA")
    candidates = [Path(chosen)] if chosen else [_PACKAGE.parent / "data", _PACKAGE / "_data"]
    for folder in candidates:
        if (folder / "registry.json").is_file():
            return folder
    looked = " or ".join(str(folder) for folder in candidates)
    remedy = "Unset COURSE_DATA to use the course's own, or set it to a whole data folder"
    if not chosen:
        remedy = _how_to_repair(candidates[0] if candidates[0].is_dir() else candidates[1], "registry.json")
    raise FileNotFoundError(f"the course's data are not in {looked}: registry.json is missing. {remedy}")


@lru_cache(maxsize=8)
def _read_registry(path: Path, modified: int) -> dict[str, Entry]:
    """Read a registry file; ``modified`` is its date, so that a rewritten registry is read again."""
    try:
        records = json.loads(path.read_text(encoding="utf-8-sig"))
        problem = _problem(records)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        problem = f"it is not JSON ({error})"
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
    if problem:
        raise ValueError(f"{path} is broken: {problem}. {_how_to_repair(path.parent, path.name)}")
    return {record["name"]: Entry(**record) for record in records}


def _problem(records: object) -> str:
    """Return what is wrong with the content of a registry, or an empty string."""
    names = {field.name for field in fields(Entry)}
    if not isinstance(records, list):
        return "it must be a list of records"
    seen: set[str] = set()
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict) or set(record) != names:
            return f"record {number} must have the fields {', '.join(sorted(names))}"
        wrong = [name for name, value in record.items() if not isinstance(value, str)]
        if wrong or not record["name"]:
            return f"in record {number}, {(wrong or ['name'])[0]} must be a text"
        if not re.fullmatch("[0-9a-f]{64}", record["sha256"]):
            return f"the sha256 of {record['name']!r} must be 64 hexadecimal digits"
        parts = record["file"].split("/")
        if "\\" in record["file"] or ":" in parts[0] or {"", ".", ".."} & set(parts):
            return f"the file of {record['name']!r} must be a path inside the data folder"
        if record["name"] in seen:
            return f"{record['name']!r} is in it twice"
        seen.add(record["name"])
    return ""


class _Registry(Mapping[str, Entry]):
    """Read-only view of ``registry.json`` in the current data folder, read when it is first used."""

    def _entries(self) -> dict[str, Entry]:
        path = data_folder() / "registry.json"
        return _read_registry(path, path.stat().st_mtime_ns)

    def __getitem__(self, name: str) -> Entry:
        return self._entries()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries())

    def __len__(self) -> int:
        return len(self._entries())

    def __repr__(self) -> str:
        return f"REGISTRY of {len(self)} items: {', '.join(self)}"


REGISTRY: Mapping[str, Entry] = _Registry()
"""All items of the course's data, by name; see :class:`Entry`."""

FETCHED: dict[str, str] = {}
"""The files that :func:`fetch` gave in this process, with their SHA-256: what its figures were made from."""


def names_of_kind(*kinds: str) -> list[str]:
    """Return the names of all items of these kinds, sorted, such as ``names_of_kind("texture")``."""
    return sorted(entry.name for entry in REGISTRY.values() if entry.kind in kinds)


def fetch(name: str) -> Path:
    """Return the path of an item's file once its SHA-256 has been verified; nothing is downloaded.

    Parameters
    ----------
    name : str
        A name in :data:`REGISTRY`.

    Returns
    -------
    Path
        The file, verified once per process as long as it does not change.

    Raises
    ------
    ValueError
        If the name is unknown, or the file is not the registered one.
    FileNotFoundError
        If the file is missing.
    """
    folder = data_folder()
    if not REGISTRY:
        registry = folder / "registry.json"
        raise ValueError(f"{registry} is broken: no record in it. {_how_to_repair(folder, registry.name)}")
    entry = REGISTRY[require_choice(name, "name", list(REGISTRY))]
    path, repair = folder / entry.file, _how_to_repair(folder, entry.file, entry)
    if not path.is_file():
        raise FileNotFoundError(f"{path}, the file of {name!r}, is missing. {repair}")
    status = path.stat()
    if _verified_digest(path, status.st_mtime_ns, status.st_size) != entry.sha256:
        raise ValueError(f"{path}, the file of {name!r}, was altered: wrong SHA-256. {repair}")
    FETCHED[entry.file] = entry.sha256
    return path


@lru_cache(maxsize=1024)
def _verified_digest(path: Path, modified: int, size: int) -> str:
    """Return the SHA-256 of a file, computed once for each date and size."""
    return digest(path)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with require_path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _how_to_repair(folder: Path, file: str, entry: Entry | None = None) -> str:
    """Return the sentence that names the command which brings a file of a data folder back."""
    if (folder.parent / ".git").exists() and folder.name == "data":
        return f"Repair it in {folder.parent} with: git checkout -- {folder.name}/{file}"
    if folder == _PACKAGE / "_data":
        return "Repair it from the course's own folder with: pip install --force-reinstall --no-deps ."
    kinds = ("weights", "synthesis", "transfer", "mixture", "restoration")  # made by other scripts
    if entry and (folder / "rebuild.py").is_file() and entry.kind not in kinds:
        return f"Repair it with: python {folder / 'rebuild.py'} {entry.name}"
    if folder == _PACKAGE.parent / "data":
        return f"Copy {file} into {folder} again from a fresh download of the course"
    return f"COURSE_DATA is {folder}: copy {file} there again from the course, or unset COURSE_DATA"


def network_record(name: str) -> dict[str, Any]:
    """Return how a network of the course was trained: steps, minutes on one core, losses; the TOML file beside it."""
    return tomllib.loads(fetch(name).with_suffix(".toml").read_text(encoding="utf-8"))


def load_faces() -> tuple[Float[Tensor, "faces height width"], Int[Tensor, " faces"]]:
    """Load the 400 ORL faces (AT&T Laboratories Cambridge): 40 people, 10 portraits each.

    Returns
    -------
    faces : Tensor
        ``(400, 112, 92)``, float64, values in [0, 1], ten portraits of a person after ten of another.
    people : Tensor
        ``(400,)``, int64: who is on each portrait, 0 to 39.
    """
    with np.load(fetch("orl_faces"), allow_pickle=False) as arrays:
        faces, people = arrays["faces"], arrays["people"]
    return torch.from_numpy(faces).double() / 255, torch.from_numpy(people.astype(np.int64))


def load_kernel(name: str) -> Float[Tensor, "h w"]:
    """Load a blur kernel: nonnegative, float64, of sum exactly 1, centred on pixel ``(h // 2, w // 2)``.

    Parameters
    ----------
    name : str
        ``"gaussian"``, ``"disk"`` (out of focus), ``"motion_1"`` or ``"motion_2"`` (camera shake: neither square nor
        symmetric; the second has an even height).

    Returns
    -------
    Tensor
        The kernel, ``(h, w)``.

    Raises
    ------
    ValueError
        If the name is no kernel's.
    """
    path = fetch(require_choice(name, "kernel name", names_of_kind("kernel")))
    return torch.from_numpy(np.load(path, allow_pickle=False))


def load_weights(name: str) -> dict[str, Tensor]:
    """Load the weights of a trained network, in float32: most are stored in half precision."""
    from safetensors.torch import load_file

    return {key: value.float() for key, value in load_file(fetch(name)).items()}


Network = TypeVar("Network", bound=nn.Module)


def load_network(network: Network, name: str) -> Network:
    """Return a network with its trained weights, for evaluation: they have no gradient any more."""
    if not isinstance(network, nn.Module):
        raise TypeError(f"network must be a torch.nn.Module, got {type(network).__name__}")
    network.load_state_dict(load_weights(name))
    return network.eval().requires_grad_(False)


def load_digits() -> tuple[Float[Tensor, "digits height width"], Int[Tensor, " digits"]]:
    """Load 5,000 handwritten digits of MNIST, 500 of each.

    Returns
    -------
    digits : Tensor
        ``(5000, 28, 28)``, float64, values in [0, 1], bright strokes on black.
    labels : Tensor
        ``(5000,)``, int64: which digit it is, 0 to 9.
    """
    text = gzip.decompress(fetch("mnist_digits").read_bytes()).decode("ascii")
    rows = torch.from_numpy(np.loadtxt(io.StringIO(text), delimiter=",", dtype=np.uint8))
    return rows[:, :-1].reshape(-1, 28, 28).double() / 255, rows[:, -1].long()


def load_square_digits(first: int = 0, last: int = 450) -> tuple[Float[Tensor, "n 1 32 32"], Int[Tensor, " n"]]:
    """Load images ``first`` to ``last`` of each of the ten digits as the networks of lessons 15 to 17 see them.

    The first 450 of each trained these networks; the other 50 judge them.

    Returns
    -------
    images : Tensor
        ``(10 (last - first), 1, 32, 32)``, float32, in [-1, 1], padded with black: sides that can be halved.
    labels : Tensor
        int64: which digit it is, in order.

    Raises
    ------
    ValueError
        If not 0 <= first < last <= 500.
    """
    if not require_count(first, "first", 0) < require_count(last, "last") <= 500:
        raise ValueError(f"first and last must satisfy 0 <= first < last <= 500, got {first} and {last}")
    images, labels = load_digits()
    chosen = torch.cat([(labels == digit).nonzero()[first:last, 0] for digit in range(10)])
    padded = torch.nn.functional.pad(2 * images[chosen, None].float() - 1, (2, 2, 2, 2), value=-1.0)
    return padded, labels[chosen]


class Portraits(NamedTuple):
    """Little portraits, and what each of them shows, as numbers of the names at the end."""

    images: Float[Tensor, "n 3 64 64"]
    gender: Int[Tensor, " n"]
    tone: Int[Tensor, " n"]
    role: Int[Tensor, " n"]
    genders: tuple[str, ...]
    tones: tuple[str, ...]
    roles: tuple[str, ...]


def load_portraits() -> Portraits:
    """Load 930 emoji portraits of 64 × 64 pixels on white (Google, Noto Color Emoji), with gender, skin tone and role.

    Returns
    -------
    Portraits
        ``images`` is float32 in [0, 1]; ``roles[role[k]]`` names the role of the k-th, ``""`` for none, and so do
        ``genders`` and ``tones``.
    """
    with np.load(fetch("emoji_portraits"), allow_pickle=False) as arrays:
        images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).contiguous().float() / 255
        gender, tone, role = (torch.from_numpy(arrays[key].astype(np.int64)) for key in ("gender", "tone", "role"))
        genders, tones, roles = (tuple(arrays[key].tolist()) for key in ("genders", "tones", "roles"))
    return Portraits(images, gender, tone, role, genders, tones, roles)
