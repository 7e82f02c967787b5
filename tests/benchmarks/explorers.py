"""How long the kernel takes to answer when a control of an explorer moves; the target is 150 ms on two cores.

Every explorer of the course, every control: moved from end to end as the explorer opens, and again, at its ends and in
the middle, under each choice of each of its lists (an operator, a method, an image): the column "slowest" says under
which one. "Processor" is the time of the kernel's processor without the 20 ms for which movements are collected.

python -m tests.benchmarks.explorers [explorers, all by default]
"""

import asyncio
import statistics
import sys
import time

import ipywidgets

from course_utils.data import load_faces
from course_utils.explorers import lessons_with_explorers
from course_utils.explorers.base import EXPLORERS, SETTLE
from course_utils.explorers.deblurring import KernelPad
from course_utils.explorers.gatys_texture_synthesis import explore_gatys
from course_utils.explorers.gaussian_face_model import explore_faces
from course_utils.gaussian import fit_gaussian
from course_utils.restoration import tv_denoise

STEPS = 12  # places of a slider


def make_explorers():
    """Return the explorers of all lessons by their name in the table, and some with a student's slow function."""
    faces, _ = load_faces()
    n, height, width = faces.shape
    model = fit_gaussian(faces.reshape(n, -1))
    lessons_with_explorers()
    special = {"explore_faces": lambda: explore_faces(model, (height, width), faces.reshape(n, -1)[:20])}
    explorers = {name: special.get(name, make)() for name, make in EXPLORERS.items()}
    explorers["explore_tv, plain gradient descent plugged in"] = EXPLORERS["explore_tv"](denoise=tv_denoise)
    explorers["explore_faces"].controls["random face"].click()  # with a code of zeros the rank changes nothing
    return explorers


def places(control):
    """Return values from one end of a control to the other."""
    if isinstance(control, KernelPad):
        n = len(control.value)
        return [[[int(j <= 2 * i)] * n for j in range(n)] for i in range(STEPS)]
    if isinstance(control, (ipywidgets.Dropdown, ipywidgets.SelectionSlider)):
        values = [value for _, value in control._options_full]
        return values[:: max(1, len(values) // STEPS)]
    ramp = [control.min + (control.max - control.min) * i / (STEPS - 1) for i in range(STEPS)]
    if isinstance(control, ipywidgets.FloatLogSlider):
        return [10**x for x in ramp]
    return [round(x) for x in ramp] if isinstance(control, ipywidgets.IntSlider) else ramp


async def answer(explorer, control, value):
    """Return the ms from a change of a control to the new picture, and those of the processor; None without one."""
    drawn = asyncio.Event()
    explorer.line.observe(lambda _: drawn.set(), names="value")
    explorer.picture.observe(lambda _: drawn.set(), names="value")
    start, used = time.perf_counter(), time.process_time()
    control.value = value
    try:
        await asyncio.wait_for(drawn.wait(), 3.0)
        return 1e3 * (time.perf_counter() - start), 1e3 * (time.process_time() - used)
    except TimeoutError:
        return None
    finally:
        explorer.line.unobserve_all()
        explorer.picture.unobserve_all()


async def measure(explorer, control):
    """Return the answers of a control moved from end to end, and the ms of the full drawings at rest."""
    default, answers, full = control.value, [], []
    for value in places(control):
        times = await answer(explorer, control, value)
        if times:
            answers.append((*times, ""))
            start = time.perf_counter()
            explorer.update()
            full.append(1e3 * (time.perf_counter() - start))
    for chooser, option in choices(explorer, control):
        before, chooser.value = chooser.value, option
        await at_rest(explorer)
        values = places(control)
        for value in {str(value): value for value in (values[0], values[len(values) // 2], values[-1])}.values():
            if times := await answer(explorer, control, value):
                answers.append((*times, str(option)))
        control.value = default
        chooser.value = before
        await at_rest(explorer)
    control.value = default
    await at_rest(explorer)
    return answers, full


async def at_rest(explorer):
    """Wait until no drawing is planned: one that comes late would count as a part of the next answer."""
    await asyncio.sleep(2 * SETTLE)
    while explorer.drawing.soon or explorer.drawing.later:
        await asyncio.sleep(SETTLE)


def choices(explorer, moved):
    """Return the (list, option) of an explorer, all but those that are chosen and the list that is moved."""
    lists = [c for c in explorer.controls.values() if isinstance(c, ipywidgets.Dropdown) and c is not moved]
    return [(c, option) for c in lists for _, option in c._options_full if option != c.value]


async def busy_loop(seconds=8.0):
    """Return in ms by how much the kernel's event loop is late while a texture is synthesized in its thread."""
    explorer, late = explore_gatys(), []
    explorer.controls["run"].click()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        await asyncio.sleep(0.01)
        late.append(1e3 * (time.perf_counter() - start - 0.01))
    explorer.controls["stop"].click()
    explorer.run.thread.join()
    return late


async def run():
    print("| explorer | control | answer, median | worst | processor, worst | slowest | at rest, worst |")
    print("| --- | --- | ---: | ---: | ---: | --- | ---: |")
    worst = 0.0
    chosen = {name: explorer for name, explorer in make_explorers().items() if name in sys.argv[1:] or not sys.argv[1:]}
    for name, explorer in chosen.items():
        for label, control in explorer.controls.items():
            if not isinstance(control, (ipywidgets.Button, ipywidgets.ToggleButton)):
                answers, full = await measure(explorer, control)
                passed, used, under = zip(*answers, strict=True)
                worst = max(worst, *passed)
                slowest = under[used.index(max(used))]
                times = [f"{ms:.0f} ms" for ms in (statistics.median(passed), max(passed), max(used), max(full))]
                print("|", " | ".join([name, label, *times[:3], slowest, times[3]]), "|", flush=True)
    late = await busy_loop()
    print(
        f"\nWorst answer: {worst:.0f} ms. While a texture is synthesized the kernel is late by {max(late):.0f} ms at",
        end="",
    )
    print(f" most, {statistics.median(late):.1f} ms in the median.")


def main():
    asyncio.run(run())


if __name__ == "__main__":
    main()
