"""``course figures``: the lecture's figures, made by running the notebooks that define them.

A notebook runs in a kernel whose environment variable ``COURSE_FIGURES`` names a folder; ``slide_figure`` writes there
what it shows. Beside the figures, ``figures.json`` records what each was made from, so that what is up to date is not
made again.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import platform
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
from filelock import FileLock
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TimeElapsedColumn
from rich.table import Table

from course_utils._files import process_mark, remove_leftovers
from course_utils._validation import require_choice, require_count
from course_utils.classroom import ROOT, gallery
from course_utils.classroom.build import (
    CELL_TIMEOUT,
    QUIET_ENVIRONMENT,
    read_source,
    source_files,
    write_if_changed,
)
from course_utils.classroom.jobs import run_jobs
from course_utils.classroom.provenance import (
    Module,
    Place,
    data_hash,
    find_figures,
    reachable,
    read_modules,
    read_numbers,
    sha256,
)
from course_utils.plotting import STYLES
from course_utils.slides import SlideFigure, lecture, list_figures, read_cards

FORMATS = ("pdf", "png", "svg")
RECORDS = "figures.json"
REQUIRED = {"made_from", "modules", "data", "versions", "style", "size", "files", "cell", "section"}  # in a record
STOP_PATIENCE = 20.0  # seconds that kernels have to end when the run is stopped
PACKAGES = ("torch", "numpy", "matplotlib", "pillow")
# Text that a notebook adds to a figure by itself follows the style too; for "slides" this changes nothing.
PREAMBLE = "import matplotlib, course_utils.plotting as p; matplotlib.rcParams.update(p.STYLES[p.style_name()])"

Record = dict[str, Any]
Advance = Callable[[str, int, int], None]  # notebook, cells done, cells to do


@dataclass(frozen=True)
class Planned:
    """A figure of a card with its place in the notebook, None where no cell makes it."""

    entry: SlideFigure
    place: Place | None


@dataclass(frozen=True)
class Present:
    """What figures would be made from now: notebooks, modules, data files (of those that records name), packages."""

    plan: Mapping[str, Planned]
    modules: Mapping[str, Module]
    data: Mapping[str, str]
    versions: Mapping[str, str]

    def used(self, name: str) -> dict[str, str]:
        """Return the hashes of the modules that a figure's program uses."""
        place = self.plan[name].place
        return {module: self.modules[module].sha for module in reachable(place.modules, self.modules)} if place else {}

    def facts(self, name: str) -> Record:
        """Return the part of a figure's record that needs no run."""
        entry, place = self.plan[name].entry, self.plan[name].place
        return {
            "slide": entry.slide,
            "notebook": entry.notebook,
            "cell": place.cell if place else None,
            "section": place.section if place else "",
            "seeds": list(place.seeds) if place else [],
            "made_from": {
                "notebook": place.code if place else "",
                "card": sha256(json.dumps(asdict(entry)).encode()),
            },
            "versions": dict(self.versions),
        }


@dataclass(frozen=True)
class Failure:
    """Why figures could not be made: the notebook, its cell (0 when no cell is to blame) and the message."""

    notebook: str
    cell: int
    message: str
    lost: tuple[str, ...]

    def __str__(self) -> str:
        where = f"{self.notebook}, cell {self.cell}" if self.cell else self.notebook
        return f"{where}: {self.message}" + (f"\n  not made: {', '.join(self.lost)}" if self.lost else "")


@dataclass
class Outcome:
    """What a run did: figures made, figures that were up to date, and failures."""

    made: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Order:
    """One notebook to run: which of its figures are wanted, in which formats and style."""

    notebook: str
    figures: tuple[str, ...]
    formats: tuple[str, ...]
    style: str


def make_figures(
    out: Path,
    root: Path = ROOT,
    only: Sequence[str] = (),
    formats: Sequence[str] = FORMATS,
    style: str = "slides",
    force: bool = False,
    jobs: int = 2,
    advance: Advance = lambda notebook, done, total: None,
    scheduler: str = "",
) -> Outcome:
    """Make the figures that are not up to date, with their records, the gallery and the LaTeX macros.

    Parameters
    ----------
    out : folder to write to. Formats of a figure that it holds already are kept up to date with those asked for.
    root : the checkout.
    only : names of figures or of notebooks; all figures when empty.
    formats : some of "pdf", "png", "svg".
    style : "slides", "print" or "dark".
    force : make figures again that are up to date.
    jobs : notebooks that run at the same time, each with one thread.
    advance : called with (notebook, cells done, cells to do) after each cell; not from a cluster.
    scheduler : address of a Dask scheduler, whose workers run the notebooks and see both folders under the same paths.

    Returns
    -------
    What was made, what was up to date, and what failed; a failing notebook stops only its own figures.

    Raises
    ------
    ValueError
        If a name, format or style is unknown; nothing was done then.
    RuntimeError
        If ``out`` cannot be written to; nothing was done then.
    """
    require_choice(style, "style", STYLES)
    formats = [require_choice(kind, "format", FORMATS) for kind in formats]
    require_count(jobs, "jobs")
    plan = survey(root)
    chosen = select(plan, only)
    _require_writable(out)
    records = read_records(out)
    now = _look(root, plan, records)
    stale = [name for name in chosen if force or _reasons(records.get(name), now, name, out, formats, style)]
    outcome = Outcome(fresh=[name for name in chosen if name not in stale], failures=list(_misplaced(plan, stale)))
    remove_leftovers(out, ".making[.-]*")
    orders = _orders(plan, stale, records, formats, style)
    try:
        with tempfile.TemporaryDirectory(dir=out, prefix=f".making{process_mark()}") as staging:
            keeper = _Keeper(out, Path(staging), now)
            for failure in _run_all(orders, plan, root, keeper, jobs, advance, scheduler):
                outcome.failures += [failure] if failure else []
    finally:
        update_records(out, {}, now)
        kept = read_records(out)
        gallery.write(out, root, [planned.entry for planned in plan.values()], kept, stale_figures(out, root))
    outcome.made = [name for name in plan if name in keeper.made]
    return outcome


def stale_figures(out: Path, root: Path = ROOT, only: Sequence[str] = ()) -> dict[str, list[str]]:
    """Return which figures in ``out`` are not up to date, and why: name -> reasons.

    Raises
    ------
    ValueError
        If ``out`` holds no readable ``figures.json``, or a name is unknown.
    """
    if not (out / RECORDS).exists():
        raise ValueError(f"{out} holds no {RECORDS}: make the figures first, `course figures --out {out}`")
    plan, records = survey(root), read_records(out)
    now = _look(root, plan, records)
    found = {name: _reasons(records.get(name), now, name, out) for name in select(plan, only)}
    if not only:
        found |= {name: ["no longer in a card"] for name in records if name not in plan}
    return {name: reasons for name, reasons in found.items() if reasons}


def listing(out: Path, root: Path = ROOT, only: Sequence[str] = ()) -> list[tuple[str, str, str, str, str]]:
    """Return one row per figure: name, slide title, notebook, section, size in inches ("" before it is made)."""
    plan, records = survey(root), read_records(out)
    rows = []
    for name in select(plan, only):
        entry, place = plan[name].entry, plan[name].place
        size = " x ".join(f"{length:g}" for length in records.get(name, {}).get("size", []))
        rows.append((name, entry.slide, entry.notebook, place.section if place else "", size))
    return rows


def print_listing(rows: Sequence[tuple[str, str, str, str, str]]) -> None:
    """Print the rows of ``listing`` as a table in a terminal, with tabs between the columns elsewhere."""
    console = Console()
    if not console.is_terminal:
        print("\n".join("\t".join(row) for row in rows))
        return
    table = Table("figure", "slide", "notebook", "section", "inches", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


@contextmanager
def progress_bar() -> Iterator[Advance]:
    """Yield the function that shows how far each notebook is; nothing is shown outside a terminal."""
    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), "{task.completed} of {task.total} cells", TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, TaskID] = {}

        def advance(notebook: str, done: int, total: int) -> None:
            if notebook not in tasks:
                tasks[notebook] = bar.add_task(notebook, total=total)
            bar.update(tasks[notebook], completed=done)

        yield advance


def survey(root: Path = ROOT) -> dict[str, Planned]:
    """Return the figures of the cards, in the lecture's order, with their places in the notebooks."""
    entries = list_figures(read_cards(root / "notebooks" / "src"), lecture(root / "course_utils" / "lecture.toml"))
    needed = {entry.notebook for entry in entries.values()}
    places = {name: find_figures(read_source(path)) for name, path in source_files(root).items() if name in needed}
    return {name: Planned(entry, places.get(entry.notebook, {}).get(name)) for name, entry in entries.items()}


def select(plan: Mapping[str, Planned], only: Sequence[str]) -> list[str]:
    """Return the figures that are named, or whose notebook is, in the lecture's order; all when ``only`` is empty."""
    notebooks = {planned.entry.notebook for planned in plan.values()}
    wanted = {require_choice(name, "figure or notebook", notebooks | set(plan)) for name in only}
    return [name for name, planned in plan.items() if not only or {name, planned.entry.notebook} & wanted]


def read_records(out: Path) -> dict[str, Record]:
    """Return the records of ``figures.json`` by figure, empty where there is none.

    Raises
    ------
    ValueError
        If the file is broken.
    """
    path = out / RECORDS
    if not path.exists():
        return {}
    try:
        records = json.loads(path.read_text(encoding="utf-8"))["figures"]
        complete = all(record.keys() >= REQUIRED for record in records.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        complete = False
    if not complete:
        raise ValueError(f"{path} is broken: delete it, and the figures are made again")
    return records


def _reasons(
    record: Record | None, now: Present, name: str, out: Path, formats: Iterable[str] = (), style: str | None = None
) -> list[str]:
    """Say why the files of a figure are not what the notebook would give now; [] when they are."""
    if record is None:
        return ["never made"]
    made_from = now.facts(name)["made_from"]
    reasons = [f"{what} changed" for what, sha in made_from.items() if record["made_from"].get(what) != sha]
    used = now.used(name)
    reasons += [f"{module} changed" for module, sha in used.items() if record["modules"].get(module) != sha]
    reasons += [f"data/{file} is missing" for file in record["data"] if not now.data[file]]
    reasons += [f"data/{file} changed" for file, sha in record["data"].items() if now.data[file] not in ("", sha)]
    for package, version in now.versions.items():
        if (before := record["versions"].get(package)) != version:
            reasons.append(f"made with {package} {before}, now {version}")
    if style not in (None, record["style"]):
        reasons.append(f"made in style {record['style']}")
    reasons += [f"no {kind} yet" for kind in formats if f"{name}.{kind}" not in record["files"]]
    for file, sha in record["files"].items():
        if not (out / file).is_file():
            reasons.append(f"{file} is missing")
        elif sha256((out / file).read_bytes()) != sha:
            reasons.append(f"{file} was altered")
    return reasons


def _look(root: Path, plan: Mapping[str, Planned], records: Mapping[str, Record]) -> Present:
    """Read what figures would be made from now."""
    files = sorted({file for record in records.values() for file in record["data"]})
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    versions = {"python": ".".join(platform.python_version_tuple()[:2])} | versions
    return Present(plan, read_modules(root), {file: data_hash(root, file) for file in files}, versions)


def _require_writable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise RuntimeError(f"cannot write into {out}: {error.strerror or error}") from None


def _misplaced(plan: Mapping[str, Planned], names: Iterable[str]) -> Iterator[Failure]:
    for name in names:
        if plan[name].place is None:
            yield Failure(plan[name].entry.notebook, 0, f"no cell calls slide_figure(..., {name!r})", (name,))


def _orders(
    plan: Mapping[str, Planned],
    names: Iterable[str],
    records: Mapping[str, Record],
    formats: Iterable[str],
    style: str,
) -> list[Order]:
    """Return the notebooks to run, the last of the course first: its syntheses take longest."""
    wanted: dict[str, list[str]] = {}
    for name in names:
        if plan[name].place:
            wanted.setdefault(plan[name].entry.notebook, []).append(name)
    orders = []
    for notebook in sorted(wanted, reverse=True):
        files = {file for name in wanted[notebook] for file in records.get(name, {}).get("files", {})}
        held = {Path(file).suffix[1:] for file in files if "/" not in file}
        orders.append(Order(notebook, tuple(wanted[notebook]), tuple(sorted({*formats, *held})), style))
    return orders


def _run_all(
    orders: Sequence[Order],
    plan: Mapping[str, Planned],
    root: Path,
    keeper: _Keeper,
    jobs: int,
    advance: Advance,
    scheduler: str,
) -> Iterator[Failure | None]:
    """Run notebooks in parallel; yield when each ends. Threads do here: the work is in the kernels' processes."""
    last = {order: max(place.cell for name in order.figures if (place := plan[name].place)) for order in orders}
    kernels = _Kernels()

    def run_here(order: Order) -> tuple[Order, int, str]:
        def after_cell(done: int, total: int) -> None:
            keeper.keep(order)
            advance(order.notebook, done, total)

        return _run(order, last[order], root, keeper.staging, kernels, after_cell)

    try:
        if scheduler:
            tasks = [(order, last[order], root.resolve(), keeper.staging.resolve()) for order in orders]
            ended = run_jobs(_run_elsewhere, tasks, scheduler=scheduler)
        else:
            ended = run_jobs(run_here, [(order,) for order in orders], jobs, backend="threading")
        for order, number, problem in ended:
            keeper.keep(order)
            yield _failure(order, number, problem, keeper.made)
    finally:
        kernels.stop()
        for order in orders:  # what a cluster has made of the notebooks that are not at their end
            keeper.keep(order)


def _failure(order: Order, number: int, problem: str, made: Sequence[str]) -> Failure | None:
    """Return why figures of a notebook were not made, None when all is well."""
    lost = tuple(name for name in order.figures if name not in made)
    if lost and not problem:
        return Failure(order.notebook, 0, "it ran, but did not make all its figures", lost)
    return Failure(order.notebook, number, problem, lost) if problem else None


def _run_elsewhere(order: Order, last: int, root: Path, staging: Path) -> tuple[Order, int, str]:
    """Run a notebook on a worker of a cluster, as long as somebody waits for it."""

    def after_cell(done: int, total: int) -> None:
        if not staging.is_dir():
            raise RuntimeError("stopped")

    return _run(order, last, root, staging, _Kernels(), after_cell)


def _run(
    order: Order, last: int, root: Path, staging: Path, kernels: _Kernels, after_cell: Callable[[int, int], None]
) -> tuple[Order, int, str]:
    """Run a notebook up to its cell ``last``; return the cell at which it ended and what went wrong, or ""."""
    notebook = read_source(source_files(root)[order.notebook])
    notebook.cells = [new_code_cell(PREAMBLE), *notebook.cells[:last]]
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(root / "notebooks")}},
    )
    with kernels.running(client):
        number, problem = asyncio.run(_execute(client, _environment(order, root, staging), after_cell))
    return order, number, problem


class _Kernels:
    """The kernels that run now, all of which can be stopped."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._clients: set[NotebookClient] = set()
        self._stopped = False

    @contextmanager
    def running(self, client: NotebookClient) -> Iterator[None]:
        """Hold a client among those that run, unless all were stopped."""
        with self._changed:
            if self._stopped:
                raise RuntimeError("stopped")
            self._clients.add(client)
        try:
            yield
        finally:
            with self._changed:
                self._clients.discard(client)
                self._changed.notify_all()

    def stop(self) -> None:
        """Kill the kernels that run, and wait until those who waited for them have noticed."""
        end = time.monotonic() + STOP_PATIENCE
        with self._changed:
            self._stopped = True
            while self._clients and time.monotonic() < end:
                for client in self._clients:
                    process = getattr(getattr(client.km, "provisioner", None), "process", None)
                    if process is not None and process.poll() is None:
                        process.kill()
                self._changed.wait(0.2)


class _Keeper:
    """Moves figures from the folder where kernels write them to where they stay, with their records."""

    def __init__(self, out: Path, staging: Path, now: Present) -> None:
        self.out, self.staging, self.now = out, staging, now
        self.made: list[str] = []
        self._lock = threading.Lock()

    def keep(self, order: Order) -> None:
        """Keep what a notebook has finished so far: the file of facts is the last that is written of a figure."""
        with self._lock:
            done = [n for n in order.figures if n not in self.made and (self.staging / f"{n}.json").exists()]
            if done:
                new = {name: _collect(name, order, self.staging, self.out, self.now) for name in done}
                update_records(self.out, new, self.now)
                self.made += done


async def _execute(
    client: NotebookClient, environment: dict[str, str], advance: Callable[[int, int], None]
) -> tuple[int, str]:
    """Execute the cells of a client's notebook in order; return the last one's number and what went wrong, or ""."""
    number, cells = 0, client.nb.cells
    try:
        async with client.async_setup_kernel(env=environment):
            for number, cell in enumerate(cells):  # the preamble is 0: the others keep their numbers
                await client.async_execute_cell(cell, number)
                advance(number, len(cells) - 1)
    except CellExecutionError as error:
        return number, f"{error.ename}: {error.evalue}"
    except (CellTimeoutError, DeadKernelError) as error:
        return number, f"{type(error).__name__}: {error}".strip()
    return number, ""


def _environment(order: Order, root: Path, staging: Path) -> dict[str, str]:
    """Return a kernel's environment: the checkout's package, and matplotlib's own settings instead of the user's."""
    return (
        os.environ
        | QUIET_ENVIRONMENT
        | {
            "COURSE_FIGURES": str(staging.resolve()),  # the kernel works in another folder
            "COURSE_FORMATS": ",".join(order.formats),
            "COURSE_STYLE": order.style,
            "MATPLOTLIBRC": str(Path(mpl.get_data_path()) / "matplotlibrc"),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(root.resolve()), os.environ.get("PYTHONPATH")])),
        }
    )


def _collect(name: str, order: Order, staging: Path, out: Path, now: Present) -> Record:
    """Move the files of a figure from ``staging`` to ``out``, each in one step, and return its record."""
    seen = json.loads((staging / f"{name}.json").read_text(encoding="utf-8"))
    (out / "previews").mkdir(exist_ok=True)
    targets = {f"{name}.{kind}": f"{name}.{kind}" for kind in order.formats}
    targets[f"{name}.preview.png"] = f"previews/{name}.png"
    for made, target in targets.items():
        os.replace(staging / made, out / target)
    return now.facts(name) | {
        "modules": now.used(name),
        "data": seen["data"],
        "style": order.style,
        "size": seen["size"],
        "numbers": read_numbers(seen["texts"]),
        "texts": seen["texts"],
        "color_maps": seen["color_maps"],
        "files": {target: sha256((out / target).read_bytes()) for target in sorted(targets.values())},
    }


def update_records(out: Path, new: Mapping[str, Record], now: Present) -> None:
    """Add records to those of ``figures.json``, in the lecture's order, with the places where the cells stand now.

    Another run in the same folder may be adding its own: they take turns.
    """
    with _turn(out):
        records = read_records(out) | dict(new)
        kept = {}
        for name in (name for name in now.plan if name in records):
            facts = now.facts(name)
            kept[name] = records[name] | {"cell": facts["cell"], "section": facts["section"]}
        text = json.dumps({"figures": kept}, indent=1, ensure_ascii=False)
        write_if_changed(out / RECORDS, f"{text}\n")


def _turn(out: Path) -> FileLock:
    """Return the lock of a folder of figures; it lies elsewhere, so that nothing is left in the folder."""
    name = sha256(str(out.resolve()).encode())[:16]
    return FileLock(Path(tempfile.gettempdir()) / f"course-figures-{name}.lock")
