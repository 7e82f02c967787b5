"""Style transfer, 256×256: time to the final loss of the reference, that of Gatys' public notebook.

The reference has the settings of the notebook that the lecture links to: its layers, maximum pooling, mean square
errors of relu4_2 for the content (weight 1) and of Gram matrices times 1e3/n² for the style, a start from white noise
of deviation 1/255 about the mean colour, or from the photograph, torch's L-BFGS without line search, 500 evaluations,
and PyTorch's convolutions; it shares the course's Gram matrices, which are faster than its own. `style_transfer`
minimizes the same loss, from half the size to the whole, always from the photograph, until it is as low. The two take
turns as in the part gatys; seconds are CPU time of one thread, those of the reference 500 times its mean. Evaluations
are counted at both scales. "At a third": the losses when a third of the reference's time is spent, where ours is not
there before. Each pair is "ours / reference".

    python -m tests.benchmarks.style [--again]

Ten minutes for each start. What is done is kept in style.json and shown; with --again the two race again, to the losses
that it holds. Without this file the reference finds them first.
"""

import argparse
import json
import math
import statistics
import threading
from contextlib import suppress
from itertools import accumulate
from pathlib import Path

import torch

from course_utils.features import VGGFeatures
from course_utils.images import load_image
from course_utils.style import CONTENT_LAYER, STYLE_LAYERS, TRANSFER_LAYERS, style_transfer, transfer_energy
from tests.benchmarks.gatys import WEIGHTS, plain, take_turns
from tests.benchmarks.timing import met, print_table

RUN = Path(__file__).with_name("style.json")
CONTENT, STYLE, SIDE, BUDGET = "temple", "starry_night", 256, 500
OURS = {"scales": (1 / 2, 1), "n": (60, 250)}
STARTS = ("noise", "photograph")
MAX_RATIO = 1 / 3
assert set(WEIGHTS) == set(STYLE_LAYERS)


def pictures(side=SIDE):
    """Return the photograph and the painting, side × side."""
    return load_image(CONTENT, side).float(), load_image(STYLE, side).float()


def alpha(p, network):
    """Return the α with which α ‖F − P‖² / (2 ‖P‖²) is the mean of (F − P)²."""
    return 2 * network(p)[CONTENT_LAYER].square().mean().item()


def reference(p, a, network, start, n, tick):
    """Transfer as in Gatys' notebook; ``tick(loss)`` after each of the n evaluations; return the losses."""
    energy = transfer_energy(p, a, network, alpha(p, network), weights=WEIGHTS)
    noise = torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
    x = 255 * p if start == "photograph" else 255 * p.mean((1, 2), keepdim=True) + noise
    x.requires_grad_()  # in the range in which his network works
    lbfgs, losses = torch.optim.LBFGS([x]), []

    def closure():
        lbfgs.zero_grad()
        loss = energy(x / 255)
        loss.backward()
        losses.append(loss.item())
        tick(losses[-1])
        return loss.detach()

    while len(losses) < n:
        lbfgs.step(closure)
    if not losses[-1] < 0.5 * losses[0]:
        raise RuntimeError(f"the loss of the reference did not fall: {losses[0]:.1e}, then {losses[-1]:.1e}")
    return losses


def networks():
    """Return the course's network, and the same with PyTorch's convolutions."""
    ours, theirs = (VGGFeatures("vgg16", TRANSFER_LAYERS, pooling="max") for _ in range(2))
    return ours, plain(theirs)


def race(start, goal):
    """Return how soon the course's function reaches the loss of the reference, which runs again beside it."""
    (p, a), (ours, theirs), arrived, their_losses = pictures(), networks(), threading.Event(), []

    def run_reference(tick):
        def watch(loss):
            their_losses.append(loss)
            tick(loss)
            if arrived.is_set():
                raise StopIteration

        with suppress(StopIteration):
            reference(p, a, theirs, start, BUDGET, watch)

    def run_ours(tick):
        def watch(x, loss):
            tick(loss)
            if loss <= goal and x.shape[-1] == SIDE:
                arrived.set()
                raise StopIteration

        generator, settings = torch.Generator().manual_seed(0), OURS | {"weights": WEIGHTS, "callback": watch}
        try:
            return style_transfer(p, a, ours, alpha(p, ours), settings.pop("n"), generator, **settings)
        finally:
            arrived.set()

    (_, result), (their_seconds, our_seconds) = take_turns(run_reference, run_ours)
    fine = OURS["n"][0]  # evaluations before those of the full size
    reached = min(result.losses[fine:]) <= goal
    third = MAX_RATIO * BUDGET * statistics.mean(their_seconds)
    done = [sum(spent <= third for spent in accumulate(seconds)) for seconds in (our_seconds, their_seconds)]
    return {
        "start": start,
        "loss": goal,
        "evaluations": len(result.losses),
        "seconds": sum(our_seconds) if reached else None,
        "seconds of the reference": BUDGET * statistics.mean(their_seconds),
        "losses at a third": None if reached else [min(result.losses[fine : done[0]]), min(their_losses[: done[1]])],
    }


def row(run):
    """Return the row of the table."""
    ratio = math.inf if run["seconds"] is None else run["seconds"] / run["seconds of the reference"]
    return {
        "photograph, painting": f"{CONTENT}, {STYLE}",
        "start of the reference": run["start"],
        "loss": f"{run['loss']:.3e}",
        "evaluations": f"{run['evaluations']} / {BUDGET}",
        "seconds": "—" if math.isinf(ratio) else f"{run['seconds']:.0f} / {run['seconds of the reference']:.0f}",
        "ratio": f"{ratio:.2f}",
        "at a third": " / ".join(f"{loss:.1f}" for loss in run["losses at a third"] or ()) or "—",
        "target": f"≤ {MAX_RATIO:.2f}",
        "met": met(ratio <= MAX_RATIO),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Style transfer against its reference.")
    parser.add_argument("--again", action="store_true", help="make the run again that style.json holds")
    options = parser.parse_args()
    torch.set_num_threads(1)
    runs = {run["start"]: run for run in json.loads(RUN.read_text())} if RUN.exists() else {}
    for start in (start for start in STARTS if options.again or start not in runs):
        known = runs[start]["loss"] if start in runs else None
        goal = known or min(reference(*pictures(), networks()[1], start, BUDGET, lambda loss: None)[-20:])
        runs[start] = race(start, goal)
        RUN.write_text(json.dumps(list(runs.values()), indent=1) + "\n")
    print_table([row(run) for run in runs.values()])
