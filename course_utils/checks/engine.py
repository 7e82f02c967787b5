"""The engine behind ``check``: it runs a student's function safely, examines it, and says what it found.

An exercise is one function that examines an answer by its mathematical properties, registered with ``@exercise``::

    @exercise(derivatives.gradient_adjoint, hints=("the idea", "the formula", "the first line"))
    def gradient_adjoint(student):
        for shape in SHAPES:
            u, p = random_image(shape), random_image((2, *shape))
            answer = student.tensor(p, shape=shape)
            recognise(answer, ("sign", -derivatives.gradient_adjoint(p), "You wrote div = −∇ᵀ."))
            expect_close(inner(u, answer), inner(derivatives.gradient(u), p), "adjoint", "⟨u, ∇ᵀp⟩ is not ⟨∇u, p⟩.")
        return "⟨∇u, p⟩ = ⟨u, ∇ᵀp⟩ on odd and even, non-square images"
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import html
import inspect
import io
import linecache
import math
import os
import random
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import FrameType, TracebackType
from typing import Any

import numpy
import torch
from torch import Tensor

from course_utils._validation import require_choice

TIME_LIMIT = 10.0  # seconds of work for all the calls of one check
PATIENCE = 6.0  # a busy machine may take this many times longer; a function that only sleeps is stopped then
PRINTED = 2000  # characters of what a function prints while it is checked that are passed on
SHAPES = ((6, 5), (7, 8), (9, 9))  # non-square, odd and even, and one square

CAUSES = {
    "adjoint": "not the adjoint",
    "axis": "axes exchanged",
    "boundary": "boundary condition",
    "centering": "kernel not centred",
    "clipping": "values clipped",
    "complex": "complex values left",
    "conjugate": "conjugate or flip forgotten",
    "constant": "does not depend on its input",
    "epsilon": "ε in the wrong place",
    "exception": "an exception was raised",
    "identity": "returns its input",
    "mean": "mean forgotten or wrong",
    "mutates-input": "changes its input",
    "normalisation": "wrong normalisation",
    "not-converged": "not converged",
    "not-finite": "NaN or infinity",
    "order": "wrong order",
    "randomness": "wrong use of the random generator",
    "rank": "wrong rank",
    "shape": "wrong shape",
    "sign": "wrong sign",
    "signature": "wrong parameters",
    "square-root": "square or square root forgotten",
    "start": "wrong first iterate",
    "step-size": "wrong step",
    "too-slow": "too slow, or endless",
    "transpose": "transpose forgotten",
    "truncation": "wrong truncation",
    "type": "wrong type",
    "value": "wrong value",
    "weight": "wrong weight",
}


@dataclass(frozen=True)
class Verdict:
    """What a check found: small, structured, shown as text and as HTML, readable by programs.

    Attributes
    ----------
    status : "passed", "wrong" or "not attempted".
    message : one to three sentences in the lecture's terms.
    details : the numbers that disagree, rounded to four digits.
    exercise : name of the exercise.
    cause : a code of ``CAUSES`` when the status is "wrong", else an empty string.
    """

    status: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    exercise: str = ""
    cause: str = ""
    pictures: Mapping[str, str] = field(default_factory=dict, repr=False)  # label -> PNG, base64

    def __str__(self) -> str:
        cause = f" ({CAUSES[self.cause]})" if self.cause else ""
        numbers = "".join(f"\n    {name}: {value}" for name, value in self.details.items())
        return f"{_SYMBOL[self.status]} {self.exercise}: {self.status}{cause}. {self.message}{numbers}"

    def _repr_html_(self) -> str:
        cause = f" <em>({html.escape(CAUSES[self.cause])})</em>" if self.cause else ""
        numbers = "".join(f"<br><code>{html.escape(k)}: {html.escape(str(v))}</code>" for k, v in self.details.items())
        pictures = "".join(
            f'<figure style="display:inline-block;margin:0.5em 1em 0 0"><img alt="{html.escape(label)}" '
            f'src="data:image/png;base64,{png}"><figcaption>{html.escape(label)}</figcaption></figure>'
            for label, png in self.pictures.items()
        )
        return (
            f'<div style="border-left:6px solid {_COLOUR[self.status]};padding:0.3em 0.8em">'
            f"{_SYMBOL[self.status]} <strong>{html.escape(self.exercise)}: {self.status}</strong>{cause}. "
            f"{html.escape(self.message)}{numbers}{'<br>' + pictures if pictures else ''}</div>"
        )

    def record(self) -> dict[str, Any]:
        """Return what travels in the metadata of the notebook's output (everything but the pictures)."""
        record = asdict(self)
        del record["pictures"]
        return record


_SYMBOL = {"passed": "✓", "wrong": "✗", "not attempted": "○"}
_COLOUR = {"passed": "#009e73", "wrong": "#d55e00", "not attempted": "#0072b2"}  # told apart by colour-blind readers


class Mistake(Exception):
    """Raised while an answer is examined: what is wrong with it, and the likely cause."""

    def __init__(
        self,
        cause: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        pictures: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(message)
        self.cause = require_choice(cause, "cause", CAUSES)
        self.message = message
        self.details = {name: _rounded(value) for name, value in (details or {}).items()}
        self.pictures = {label: _png(image) for label, image in (pictures or {}).items()}


class NotAttempted(Exception):
    """Raised when the body of the exercise is still the stub."""


class _TimeIsUp(BaseException):
    """Thrown into the student's function when it runs for too long."""


def _rounded(value: Any) -> Any:
    """Return ``value`` with four significant digits, as a type that JSON knows."""
    if isinstance(value, Tensor):
        value = value.item() if value.ndim == 0 else value.tolist()
    if isinstance(value, complex):
        return f"{value:.4g}"
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() and 1e3 <= abs(value) < 1e15 else float(f"{value:.4g}")
    if isinstance(value, (int, str, bool)) or value is None:
        return value
    if isinstance(value, Sequence):
        return [_rounded(item) for item in value]
    return str(value)


def _png(image: Tensor) -> str:
    """Return a small picture, black to white over its own range, as base64 PNG."""
    from PIL import Image

    u = image.detach().double().cpu()
    u = torch.nan_to_num(u.reshape(-1, u.shape[-1]))
    span = (u.max() - u.min()).clamp(min=1e-12)
    pixels = ((u - u.min()) / span * 255).round().to(torch.uint8).numpy()
    factor = max(1, 96 // max(pixels.shape))
    picture = Image.fromarray(pixels).resize(
        (pixels.shape[1] * factor, pixels.shape[0] * factor), Image.Resampling.NEAREST
    )
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


# --- what the examining functions are written with -------------------------------------------------------------------


class Student:
    """A student's function as the checks call it: guarded against exceptions, changed inputs and odd results."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        self.function = function
        self.name = name

    def __call__(self, *args: Any) -> Any:
        """Call the function on copies of ``args``; what it raises becomes a ``Mistake`` at the student's line."""
        copies = [_copy(argument) for argument in args]
        try:
            result = self.function(*copies)
        except (_TimeIsUp, Mistake):
            raise
        except BaseException as error:
            if type(error) is NotImplementedError and not error.args:  # the stub; torch's own come with a message
                raise NotAttempted from error
            raise self._crash(error) from error
        for position, (before, after) in enumerate(zip(args, copies, strict=True)):
            if _changed(before, after):
                names = list(inspect.signature(self.function).parameters)
                argument = names[position] if position < len(names) else f"number {position + 1}"
                raise Mistake(
                    "mutates-input",
                    f"{self.name} changes its argument {argument} in place. Work on a copy: "
                    "write x = x + … instead of x += ….",
                )
        if inspect.isgenerator(result) or inspect.iscoroutine(result):
            result.close()
            text = f"{self.name} computes nothing when it is called: write return, not yield, and def, not async def."
            raise Mistake("type", text)
        if result is None:
            raise Mistake("type", f"{self.name} returns None. Did you forget the return statement?")
        return result

    def tensor(self, *args: Any, shape: Sequence[int]) -> Tensor:
        """Call the function and return its result once it is known to be a finite real tensor of this ``shape``."""
        return self.as_tensor(self(*args), shape)

    def as_tensor(self, result: Any, shape: Sequence[int], what: str = "the result") -> Tensor:
        """Return ``result`` once it is known to be a finite real floating-point tensor of this ``shape``."""
        what = what[:1].upper() + what[1:]
        if not isinstance(result, Tensor):
            raise Mistake("type", f"{what} must be a torch tensor, {self.name} returns {_a(type(result).__name__)}.")
        if tuple(result.shape) != tuple(shape):
            raise Mistake(
                "shape",
                f"{what} has the wrong shape.",
                {"your shape": tuple(result.shape), "expected shape": tuple(shape)},
            )
        if result.is_complex():
            raise Mistake("complex", f"{what} is complex. An image is real: take the real part after the inverse FFT.")
        if not result.is_floating_point():
            raise Mistake("type", f"{what} holds {result.dtype} values, floating-point values are expected.")
        if not torch.isfinite(result).all():
            raise Mistake(
                "not-finite", f"{what} contains NaN or infinite values: look for a division by zero or a root of 0."
            )
        return result.detach()

    def number(self, *args: Any) -> float:
        """Call the function and return its result as one finite real number."""
        result = self(*args)
        if isinstance(result, Tensor) and result.numel() != 1:
            raise Mistake("shape", f"{self.name} must return one number.", {"your shape": tuple(result.shape)})
        if isinstance(result, Tensor):
            result = result.detach().item()
        if isinstance(result, complex):
            raise Mistake("complex", f"{self.name} returns a complex number, a real one is expected.")
        try:
            value = float(result)
        except (TypeError, ValueError):
            raise Mistake(
                "type", f"{self.name} must return one number, it returns {_a(type(result).__name__)}."
            ) from None
        if not math.isfinite(value):
            raise Mistake("not-finite", f"{self.name} returns {value}.")
        return value

    def _crash(self, error: BaseException) -> Mistake:
        """Return the mistake that shows ``error`` at the line of the student's function where it came from."""
        where = _students_line(self.function, error.__traceback__)
        return Mistake("exception", f"{self.name} stops with {_summary(error)}{where}.")


def expect(condition: bool | Tensor, cause: str, message: str, **details: Any) -> None:
    """Raise a ``Mistake`` unless ``condition`` holds; ``details`` are the numbers that disagree."""
    if not bool(condition):
        raise Mistake(cause, message, {name.replace("_", " "): value for name, value in details.items()})


def relative_error(answer: Tensor | float, expected: Tensor | float) -> float:
    """Return ‖answer − expected‖ / ‖expected‖ (‖answer‖ when the expected value is 0)."""
    a, b = torch.as_tensor(answer).double(), torch.as_tensor(expected).double()
    norm = torch.linalg.vector_norm(b).item()
    return torch.linalg.vector_norm(a - b).item() / (norm if norm > 0 else 1.0)


def tolerance(answer: Tensor | float) -> float:
    """Return the relative tolerance that the precision of ``answer`` deserves: a float32 answer can be right."""
    single = isinstance(answer, Tensor) and answer.dtype in (torch.float32, torch.float16, torch.bfloat16)
    return 1e-3 if single else 1e-6


def is_close(answer: Tensor | float, expected: Tensor | float, rtol: float | None = None) -> bool:
    """Say whether ``answer`` equals ``expected`` within ``rtol`` (by default what its precision deserves)."""
    if isinstance(answer, Tensor) and isinstance(expected, Tensor) and answer.shape != expected.shape:
        return False
    return relative_error(answer, expected) <= (tolerance(answer) if rtol is None else rtol)


def expect_close(
    answer: Tensor | float,
    expected: Tensor | float,
    cause: str,
    message: str,
    rtol: float | None = None,
    **details: Any,
) -> None:
    """Raise a ``Mistake`` unless ``answer`` equals ``expected``, with two numbers or two small pictures that differ."""
    if is_close(answer, expected, rtol):
        return
    shown: dict[str, Any] = {name.replace("_", " "): value for name, value in details.items()}
    pictures = {}
    if torch.as_tensor(answer).numel() == 1:
        shown |= {"yours": torch.as_tensor(answer).item(), "expected": torch.as_tensor(expected).item()}
    else:
        shown |= {"relative error": relative_error(answer, expected)}
        if isinstance(answer, Tensor) and isinstance(expected, Tensor) and answer.ndim >= 2:
            pictures = {"yours": answer, "expected": expected}
    raise Mistake(cause, message, shown, pictures)


def recognise(answer: Tensor | float, *known: tuple[str, Tensor | float, str], rtol: float | None = None) -> None:
    """Raise the ``Mistake`` of the first known wrong answer ``(cause, value, message)`` that ``answer`` equals."""
    for cause, value, message in known:
        if is_close(answer, value, rtol):
            raise Mistake(cause, message)


def random_image(shape: Sequence[int], seed: int = 0) -> Tensor:
    """Return a float64 Gaussian image of the given ``shape``, the same for the same ``seed``."""
    return torch.randn(tuple(shape), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def inner(first: Tensor, second: Tensor) -> float:
    """Return the inner product ⟨first, second⟩ over all entries."""
    return torch.sum(first.double() * second.double()).item()


# --- the registry and the public functions ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Exercise:
    """One exercise: its reference solution, the function that examines an answer, and its hints in three steps."""

    name: str
    reference: Callable[..., Any]
    examine: Callable[[Student], str]
    hints: tuple[str, str, str]


EXERCISES: dict[str, Exercise] = {}
_hints_given: dict[str, int] = {}


def exercise(
    reference: Callable[..., Any], hints: tuple[str, str, str]
) -> Callable[[Callable[[Student], str]], Callable[[Student], str]]:
    """Register the decorated function as the check of the exercise that has its name.

    Parameters
    ----------
    reference : the course's own solution, with the exercise's signature.
    hints : the idea, then the formula, then the first line.

    Notes
    -----
    The decorated function takes a ``Student``, raises ``Mistake`` (through ``expect`` and its kin) when something is
    wrong, and returns what it verified in one phrase.
    """

    def register(examine: Callable[[Student], str]) -> Callable[[Student], str]:
        name = examine.__name__
        if name in EXERCISES:
            raise ValueError(f"exercise {name!r} is registered twice")
        EXERCISES[name] = Exercise(name, reference, examine, hints)
        return examine

    return register


def diagnose(function: Any, name: str | None = None, time_limit: float = TIME_LIMIT) -> Verdict:
    """Examine a function as the answer to an exercise and return the verdict, for programs.

    Parameters
    ----------
    function : the student's function.
    name : name of the exercise; by default the name of the function.
    time_limit : seconds after which the function is stopped.

    Returns
    -------
    The verdict: its status is "passed", "wrong" or "not attempted". No exception of the student's code gets out.

    Raises
    ------
    ValueError
        If there is no exercise of that name.
    """
    name = getattr(function, "__name__", "") if name is None else name
    task = EXERCISES[require_choice(name, "exercise", EXERCISES)]
    if not callable(function):
        return _wrong(name, Mistake("type", f"{name} is {_a(type(function).__name__)}, not a function."))
    if mistake := _compare_parameters(function, task):
        return _wrong(name, mistake)
    outcome = _run_with_limit(task, function, time_limit)
    if isinstance(outcome, NotAttempted):
        return Verdict("not attempted", _TO_WRITE, {}, name)
    if isinstance(outcome, Mistake):
        return _wrong(name, outcome)
    return Verdict("passed", f"Verified: {outcome}.", {}, name)


def check(function: Any, name: str | None = None) -> Callable[..., Any]:
    """Show the verdict on a student's function, and return the function that the notebook goes on with.

    Parameters
    ----------
    function : the student's function.
    name : name of the exercise; by default the name of the function.

    Returns
    -------
    The student's function when it passed, otherwise the course's reference, which the message says.
    """
    name = _name_in_the_cell(function) if name is None else name
    if name in EXERCISES and function is EXERCISES[name].reference:
        verdict = Verdict("not attempted", _ALREADY_REPLACED, {}, name)
    else:
        verdict = diagnose(function, name)
    if verdict.status != "passed":
        following = " Until then the notebook goes on with the course's solution."
        verdict = Verdict(**{**vars(verdict), "message": verdict.message + following})
    _show(verdict)
    if verdict.status == "passed":
        return function
    reference = EXERCISES[verdict.exercise].reference
    if os.environ.get("NBGRADER_EXECUTION") == "autograde":
        _fail_for_the_grade(verdict, reference)
    return reference


_TO_WRITE = "Write the body of the function in place of raise NotImplementedError(), then run both cells again."
_ALREADY_REPLACED = (
    "This is the course's solution, which an earlier run of this cell put in the place of your function: run the cell "
    "of your function again, then this one."
)


def _name_in_the_cell(function: Any) -> str:
    """Return the function's name, or what ``name = check(…)`` says for a lambda, a number, a function renamed."""
    name = str(getattr(function, "__name__", ""))
    if name in EXERCISES:
        return name
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if "check(" in line:
            return next((word for word in re.findall(r"\w+", line) if word in EXERCISES), name)
        frame = frame.f_back
    return name


def hint(name: str, step: int | None = None) -> None:
    """Show the next hint of an exercise: the idea, then the formula, then the first line.

    Parameters
    ----------
    name : name of the exercise.
    step : 1, 2 or 3 to see that hint; by default the next one each time.
    """
    hints = EXERCISES[require_choice(name, "exercise", EXERCISES)].hints
    if step is None:
        step = min(_hints_given.get(name, 0) + 1, len(hints))
    if step not in range(1, len(hints) + 1):
        raise ValueError(f"step must be 1, 2 or 3, got {step!r}")
    _hints_given[name] = step
    print(f"Hint {step} of {len(hints)} for {name}: {hints[step - 1]}")


# --- running a function that may crash or never end ------------------------------------------------------------------


def _run_with_limit(task: Exercise, function: Callable[..., Any], limit: float) -> str | Mistake | NotAttempted:
    """Examine ``function`` in a thread of its own, so that an endless loop can be stopped and located."""
    outcome: list[str | Mistake | NotAttempted] = []
    finished = threading.Event()  # not Thread.is_alive(): Python 3.11 takes a thread for ended when join is interrupted

    def work() -> None:
        try:
            outcome.append(task.examine(Student(function, task.name)))
        except (Mistake, NotAttempted) as found:
            outcome.append(found)
        except _TimeIsUp:
            pass
        except BaseException as error:  # an answer so odd that the check itself stumbles on it
            outcome.append(Mistake("type", f"What {task.name} returns cannot be examined ({_summary(error)})."))
        finally:
            finished.set()

    thread = threading.Thread(target=work, daemon=True)
    with _notebook_kept():
        thread.start()
        try:
            _wait(finished, limit)
        except KeyboardInterrupt:  # the stop button: the function must not go on behind the notebook's back
            _stop(thread, finished)
            raise
        if not finished.is_set():
            where = _line_of_frame(function, sys._current_frames().get(thread.ident or 0))
            _stop(thread, finished)
            return Mistake("too-slow", f"{task.name} was stopped after {limit:g} s: {_ENDLESS}{where}")
    return outcome[0] if outcome else Mistake("too-slow", f"{task.name} was stopped.")


_ENDLESS = "it never ends, or is far too slow for images of this size."


def _wait(finished: threading.Event, limit: float) -> None:
    """Wait until ``finished`` is set, or ``limit`` seconds of work are over."""
    wall, processor = time.monotonic(), time.process_time()
    while not finished.wait(0.05) and time.monotonic() - wall < PATIENCE * limit:
        if min(time.monotonic() - wall, time.process_time() - processor) > limit:
            return


@contextlib.contextmanager
def _notebook_kept() -> Iterator[None]:
    """Keep the notebook as it is whatever a function does: random states, default type, warnings, a flood of text."""
    dtype, python_state = torch.get_default_dtype(), random.getstate()
    numpy_state = numpy.random.get_state()  # noqa: NPY002 - it is the global state that must not change
    with (
        torch.random.fork_rng(devices=[]),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(_Short(sys.stdout)),
        contextlib.redirect_stderr(_Short(sys.stderr)),
    ):
        warnings.simplefilter("ignore")
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            numpy.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)


class _Short(io.TextIOBase):
    """Pass on the first ``PRINTED`` characters of what a function prints, and drop the rest."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.left = stream, PRINTED

    def write(self, text: str) -> int:
        if self.left > 0:
            self.stream.write(text[: self.left])
            if len(text) >= self.left:
                self.stream.write(" … (the rest of what your function prints is not shown)\n")
            self.left -= len(text)
        return len(text)

    def flush(self) -> None:
        self.stream.flush()


def _stop(thread: threading.Thread, finished: threading.Event) -> None:
    """Throw ``_TimeIsUp`` into ``thread`` until it ends; a thread that swallows it ten times is left alone."""
    for _ in range(10):
        if finished.is_set():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_TimeIsUp))
        finished.wait(0.15)


def _compare_parameters(function: Callable[..., Any], task: Exercise) -> Mistake | None:
    """Return the mistake of a function that cannot be called like the reference."""
    expected = inspect.signature(task.reference).parameters
    required = [p for p in expected.values() if p.default is p.empty and p.kind is not p.KEYWORD_ONLY]
    try:
        inspect.signature(function).bind(*required)
    except TypeError:
        wanted = f"{task.name}({', '.join(p.name for p in required)})"
        return Mistake("signature", f"The function must be callable as {wanted}: keep the parameters of the exercise.")
    except ValueError:  # a built-in without a signature: let the call tell
        return None
    return None


def _wrong(name: str, mistake: Mistake) -> Verdict:
    return Verdict("wrong", mistake.message, mistake.details, name, mistake.cause, mistake.pictures)


def _show(verdict: Verdict) -> None:
    """Display the verdict in a notebook, with its record in the output's metadata; print it elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:  # pragma: no cover - the package can be used without Jupyter
        print(verdict)
        return
    if get_ipython() is None:
        print(verdict)
        return
    content = {"text/plain": str(verdict), "text/html": verdict._repr_html_()}
    display(content, raw=True, metadata={"course_utils": verdict.record()})


def _fail_for_the_grade(verdict: Verdict, reference: Callable[..., Any]) -> None:
    """Make the check cell fail, which is how nbgrader marks it, once the cells after it have the reference."""
    from IPython import get_ipython

    get_ipython().user_ns[verdict.exercise] = reference
    raise AssertionError(str(verdict))


def _copy(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        return argument.detach().clone().requires_grad_(argument.requires_grad)
    if isinstance(argument, torch.Generator):
        return torch.Generator(argument.device).set_state(argument.get_state())
    if isinstance(argument, (list, tuple)):
        return type(argument)(_copy(item) for item in argument)
    if isinstance(argument, dict):
        return {key: _copy(value) for key, value in argument.items()}
    return argument


def _changed(before: Any, after: Any) -> bool:
    if isinstance(before, Tensor):
        return before.shape != after.shape or not torch.equal(
            torch.nan_to_num(before.detach()), torch.nan_to_num(after.detach())
        )
    if isinstance(before, (list, tuple)):
        return len(before) != len(after) or any(_changed(a, b) for a, b in zip(before, after, strict=True))
    if isinstance(before, dict):
        return before.keys() != after.keys() or any(_changed(before[key], after[key]) for key in before)
    return isinstance(before, (bool, int, float, str)) and before != after


def _summary(error: BaseException) -> str:
    """Return the type and the message of an exception, on one line of at most 300 characters."""
    text = " ".join(traceback.format_exception_only(error)[-1].split())
    return text if len(text) <= 300 else f"{text[:300]} …"


def _students_line(function: Callable[..., Any], trace: TracebackType | None) -> str:
    """Return " at line N: code" for the innermost line of the student's own file in a traceback."""
    code = getattr(function, "__code__", None)
    lines = [f for f in traceback.extract_tb(trace) if code is not None and f.filename == code.co_filename]
    return f" (line {lines[-1].lineno}: {(lines[-1].line or '').strip()})" if lines else ""


def _line_of_frame(function: Callable[..., Any], frame: FrameType | None) -> str:
    """Return where in the student's file a running frame is."""
    code = getattr(function, "__code__", None)
    while frame is not None and code is not None:
        if frame.f_code.co_filename == code.co_filename:
            line = linecache.getline(code.co_filename, frame.f_lineno).strip()
            return f" It was at line {frame.f_lineno}: {line}"
        frame = frame.f_back
    return ""


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"
