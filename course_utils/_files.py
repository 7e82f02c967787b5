"""Files written whole or not at all."""

from __future__ import annotations

import os
import platform
import re
import tempfile
import time
from pathlib import Path

DAY = 24 * 3600.0  # seconds after which what another machine left is left for good


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file, text in UTF-8: beside it first, then in its place in one step, so that no half of it is ever seen.

    Its folder is made when it is missing. When writing fails, the file is what it was, and nothing is left beside it;
    what a killed run left there goes as well.
    """
    part = _written_beside(path, content)
    try:
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_new(path: Path, content: bytes | str) -> None:
    """Write a file that does not exist yet, whole or not at all; one that does is a ``FileExistsError``, untouched."""
    part = _written_beside(path, content)
    try:
        try:
            os.link(part, path)  # fails rather than overwrite
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if path.exists():
                raise FileExistsError(f"{path} exists") from None
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove what killed runs left in ``folder`` of files that they were writing; ``name`` may have wildcards."""
    for part in folder.glob(f".{name}.*.part"):
        try:
            if not _is_being_written(part):
                part.unlink(missing_ok=True)
        except OSError:  # somebody else's, or gone
            continue


def _written_beside(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent, re.sub(r"([\[*?])", r"[\1]", path.name))
    prefix = f".{path.name}.{_machine()}-{os.getpid()}-"
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode("utf-8") if isinstance(content, str) else content)
        os.chmod(part, 0o644)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return Path(part)


def _is_being_written(part: Path) -> bool:
    """Say whether the process that writes a file beside its place may still be at it."""
    import psutil

    found = re.search(r"\.(\w*)-(\d+)-[^.]*\.part$", part.name)
    if found and found[1] == _machine():
        return psutil.pid_exists(int(found[2]))
    return time.time() - part.stat().st_mtime < DAY


def _machine() -> str:
    return re.sub(r"\W", "", platform.node())[:20]
