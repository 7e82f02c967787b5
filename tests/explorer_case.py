"""What the tests know of an explorer beyond its controls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ExplorerCase:
    """An explorer as the tests, the latency benchmark and the browser tests make it.

    make : returns the explorer.
    plain : from the values of the controls by name to (picture, numbers), what the explorer must show; None for one
        whose picture comes from a `Run`.
    plugs : for each function of a student that can be plugged in: (function -> explorer with it, the control that makes
        the explorer use it, that control's value for it, another value).
    settings : for a control that is neither a slider nor a list, values to try besides its own.
    """

    make: Callable
    plain: Callable | None = None
    plugs: Mapping[str, tuple] = field(default_factory=dict)
    settings: Mapping[str, list] = field(default_factory=dict)
