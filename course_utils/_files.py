"""Files written whole or not at all."""

from __future__ import annotations

import glob
import os
import platform
import re
import shutil
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


def remove_leftovers(folder: Path, pattern: str = ".*.part") -> None:
    """Remove what killed runs left in ``folder``: files that they were writing, and folders that they worked in.

    A run that goes on keeps what is its own: the names say whose they are, by ``process_mark``.
    """
    for part in folder.glob(pattern):
        try:
            if _is_in_use(part):
                continue
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)
        except OSError:  # somebody else's, or gone
            continue


def process_mark() -> str:
    """Return what goes into the name of a temporary file or folder: a later run knows by it whether it is in use."""
    return f".{_machine()}-{os.getpid()}-"


def _written_beside(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent, f".{glob.escape(path.name)}.*.part")
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}{process_mark()}", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode("utf-8") if isinstance(content, str) else content)
        os.chmod(part, 0o644)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
    return Path(part)


def _is_in_use(part: Path) -> bool:
    """Say whether the process whose mark a name bears may still be at work."""
    import psutil

    found = re.search(r"\.(\w*)-(\d+)-\w*(?:\.part)?$", part.name)
    if found and found[1] == _machine():
        return psutil.pid_exists(int(found[2]))
    return time.time() - part.stat().st_mtime < DAY


def _machine() -> str:
    return re.sub(r"\W", "", platform.node())[:20]
