"""What all the explorers share: an explorer is a picture with controls, one for each lesson, in the lesson's module.

An :class:`Explorer` is made of labelled controls and of a function of their values that returns a picture and the
numbers to show under it. No callback reads a global. What a student's function does wrong is said under the picture.

How to write one, in ``explorers/NAME.py`` for the lesson ``NN_NAME``:

1. A plain function ``xxx_picture(...) -> (image, numbers)``: the image ``(H, W)`` or ``(3, H, W)`` over [0, 1], the
   numbers a dict of floats and strings. The notebook calls it in the cell after the explorer, and tests do.
2. ``@explorer def explore_xxx(...) -> Explorer`` makes the controls (``slider``, ``log_slider``, ``count_slider``,
   ``choice``) in the order of the plain function's arguments, and returns ``Explorer(name, controls, draw, alt)``. A
   student's function is an argument of it, called through ``call``, which says in words what it does wrong.
3. A drawing takes at most 150 ms; give ``draft`` a faster one where it would take longer. What takes seconds is a
   :class:`Run`: a thread that can be started, paused, resumed and stopped.
4. ``tests/lessons/NAME.py`` has its case: ``EXPLORERS = {"explore_xxx": ExplorerCase(make, plain, ...)}``.
"""

from __future__ import annotations

import asyncio
import html
import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anywidget
import ipywidgets as widgets
import torch
import traitlets
from torch import Tensor

from course_utils.images import png_bytes

DELAY = 0.02  # seconds: the changes of a control that arrive within it are drawn once, with the last value
SETTLE = 0.3  # seconds without a change, after which a draft is replaced by the full computation

Numbers = Mapping[str, float | str]
Draw = Callable[..., tuple[Tensor, Numbers]]
Watch = Callable[[Tensor, float], object]  # of a picture and E
Settings = dict[str, Any]
Explore = Callable[..., "Explorer"]
F = TypeVar("F", bound=Explore)

EXPLORERS: dict[str, Explore] = {}  # the explorers of the lessons imported so far, by the name of the function


def explorer(function: F) -> F:
    """Register the function that makes a lesson's explorer: tests, latency benchmark and browser tests find it."""
    EXPLORERS[function.__name__] = function
    return function


class _Page(anywidget.AnyWidget):
    """What ipywidgets leaves out of an explorer's page: names for screen readers, and whether the pointer is down."""

    _esm = Path(__file__).with_name("explorer.js")
    alt = traitlets.Unicode().tag(sync=True)
    held = traitlets.Bool(False).tag(sync=True)


class Explorer(widgets.VBox):
    """Controls, a picture over [0, 1] and a line of numbers.

    Parameters
    ----------
    name : what it explores, for its text form.
    controls : name -> widget with a ``value``, in the order of the arguments of ``draw``.
    draw : returns an image and the numbers to write under it. What it raises is written there instead.
    alt : what the picture shows, written beneath it.
    zoom : screen pixels per pixel.
    extra : widgets without a value, such as buttons, shown under the controls.
    draft : a faster ``draw``, shown while a control moves.
    run : a long computation; its buttons and its state are shown under the controls.

    Attributes
    ----------
    controls : the controls by name, the buttons of the run among them.
    picture, line : the widgets of the picture and of the numbers.
    run : the long computation, or None.
    page : what says whether the pointer holds a control.
    drawing : the drawings that are planned.
    """

    def __init__(
        self,
        name: str,
        controls: Mapping[str, Any],
        draw: Draw,
        alt: str,
        zoom: int = 1,
        extra: Sequence[widgets.Widget] = (),
        draft: Draw | None = None,
        run: Run | None = None,
    ) -> None:
        # a tooltip, the picture's own alternative text, would make ipywidgets 8.1 fail: `page` gives it one
        picture = widgets.Image(format="png", layout={"align_self": "flex-start", "max_width": "100%"})
        line, page = widgets.HTML(), _Page(alt=alt)
        picture.add_class("course-picture")
        line.add_class("course-line")
        panel = widgets.VBox([*controls.values(), *([run.box] if run else []), *extra])
        described = widgets.VBox([picture, line, widgets.HTML(f"<em>{html.escape(alt)}</em>")])
        super().__init__(children=[widgets.HBox([panel, described]), page])
        self.add_class("course-explorer")
        self.name, self.controls, self.picture, self.line, self.page = name, dict(controls), picture, line, page
        self._draw, self.zoom, self._sources = draw, zoom, list(controls.values())
        self.drawing = on_change(self._sources, self.update, draft and partial(self._update_by, draft), page)
        self.run = run
        if run:
            self.controls |= run.buttons
            run.before = self.drawing.flush  # a choice just made is drawn first: it would end what begins now
        self.update()

    def update(self) -> None:
        """Draw the picture again, in full."""
        self._update_by(self._draw)

    def _update_by(self, draw: Draw) -> None:
        self.attempt(lambda: self.show(*draw(*(control.value for control in self._sources))))

    def show(self, u: Tensor, numbers: Numbers) -> None:
        """Show a picture and its numbers."""
        self.picture.value = png_bytes(u, zoom=self.zoom)
        self.line.value = html.escape(format_numbers(numbers))

    def attempt(self, work: Callable[[], object]) -> None:
        """Call ``work``; write what it raises, or that it was interrupted, in the place of the numbers."""
        try:
            with _interruptible(), _one_thread():
                work()
        except KeyboardInterrupt:
            self.tell("interrupted")
        except Exception as error:  # a student's function may raise anything: the explorer must survive it and say so
            self.tell(_words(error))

    def tell(self, problem: str) -> None:
        """Write a problem in the place of the numbers."""
        self.line.value = f'<strong role="alert">{html.escape(problem)}</strong>'

    def __repr__(self) -> str:
        """Return what a notebook without a running kernel shows in the explorer's place."""
        return f"Explorer of {self.name}: run this cell to use it, the next cell shows its picture."


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let the interrupt of the kernel stop what a control has started: ipykernel lets it stop cells only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread: images are small, and where the browser keeps the other cores busy it is far faster."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Reported(Exception):
    """What a function that was plugged into an explorer did wrong, in a sentence."""


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, _Reported) else f"{type(error).__name__}: {error}"


def call(function: Callable[..., object], shape: Sequence[int], *args: Any) -> Tensor:
    """Return what a plugged-in function returns for copies of its arguments, if it is an image of this shape."""
    name = getattr(function, "__name__", type(function).__name__)
    try:
        u = function(*(x.clone() if isinstance(x, Tensor) else x for x in args))
    except Exception as error:
        raise _Reported(f"{name} raised {type(error).__name__}: {error}{_where(error, name)}") from error
    if not isinstance(u, Tensor):
        raise _Reported(f"{name} returned {type(u).__name__}, a tensor is expected")
    if u.shape != torch.Size(shape):
        raise _Reported(f"{name} returned the shape {tuple(u.shape)}, {tuple(shape)} is expected")
    if not u.is_floating_point():
        raise _Reported(f"{name} returned {u.dtype} values, real floating-point ones are expected")
    if not u.isfinite().all():
        raise _Reported(f"{name} returned values that are not finite: does it divide by zero?")
    return u.detach()


def _where(error: Exception, name: str) -> str:
    """Return in which line of a function's cell an error occurred: the last line of that name in the traceback."""
    trace, place = error.__traceback__, ""
    while trace:
        if trace.tb_frame.f_code.co_name == name:
            place = f" (line {trace.tb_lineno} of its cell)"
        trace = trace.tb_next
    return place


def on_change(
    controls: Sequence[Any], full: Callable[[], None], draft: Callable[[], None] | None = None, page: Any = None
) -> _Drawing:
    """Draw after the value of a control changed: once for all the changes of a short while.

    While the kernel is busy drawing, the movements of a slider pile up. Each of them only asks for a later drawing, and
    one serves them all, so no stale picture is ever drawn. Without a running event loop ``full`` is called at once.

    Parameters
    ----------
    controls : widgets with a ``value``.
    full : draws.
    draft : draws quickly, in the place of ``full`` until nothing has changed for a while.
    page : widget whose ``held`` says that the pointer holds a control; a draft stays until it is released.
    """
    drawing = _Drawing(full, draft, page)
    for control in controls:
        control.observe(drawing.changed, names="value")
    if draft and page:
        page.observe(drawing.released, names="held")
    return drawing


class _Drawing:
    """Which drawings are planned: a draft soon, the full one when the controls are at rest."""

    def __init__(self, full: Callable[[], None], draft: Callable[[], None] | None, page: Any) -> None:
        self.full, self.draft, self.page = full, draft, page
        self.soon: asyncio.TimerHandle | None = None
        self.later: asyncio.TimerHandle | None = None

    def changed(self, _: object) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.full()
            return
        if self.later:
            self.later.cancel()
        self.soon = self.soon or loop.call_later(DELAY, self.draw_soon)

    def flush(self) -> None:
        """Draw now what was planned to be drawn soon."""
        if self.soon:
            self.soon.cancel()
            self.draw_soon()

    def draw_soon(self) -> None:
        self.soon = None
        if self.draft is None:
            self.full()
            return
        self.draft()
        self.plan()

    def plan(self) -> None:
        self.later = asyncio.get_running_loop().call_later(SETTLE, self.finish)

    def finish(self) -> None:
        if not (self.page and self.page.held):
            self.later = None
            self.full()

    def released(self, change: Mapping[str, Any]) -> None:
        if self.later and not change["new"]:
            self.later.cancel()
            self.plan()


def format_numbers(numbers: Numbers) -> str:
    """Return "name: value" for each number, with two decimals."""
    return ", ".join(
        f"{name}: {value}" if isinstance(value, str) else f"{name}: {value:.2f}" for name, value in numbers.items()
    )


def widths() -> dict[str, Any]:
    """Return what makes all the controls equally wide, with room for their labels."""
    return {"style": {"description_width": "7em"}, "layout": {"width": "26em"}}


def slider(description: str, value: float, low: float, high: float, step: float) -> widgets.FloatSlider:
    """Return a labelled slider that can be moved with the keyboard."""
    return widgets.FloatSlider(
        value=value, min=low, max=high, step=step, description=description, tooltip=description, **widths()
    )


def count_slider(description: str, value: int, low: int, high: int) -> widgets.IntSlider:
    """Return the same for an integer."""
    return widgets.IntSlider(value=value, min=low, max=high, description=description, tooltip=description, **widths())


def log_slider(description: str, value: float, low: float, high: float, step: float) -> widgets.FloatLogSlider:
    """Return a labelled slider between 10**low and 10**high."""
    limits = {"value": value, "min": low, "max": high, "step": step, "readout_format": ".2g"}
    return widgets.FloatLogSlider(**limits, description=description, tooltip=description, **widths())


def choice(description: str, options: Sequence[str]) -> widgets.Dropdown:
    """Return a labelled list to choose from, as wide as the sliders."""
    return widgets.Dropdown(options=list(options), description=description, tooltip=description, **widths())


def curve_svg(points: Sequence[tuple[float, float]], here: int, labels: Sequence[str], name: str) -> str:
    """Return a curve as SVG, in the colour of text, with a dot at point number ``here``.

    Points are (x, y) in [0, 1], y upwards; labels those of the top, the bottom, the left and the right end.
    """
    places = [(84 + 416 * x, 140 - 120 * y) for x, y in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    anchors = ['x="78" y="26" text-anchor="end"', 'x="78" y="142" text-anchor="end"']
    anchors += ['x="84" y="163"', 'x="506" y="163" text-anchor="end"']
    texts = "".join(f"<text {anchor}>{html.escape(text)}</text>" for anchor, text in zip(anchors, labels, strict=True))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 170" font-family="sans-serif" font-size="19" '
        f'fill="currentColor" role="img" aria-label="{html.escape(name)}" style="width: 100%; max-width: 512px">'
        f'<path d="M84 20V140H500" stroke="currentColor" fill="none"/>{texts}'
        f'<polyline points="{line}" fill="none" stroke="#0072b2" stroke-width="2.5"/>'
        f'<circle cx="{places[here][0]:.1f}" cy="{places[here][1]:.1f}" r="6" fill="#d55e00"/></svg>'
    )


# --- what takes seconds ----------------------------------------------------------------------------------------------


class Run:
    """A long computation in a thread that can be started, paused, resumed and stopped; its state is said in words.

    Parameters
    ----------
    work : ``work(turn)``, the computation. After each iteration it calls ``turn.tick()``, which waits while the run is
        paused and raises ``StopIteration`` when it was stopped, and ``turn.show(function, *args)`` to show something:
        the function is called in the kernel's event loop, and only while this run is the current one. It may catch
        ``StopIteration`` to show what was reached.

    Attributes
    ----------
    state : "ready", "running", "paused", "stopped", "done", or "failed".
    buttons : "run", "pause" and "stop". Run resumes what is paused, and leaves alone what is running.
    box : the buttons, and under them the state.
    thread : that of the last run, None before.
    """

    def __init__(self, work: Callable[[Turn], object]) -> None:
        width = {"width": "8em"}
        self.buttons: dict[str, Any] = {
            "run": widgets.Button(description="run", layout=width),
            "pause": widgets.ToggleButton(description="pause", layout=width),
            "stop": widgets.Button(description="stop", layout=width),
        }
        self.status = widgets.HTML()
        self.status.add_class("course-state")
        self.box = widgets.VBox([widgets.HBox(list(self.buttons.values())), self.status])
        self.thread: threading.Thread | None = None
        self.before: Callable[[], object] = lambda: None  # called before a run begins
        self._work = work
        self._turn: Turn | None = None
        self._say("ready", "press run")
        self.buttons["run"].on_click(lambda _: self.start())
        self.buttons["stop"].on_click(lambda _: self.stop())
        self.buttons["pause"].observe(lambda change: self.pause() if change["new"] else self.resume(), names="value")

    def start(self) -> None:
        """Start a run, or resume the one that is paused; a run that is running goes on, and that is said."""
        self.before()
        if self.state == "paused":
            self.resume()
        elif self.state == "running":
            self._say("running", "running already: stop it to run again")
        else:
            self._turn = turn = Turn(self)
            self._say("running")
            self.thread = threading.Thread(target=self._run, args=(turn,), daemon=True)
            self.thread.start()

    def pause(self) -> None:
        """Hold the run after its present iteration."""
        if self.state == "running" and self._turn:
            self._turn.going.clear()
            self._say("paused")
        elif self.state != "paused":
            self.buttons["pause"].value = False

    def resume(self) -> None:
        """Let a paused run go on."""
        if self.state == "paused" and self._turn:
            self._say("running")
            self._turn.going.set()

    def stop(self) -> None:
        """End the run after its present iteration; what it has reached stays."""
        if self.state in ("running", "paused") and self._turn:
            self._turn.end()
            self._say("stopped")

    def forget(self) -> None:
        """End the run and show nothing more of it, because what it was started with has changed."""
        if self._turn:
            self._turn.end()
        self._turn = None
        self._say("ready", "press run")

    def is_current(self, turn: Turn) -> bool:
        """Say whether this turn is the last one, which nothing has replaced."""
        return turn is self._turn

    def _run(self, turn: Turn) -> None:
        try:
            with _one_thread():
                self._work(turn)
        except StopIteration:
            pass
        except Exception as error:  # a student's function may raise anything, after a while
            turn.show(self._say, "failed", _words(error))
            return
        turn.show(self._finish)

    def _finish(self) -> None:
        if self.state != "stopped":
            self._say("done")

    def _say(self, state: str, words: str = "") -> None:
        self.state = state
        self.buttons["pause"].value = state == "paused"
        role = "alert" if state == "failed" else "status"
        self.status.value = f'<span role="{role}">{html.escape(words or state)}</span>'


class Turn:
    """One run of a `Run`, as its computation sees it."""

    def __init__(self, run: Run) -> None:
        self._run, self._call = run, _in_event_loop()
        self.going, self.ended = threading.Event(), threading.Event()
        self.going.set()

    def tick(self) -> None:
        """Wait while the run is paused; raise ``StopIteration`` when it was stopped."""
        self.going.wait()
        if self.ended.is_set():
            raise StopIteration

    def show(self, function: Callable[..., object], *args: object) -> None:
        """Call ``function(*args)`` in the kernel's event loop, if this run is still the current one."""
        self._call(lambda: function(*args) if self._run.is_current(self) else None)

    def end(self) -> None:
        """Let ``tick`` raise ``StopIteration``."""
        self.ended.set()
        self.going.set()


def _in_event_loop() -> Callable[..., object]:
    """Return a function that calls another one in the kernel's event loop, or at once when there is none."""
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        return lambda function: function()


# --- a descent on an image: lessons 10 and 11 ------------------------------------------------------------------------


def descent_explorer(
    name: str,
    choices: Mapping[str, Any],
    first: Draw,
    descend: Callable[[Settings, Watch], tuple[Tensor, Numbers]],
    budget: Callable[[Settings], int],
    alt: str,
    zoom: int,
) -> Explorer:
    """Return an explorer of a descent, which is a `Run`; a change of the choices ends it.

    Parameters
    ----------
    choices : the controls of what is chosen before; their values by name are the settings.
    first : draws what is there before a run, from the values of the choices.
    descend : from settings to the last picture and its numbers; it calls ``watch(picture, E)`` after each evaluation.
    budget : from settings to the number of evaluations.
    name, alt, zoom : as for `Explorer`.
    """
    curve = widgets.HTML()

    def work(turn: Turn) -> None:
        settings = {key: control.value for key, control in choices.items()}
        n, losses = budget(settings), []

        def show(picture: Tensor, numbers: Numbers, svg: str) -> None:
            shown.show(picture, numbers)
            curve.value = svg

        def watch(picture: Tensor, loss: float) -> None:
            losses.append(loss)
            numbers = {"evaluations": f"{len(losses)} of {n}", "E": f"{loss:.1e}"}
            turn.show(show, picture, numbers, loss_curve_svg(losses, n))
            turn.tick()

        picture, numbers = descend(settings, watch)
        turn.show(show, picture, numbers, loss_curve_svg(losses, n))

    run = Run(work)

    def draw(*values: Any) -> tuple[Tensor, Numbers]:
        run.forget()
        curve.value = ""
        return first(*values)

    shown = Explorer(name, choices, draw, alt, zoom, [curve], run=run)
    return shown


def loss_curve_svg(losses: Sequence[float], n_iterations: int) -> str:
    """Return E against the number of evaluations as SVG, on a logarithmic scale, with a dot at the last one."""
    levels = [math.log10(max(loss, 1e-30)) for loss in losses]
    low, high = math.floor(min(levels)), math.ceil(max(levels))
    span = max(high - low, 1)
    points = [(i / max(n_iterations - 1, 1), (level - low) / span) for i, level in enumerate(levels)]
    labels = [f"1e{low + span}", f"1e{low}", "E after 1", f"{n_iterations} evaluations"]
    return curve_svg(points, len(points) - 1, labels, f"E after {len(losses)} evaluations: {losses[-1]:.1e}")
