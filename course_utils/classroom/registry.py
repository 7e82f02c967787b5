"""The write side of the data's registry, for the scripts in ``data/`` that make files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict

from filelock import SoftFileLock

from course_utils._files import write_atomically
from course_utils.data import REGISTRY, Entry, data_folder, digest

__all__ = ["make_entry", "register"]

PATIENCE = 60.0  # seconds; a lock that a killed process left is named by the error


def make_entry(name: str, file: str, *, kind: str, source: str, licence: str, credit: str) -> Entry:
    """Return the registry's entry of a file of the data folder, with the SHA-256 that it has now."""
    return Entry(name, file, digest(data_folder() / file), source, licence, credit, kind)


def register(entries: Iterable[Entry], dropped: Iterable[str] = ()) -> None:
    """Write entries into ``registry.json``; all others stay, but for those of names in ``dropped``.

    The file is sorted by name and replaced at once, so that no half-written registry is ever seen. Processes that
    register at the same time, also on several machines with one folder, take turns.
    """
    gone = set(dropped)
    with SoftFileLock(data_folder() / ".registry.lock", timeout=PATIENCE):
        merged = {name: entry for name, entry in REGISTRY.items() if name not in gone}
        merged.update((entry.name, entry) for entry in entries)
        records = [asdict(merged[name]) for name in sorted(merged)]
        text = json.dumps(records, indent=2, ensure_ascii=False) + "\n"
        write_atomically(data_folder() / "registry.json", text)
