"""What a check says: the verdict, the causes it can name, and the mistake that leads to it."""

from __future__ import annotations

import base64
import html
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from course_utils._validation import require_choice

CAUSES = {
    "adjoint": "not the adjoint",
    "axis": "axes exchanged",
    "boundary": "boundary condition",
    "centering": "moved, or kernel not centred",
    "clipping": "values clipped",
    "complex": "complex values, or their modulus",
    "conjugate": "conjugate or flip forgotten",
    "constant": "does not depend on its input",
    "epsilon": "ε in the wrong place",
    "global": "a variable of the notebook in place of the argument",
    "autograd": "detach or requires_grad",
    "exception": "an exception was raised",
    "identity": "returns its input",
    "mean": "mean forgotten or wrong",
    "mutates-input": "changes its input",
    "normalisation": "wrong normalisation",
    "not-converged": "not converged",
    "not-finite": "NaN or infinity",
    "order": "wrong order",
    "precision": "precision lost",
    "randomness": "wrong use of the random generator",
    "rank": "wrong rank",
    "shape": "wrong shape",
    "sign": "wrong sign",
    "signature": "wrong parameters",
    "square-root": "square or square root forgotten",
    "start": "wrong first iterate",
    "step-size": "wrong step",
    "syntax": "does not parse",
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
    remark: str = ""  # why the notebook goes on with the course's function although the answer passed

    def __str__(self) -> str:
        cause = f" ({CAUSES[self.cause]})" if self.cause else ""
        numbers = "".join(f"\n    {name}: {value}" for name, value in self.details.items())
        return f"{SYMBOL[self.status]} {self.exercise}: {self.status}{cause}. {self.message}{numbers}"

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
            f"{SYMBOL[self.status]} <strong>{html.escape(self.exercise)}: {self.status}</strong>{cause}. "
            f"{html.escape(self.message)}{numbers}{'<br>' + pictures if pictures else ''}</div>"
        )

    def record(self) -> dict[str, Any]:
        """Return what travels in the metadata of the notebook's output (everything but the pictures and the remark)."""
        record = asdict(self)
        del record["pictures"], record["remark"]
        return record


SYMBOL = {"passed": "✓", "wrong": "✗", "not attempted": "○"}
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
        self.known = False  # recognised for certain, by a table of known mistakes
        self.details = {name: rounded(value) for name, value in (details or {}).items()}
        self.pictures = {label: _png(image) for label, image in (pictures or {}).items()}

    @classmethod
    def certain(cls, cause: str, message: str, details: Mapping[str, Any] | None = None) -> Mistake:
        """Return a mistake that has been recognised for certain."""
        mistake = cls(cause, message, details)
        mistake.known = True
        return mistake


class NotAttempted(Exception):
    """Raised when the body of the exercise is still the stub."""


def rounded(value: Any) -> Any:
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
        return [rounded(item) for item in value]
    return str(value)


def _png(image: Tensor) -> str:
    """Return a small picture, black to white over its own range, as base64 PNG."""
    from course_utils.images import png_bytes

    u = image.detach().double().cpu()
    u = torch.nan_to_num(u.reshape(-1, u.shape[-1]))
    low, high = u.min().item(), u.max().item()
    picture = png_bytes(u, (low, max(high, low + 1e-12)), max(1, 96 // max(u.shape)))
    return base64.b64encode(picture).decode("ascii")


def show(verdict: Verdict, recorded: Verdict) -> None:
    """Display a verdict in a notebook, with the record of what counts in the output's metadata; print it elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:  # pragma: no cover - the package can be used without Jupyter
        say(str(verdict))
        return
    if get_ipython() is None:
        say(str(verdict))
        return
    content = {"text/plain": str(verdict), "text/html": verdict._repr_html_()}
    display(content, raw=True, metadata={"course_utils": recorded.record()})


def say(text: str) -> None:
    """Print ``text``; a console that lacks the lecture's symbols, as a Windows one may, shows question marks."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, errors="replace").decode(encoding))
