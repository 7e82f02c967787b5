"""Gatys' synthesis, 256×256: time to the final loss of the reference; sizes and memory; a texture to project.

The reference has the settings of Gatys' public notebook: ReLU layers 1_1 to 5_1, mean square errors of Gram matrices
times 1e3/n², white noise, torch's L-BFGS without line search, 500 evaluations, and PyTorch's convolutions; it shares
the course's Gram matrices, which are faster than its own. Its loss is multiplied by the power of ten that serves it
best on the texture at 128×128. `synthesize_texture` minimizes the same loss on the same exemplar, with two scales and
whitening, until it is as low. The two take turns, one evaluation each, so that a change of the machine's speed meets
both; seconds are CPU time of one thread, the optimizer's included, those of the reference 500 times its mean.
Evaluations are counted at both scales. Chroma: its high frequencies over those of the exemplar; gray textures have
none. Each pair is "ours / reference".

    python -m tests.benchmarks.gatys [--seeds 0 1 2] [--again]

Ten minutes for each texture and seed, so that one seed is the default. What is done is kept in gatys.json and shown
with the rest; it is not made again without --again.
"""

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import threading
import time
from contextlib import suppress
from itertools import pairwise, product
from pathlib import Path

import torch
from torch import nn

from course_utils._fast.winograd import WinogradConv2d
from course_utils.features import ARCHITECTURES, TEXTURE_LAYERS, VGGFeatures
from course_utils.images import load_image
from course_utils.textures import WHITENING, gram_loss, gram_matrix, load_synthesis, synthesize_texture
from tests.benchmarks.timing import met, print_table

RUNS = Path(__file__).with_name("gatys.json")
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
WEIGHTS = {layer: 1e3 / ARCHITECTURES["vgg16"][layer.replace("relu", "conv")] ** 4 for layer in LAYERS}
TEXTURES, SIDE, BUDGET = ("gravel", "brick", "cork"), 256, 500
FAST = {
    "init": "gaussian texture",
    "scales": (1 / 2, 1),
    "n_iterations": (60, 250),
    "whitening": WHITENING,
    "progress": False,
}
SCALES = (1.0, 1e3, 1e6, 1e9)
SIDES = (256, 512, 1024)
MAX_RATIO, MAX_CHROMA, MAX_SECONDS = 1 / 3, 0.25, 120


def reference(u, network, seed, scale, n, tick):
    """Synthesize as in Gatys' notebook; ``tick(loss)`` after each of the n evaluations."""
    u = u.expand(3, -1, -1)
    with torch.no_grad():
        targets = {layer: gram_matrix(v) for layer, v in network(u).items()}
    noise = torch.randn(u.shape, generator=torch.Generator().manual_seed(seed))
    mean, std = u.mean((-2, -1), keepdim=True), u.std((-2, -1), keepdim=True)
    x = (255 * (mean + std * noise)).requires_grad_()  # the range in which his network works
    lbfgs, losses = torch.optim.LBFGS([x]), []

    def closure():
        lbfgs.zero_grad()
        loss = gram_loss(network(x / 255), targets, WEIGHTS)
        (scale * loss).backward()
        losses.append(loss.item())
        tick(losses[-1])
        return scale * loss.detach()

    while len(losses) < n:
        lbfgs.step(closure)
    if not losses[-1] < 1e-2 * losses[0]:
        raise RuntimeError(f"the loss of the reference did not fall: {losses[0]:.1e}, then {losses[-1]:.1e}")
    return x.detach() / 255, losses


def best_scale(texture, network):
    """Return the factor with which 60 evaluations of the reference at half the size end lowest."""
    u = load_image(texture, SIDE // 2).float()

    def lowest(scale):
        try:
            return min(reference(u, network, 0, scale, 60, lambda loss: None)[1])
        except RuntimeError:
            return float("inf")

    return min(SCALES, key=lowest)


def plain(network):
    """Return a network with PyTorch's own convolutions in place of Winograd's algorithm."""
    for name, layer in list(network.stack.named_children()):
        if isinstance(layer, WinogradConv2d):
            convolution = nn.Conv2d(layer.in_channels, layer.out_channels, 3, padding=1).requires_grad_(False)
            convolution.load_state_dict(layer.state_dict())
            setattr(network.stack, name, convolution)
    return network


def reference_result(texture, seed, scale):
    """Return the final loss of the reference, and its chroma over that of the exemplar."""
    u, network = load_image(texture, SIDE).float(), plain(VGGFeatures("vgg16", LAYERS))
    x, losses = reference(u, network, seed, scale, BUDGET, lambda loss: None)
    return {"texture": texture, "seed": seed, "scale": scale, "loss": losses[-1], "chroma": chroma_ratio(x, u)}


def race_to_the_loss(goal):
    """Return how soon the course's function reaches the loss of the reference, which runs again beside it."""
    u, seed = load_image(goal["texture"], SIDE).float(), goal["seed"]
    ours, theirs = VGGFeatures("vgg16", LAYERS), plain(VGGFeatures("vgg16", LAYERS))
    arrived = threading.Event()

    def run_reference(tick):
        def watch(loss):
            tick(loss)
            if arrived.is_set():
                raise StopIteration

        with suppress(StopIteration):
            reference(u, theirs, seed, goal["scale"], BUDGET, watch)

    def run_ours(tick):
        def watch(x, loss):
            tick(loss)
            if loss <= goal["loss"] and x.shape[-1] == SIDE:
                arrived.set()
                raise StopIteration

        try:
            return synthesize_texture(u, ours, WEIGHTS, torch.Generator().manual_seed(seed), callback=watch, **FAST)
        finally:
            arrived.set()

    (_, result), (their_seconds, our_seconds) = take_turns(run_reference, run_ours)
    reached = min(result.losses[-FAST["n_iterations"][-1] :]) <= goal["loss"]
    return {
        "texture": goal["texture"],
        "seed": seed,
        "evaluations": len(result.losses),
        "seconds": sum(our_seconds) if reached else None,
        "seconds of the reference": BUDGET * statistics.mean(their_seconds),
        "chroma": chroma_ratio(result.image, u),
    }


def take_turns(*contestants):
    """Run functions of ``tick``, each in a thread; at each tick the next one goes on. Return results and CPU times."""
    turns = [threading.Semaphore(int(i == 0)) for i in range(len(contestants))]
    seconds, results, running = [[] for _ in contestants], [None] * len(contestants), set(range(len(contestants)))

    def pass_on(i):
        following = sorted(running, key=lambda j: (j <= i, j))
        if following:
            turns[following[0]].release()

    def compete(i):
        turns[i].acquire()
        start = time.thread_time()

        def tick(*_):
            nonlocal start
            seconds[i].append(time.thread_time() - start)
            pass_on(i)
            turns[i].acquire()
            start = time.thread_time()

        try:
            results[i] = contestants[i](tick)
        finally:
            running.discard(i)
            pass_on(i)

    threads = [threading.Thread(target=compete, args=(i,)) for i in range(len(contestants))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, seconds


def chroma_ratio(x, u):
    """Return the fine chroma of x over that of u; 1 for gray images, which have none."""
    return 1.0 if u.ndim == 2 else fine_chroma(x) / fine_chroma(u)


def fine_chroma(image):
    """Return the root mean square of the chroma, colours minus their mean, beyond half of the Nyquist frequency."""
    chroma = torch.fft.fft2(image.double() - image.double().mean(0))
    fine = [torch.fft.fftfreq(n, dtype=torch.float64).abs() >= 0.25 for n in image.shape[-2:]]
    kept = chroma * (fine[0][:, None] | fine[1])
    return torch.fft.ifft2(kept).real.square().mean().sqrt().item()


def one_evaluation(side):
    """Print the seconds of one evaluation, for a result of side x side pixels, and the peak memory in megabytes."""
    torch.set_num_threads(1)
    u, network = load_image("cork", SIDE).float(), VGGFeatures("vgg16", TEXTURE_LAYERS)
    times = []
    synthesize_texture(
        u,
        network,
        None,
        torch.Generator().manual_seed(0),
        4,
        size=(side, side),
        callback=lambda *_: times.append(time.process_time()),
        progress=False,
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([statistics.median(b - a for a, b in pairwise(times)), peak]))


def measure_sizes():
    """Return a row for each size; each is measured in a process of its own, for the sake of its peak memory."""
    rows, code = [], "from tests.benchmarks.gatys import one_evaluation; one_evaluation({})"
    for side in SIDES:
        out = subprocess.run([sys.executable, "-c", code.format(side)], capture_output=True, text=True, check=True)
        seconds, peak = json.loads(out.stdout)
        per_pixel = 1e6 * seconds / side**2
        texts = (f"{seconds:.2f} s", f"{per_pixel:.1f} s", f"{peak / 1024:.1f} GB")
        rows.append(
            {"result": f"{side} × {side}"}
            | dict(zip(("evaluation", "per megapixel", "peak memory"), texts, strict=True))
        )
    return rows


def measure_projected():
    """Return the row of a 256×256 texture as in data/syntheses, whitened, on all threads."""
    record = load_synthesis("gravel")[1]
    u, network = load_image("gravel", SIDE).float(), VGGFeatures("vgg16", TEXTURE_LAYERS)
    generator, start = torch.Generator().manual_seed(record["seed"]), time.perf_counter()
    settings = {key: record[key] for key in ("n_iterations", "scales", "init", "whitening")}
    result = synthesize_texture(u, network, None, generator, **settings, progress=False)
    seconds = time.perf_counter() - start
    if min(result.losses) > 1.2 * record["loss"]:
        raise RuntimeError(f"the loss is {min(result.losses):.1e}, that of the file is {record['loss']:.1e}")
    what = f"gravel, {SIDE} × {SIDE}, scales {record['scales']}, whitened: {len(result.losses)} evaluations"
    return [
        {
            "a texture to project": what,
            "threads": str(torch.get_num_threads()),
            "time": f"{seconds:.0f} s",
            "target": f"≤ {MAX_SECONDS} s",
            "met": met(seconds <= MAX_SECONDS),
        }
    ]


def measure_races(seeds, again=False):
    """Make the runs with these seeds that gatys.json lacks; return a row for each run that it holds."""
    runs = {"references": [], "races": []} if again or not RUNS.exists() else json.loads(RUNS.read_text())
    torch.set_num_threads(1)
    for seed, texture in product(seeds, TEXTURES):
        goal, race = (find(runs[kind], texture, seed) for kind in ("references", "races"))
        if goal is None:
            known = next((run["scale"] for run in runs["references"] if run["texture"] == texture), None)
            scale = known or best_scale(texture, plain(VGGFeatures("vgg16", LAYERS)))
            runs["references"].append(goal := reference_result(texture, seed, scale))
            save(runs)
        if race is None:
            runs["races"].append(race := race_to_the_loss(goal))
            save(runs)
    goals = sorted(runs["references"], key=lambda run: (TEXTURES.index(run["texture"]), run["seed"]))
    races = [(goal, find(runs["races"], goal["texture"], goal["seed"])) for goal in goals]
    return [race_row(goal, race) for goal, race in races if race]


def find(runs, texture, seed):
    """Return the run of a texture with a seed, None if there is none."""
    return next((run for run in runs if (run["texture"], run["seed"]) == (texture, seed)), None)


def save(runs):
    """Write the runs, whole or not at all."""
    temporary = RUNS.with_suffix(".part")
    temporary.write_text(json.dumps(runs, indent=1) + "\n")
    temporary.replace(RUNS)


def race_row(goal, race):
    ratio = math.inf if race["seconds"] is None else race["seconds"] / race["seconds of the reference"]
    return {
        "texture, seed": f"{goal['texture']}, {goal['seed']}",
        "loss": f"{goal['loss']:.2e}",
        "evaluations": f"{race['evaluations']} / {BUDGET}",
        "seconds": "—" if math.isinf(ratio) else f"{race['seconds']:.0f} / {race['seconds of the reference']:.0f}",
        "ratio": f"{ratio:.2f}",
        "chroma": f"{race['chroma']:.2f} / {goal['chroma']:.2f}",
        "met": met(ratio <= MAX_RATIO and abs(race["chroma"] - 1) <= MAX_CHROMA),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Gatys' synthesis against its reference.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--again", action="store_true", help="make the runs again that gatys.json holds")
    options = parser.parse_args()
    for table in (measure_projected(), measure_sizes(), measure_races(options.seeds, options.again)):
        print_table(table)
        print(flush=True)
