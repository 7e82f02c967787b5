"""What the scripts ``data/remake_*.py`` share: pictures made by recipes, each with its record, whole or not at all.

A recipe is a frozen dataclass of settings. The picture NAME of a kind, such as "transfer", is ``FOLDER/NAME.png`` and
the registry's ``transfer_NAME``; the records of all of them, settings and results, are ``FOLDER/FOLDER.json``.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from course_utils._files import write_atomically
from course_utils.classroom.jobs import ClusterError, add_options, run_jobs
from course_utils.classroom.registry import make_entry, register
from course_utils.data import REGISTRY, data_folder, fetch

__all__ = ["Precomputed", "require_whole"]

Record = dict[str, Any]
INTERRUPTED = threading.Event()


def require_whole() -> None:
    """Raise KeyboardInterrupt when there was one: a descent returns what it has, and this is not kept."""
    if INTERRUPTED.is_set():
        raise KeyboardInterrupt


@dataclass(frozen=True)
class Precomputed:
    """The pictures of one kind: ``make(name, recipe)`` writes and registers one and returns its record.

    ``script`` makes them, ``line(name, record)`` is what is printed when one is done.
    """

    kind: str
    folder: str
    script: str
    recipes: Mapping[str, Any]
    make: Callable[[str, Any], Record]
    line: Callable[[str, Record], str]

    @property
    def path(self) -> Path:
        """Return the folder of the pictures."""
        return data_folder() / self.folder

    def read_records(self) -> dict[str, Record]:
        """Return the records of what was made."""
        records = self.path / f"{self.folder}.json"
        return json.loads(records.read_text(encoding="utf-8")) if records.is_file() else {}

    def write_record(self, name: str, record: Record) -> None:
        """Write a record beside the others, whole or not at all, and drop what has no recipe any more."""
        records = self.read_records() | {name: record}  # read again: another run may have written
        ordered = {name: records[name] for name in self.recipes if name in records}
        write_atomically(self.path / f"{self.folder}.json", json.dumps(ordered, indent=1) + "\n")
        kept = {f"{self.kind}_{name}" for name in (*self.recipes, "records")}
        stale = [name for name, entry in REGISTRY.items() if entry.kind == self.kind and name not in kept]
        for old in stale:
            (data_folder() / REGISTRY[old].file).unlink(missing_ok=True)
        about = {"source": self.script, "licence": "CC0-1.0", "credit": "this course"}
        entry = make_entry(f"{self.kind}_records", f"{self.folder}/{self.folder}.json", kind=self.kind, **about)
        register([entry], dropped=stale)

    def is_made(self, name: str) -> bool:
        """Tell whether an item was made with the settings that its recipe has now, and its file is intact."""
        recipe, record = self.recipes[name], self.read_records().get(name)
        try:
            fetch(f"{self.kind}_{name}")
        except (ValueError, FileNotFoundError):
            return False
        defaults = {setting.name: setting.default for setting in fields(recipe) if setting.default is not MISSING}
        known = json.loads(json.dumps(defaults)) | (record or {})  # defaults for settings added since it was made
        return record is not None and json.loads(json.dumps(asdict(recipe))).items() <= known.items()

    def remake(self, description: str) -> int:
        """Make what the command line asks for; return the exit status."""
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("names", nargs="*", help="items to make (default: all)")
        parser.add_argument("--missing", action="store_true", help="only what is missing or had other settings")
        add_options(parser)
        options = parser.parse_args()
        if unknown := sorted(set(options.names) - set(self.recipes)):
            parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(self.recipes)}")
        self.path.mkdir(exist_ok=True)
        chosen = [name for name in self.recipes if not options.names or name in options.names]
        if options.missing:
            chosen = [name for name in chosen if not self.is_made(name)]
        jobs = [(self.make, name, self.recipes[name]) for name in chosen]
        try:
            for name, record in run_jobs(_make, jobs, options.jobs, options.scheduler):
                self.write_record(name, record)
                print(self.line(name, record), flush=True)
        except ClusterError as error:
            parser.error(str(error))
        except KeyboardInterrupt:
            print("stopped; what is finished is kept, go on with --missing")
            return 130
        return 0


def _make(make: Callable[[str, Any], Record], name: str, recipe: Any) -> tuple[str, Record]:
    """Make one picture with one thread, here or in another process."""
    torch.set_num_threads(1)
    if threading.current_thread() is threading.main_thread():  # not so on a cluster, where no keyboard interrupts
        signal.signal(signal.SIGINT, _interrupt)
    return name, make(name, recipe)


def _interrupt(number: int, frame: object) -> None:
    """Note an interrupt from the keyboard, and pass it on."""
    INTERRUPTED.set()
    raise KeyboardInterrupt
