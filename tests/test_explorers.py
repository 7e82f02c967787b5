"""The explorers without a browser: every control changes the picture, and the numbers are the plain function's."""

import asyncio
import html
import io
import os
import signal
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import ipywidgets
import numpy as np
import pytest
import torch
from jupyter_client.manager import start_new_kernel
from PIL import Image

from course_utils import gaussian, metrics, operators, restoration
from course_utils.explorers import base, deblurring, lessons_with_explorers, pseudo_inverse, tv_denoising
from course_utils.explorers import diffusion_restoration as completions
from course_utils.explorers import gatys_texture_synthesis as gatys
from course_utils.explorers import gaussian_face_model as faces_explorer
from course_utils.images import add_noise, load_image
from tests.lessons import BANKS


def shown(explorer):
    """Return the picture of an explorer as an array."""
    return np.asarray(Image.open(io.BytesIO(explorer.picture.value)))


# --- shared ----------------------------------------------------------------------------------------------------------


def test_png_shows_range_and_zoom():
    u = torch.tensor([[0.0, 0.5, 1.0], [-1.0, 2.0, 0.25]], dtype=torch.float64)
    pixels = np.asarray(Image.open(io.BytesIO(base.png_bytes(u, zoom=2))))
    assert pixels.shape == (4, 6)
    assert pixels[::2, ::2].tolist() == [[0, 128, 255], [0, 255, 64]]
    wide = np.asarray(Image.open(io.BytesIO(base.png_bytes(u, value_range=(-1, 2)))))
    assert wide.tolist() == [[85, 128, 170], [0, 255, 106]]
    colour = np.asarray(Image.open(io.BytesIO(base.png_bytes(torch.rand(3, 4, 5)))))
    assert colour.shape == (4, 5, 3)


def test_a_burst_of_changes_is_drawn_once_with_the_last_value():
    control, drawn = ipywidgets.IntSlider(value=0, max=100), []
    base.on_change([control], lambda: drawn.append(control.value))

    async def drag():
        for value in range(1, 51):
            control.value = value
        await asyncio.sleep(5 * base.DELAY)
        control.value = 60
        await asyncio.sleep(5 * base.DELAY)

    asyncio.run(drag())
    assert drawn == [50, 60]


@pytest.fixture
def drawings():
    """Return a slider, the page's state and the list of what was drawn of the slider: (what, value)."""
    control, page, drawn = ipywidgets.IntSlider(value=0, max=100), base._Page(), []
    full, draft = (lambda name=name: drawn.append((name, control.value)) for name in ("full", "draft"))
    base.on_change([control], full, draft, page)
    return control, page, drawn


def test_a_draft_is_drawn_while_a_control_moves_and_the_picture_when_it_rests(drawings):
    control, _, drawn = drawings

    async def drag():
        for value in (1, 2, 3):
            control.value = value
        await asyncio.sleep(5 * base.DELAY)
        control.value = 4
        await asyncio.sleep(5 * base.DELAY)
        assert drawn == [("draft", 3), ("draft", 4)]
        await asyncio.sleep(2 * base.SETTLE)

    asyncio.run(drag())
    assert drawn == [("draft", 3), ("draft", 4), ("full", 4)]


def test_a_draft_stays_while_the_pointer_holds_the_control(drawings):
    control, page, drawn = drawings

    async def drag():
        page.held = True
        control.value = 1
        await asyncio.sleep(2 * base.SETTLE)
        assert drawn == [("draft", 1)]
        page.held = False
        await asyncio.sleep(2 * base.SETTLE)
        page.held = True
        page.held = False
        await asyncio.sleep(2 * base.SETTLE)

    asyncio.run(drag())
    assert drawn == [("draft", 1), ("full", 1)]


def test_the_kernels_interrupt_stops_an_endless_function():
    def endless(value):
        while value:
            time.sleep(0.01)
        return torch.zeros(2, 2), {"value": value}

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    control, handler = base.slider("value", 0.0, 0.0, 2.0, 0.1), signal.getsignal(signal.SIGINT)
    explorer = base.Explorer("test", {"value": control}, endless, "A black square")
    timer = threading.Timer(0.2, interrupt)
    timer.start()
    control.value = 1.0
    assert "interrupted" in explorer.line.value
    assert signal.getsignal(signal.SIGINT) is handler
    control.value = 0.0
    assert "value: 0.00" in explorer.line.value


def test_drawing_takes_one_thread_and_gives_the_others_back():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen = []
        explorer = base.Explorer(
            "test", {}, lambda: (seen.append(torch.get_num_threads()) or torch.zeros(2, 2), {}), "A black square"
        )
        explorer.update()
        assert seen == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_the_kernels_interrupt_stops_an_endless_function_in_jupyter_too():
    """ipykernel ignores the interrupt outside cells, and the callbacks of controls are outside."""
    manager, client = start_new_kernel(kernel_name="python3")
    try:

        def ask(expression):
            reply = client.execute("", user_expressions={"x": expression}, silent=True, reply=True, timeout=60)
            return reply["content"]["user_expressions"]["x"]["data"]["text/plain"]

        assert client.execute(ENDLESS, reply=True, timeout=60)["content"]["status"] == "ok"
        moved = {"method": "update", "state": {"value": 1.0}, "buffer_paths": []}
        content = {"comm_id": ask("control.model_id").strip("'"), "data": moved}
        client.shell_channel.send(client.session.msg("comm_msg", content))
        started = Path(ask("str(started)").strip("'"))
        while not started.exists():
            time.sleep(0.05)
        manager.interrupt_kernel()
        assert "interrupted" in ask("explorer.line.value")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


ENDLESS = """
import tempfile, time, torch
from pathlib import Path
from course_utils.explorers import base

started = Path(tempfile.mkdtemp()) / "started"

def endless(value):
    while value:
        started.touch()
        time.sleep(0.01)
    return torch.zeros(2, 2), {"value": value}

control = base.slider("value", 0.0, 0.0, 2.0, 0.1)
explorer = base.Explorer("test", {"value": control}, endless, "A black square")
"""


def raise_error(*arguments):
    raise ZeroDivisionError("by λ")


def change_in_place(v, *arguments):
    for argument in (v, *arguments):
        if isinstance(argument, torch.Tensor):
            argument.zero_()  # a mask too
    return v + 0.5


WRONG = {
    "raise_error raised ZeroDivisionError: by λ (line": raise_error,
    "returned NoneType, a tensor is expected": lambda *arguments: None,
    "returned ndarray, a tensor is expected": lambda v, *arguments: v.numpy(),
    "returned the shape (3, 5), (": lambda v, *arguments: torch.zeros(3, 5),
    "returned torch.complex128 values, real": lambda v, *arguments: torch.fft.ifft(torch.fft.fft(v)),
    "returned torch.int64 values, real": lambda v, *arguments: v.long(),
    "returned values that are not finite": lambda v, *arguments: v / 0,
    "raised TypeError": lambda v: v,
}
CASES = {name: case for bank in BANKS.values() for name, case in getattr(bank, "EXPLORERS", {}).items()}
PLUGS = {f"{name}: {plug}": (case, plug) for name, case in CASES.items() for plug in case.plugs}


def test_every_lesson_has_an_explorer_and_every_explorer_its_case():
    lessons = lessons_with_explorers()
    assert sorted(lessons) == sorted(BANKS)
    assert sorted(base.EXPLORERS) == sorted(CASES)


@pytest.mark.parametrize("message", WRONG)
@pytest.mark.parametrize("plug", PLUGS)
def test_a_wrong_function_is_said_under_the_picture_and_the_explorer_lives(plug, message):
    case, name = PLUGS[plug]
    make, control, used, other = case.plugs[name]
    explorer = make(WRONG[message])
    explorer.controls[control].value = used
    text = html.unescape(explorer.line.value)
    assert 'role="alert"' in text
    assert message in text
    explorer.controls[control].value = other
    assert 'role="alert"' not in explorer.line.value


@pytest.mark.parametrize("plug", PLUGS)
def test_a_function_that_writes_into_its_arguments_harms_nothing(plug):
    case, name = PLUGS[plug]
    make, control, used, _ = case.plugs[name]
    explorer = make(change_in_place)
    explorer.controls[control].value = used
    before = explorer.line.value
    assert 'role="alert"' not in before
    explorer.update()
    assert explorer.line.value == before


def values_of(explorer):
    """Return the value of each control that has one, by name; the pause button is none."""
    buttons = (ipywidgets.Button, ipywidgets.ToggleButton)
    return {name: c.value for name, c in explorer.controls.items() if not isinstance(c, buttons)}


SHORT = 6  # choices of a list: with each of them all sliders are tried; a longer one names things, such as words


def settings_of(control, others=None):
    """Return the least, the default and the largest value of a control; every one of a short list; or these others."""
    if others:
        return [control.value, *others]
    if isinstance(control, ipywidgets.Dropdown):
        values = [value for _, value in control._options_full]
        return values if len(values) <= SHORT else [values[0], control.value, values[-1]]
    if isinstance(control, ipywidgets.SelectionSlider):
        values = [value for _, value in control._options_full]
        return [values[0], control.value, values[-1]]
    if isinstance(control, ipywidgets.FloatLogSlider):
        return [10**control.min, control.value, 10**control.max]
    return [control.min, control.value, control.max]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.plain])
def test_every_control_agrees_with_the_plain_function_at_least_default_and_most(name):
    explorer, plain = CASES[name].make(), CASES[name].plain
    controls = {key: explorer.controls[key] for key in values_of(explorer)}
    lists = [key for key, c in controls.items() if isinstance(c, ipywidgets.Dropdown)]
    sliders = [key for key in controls if key not in lists]

    def compare(key, value):
        controls[key].value = value
        picture, numbers = plain(values_of(explorer))
        assert explorer.picture.value == base.png_bytes(picture, zoom=explorer.zoom), (key, value)
        assert html.unescape(explorer.line.value) == base.format_numbers(numbers), (key, value)

    for list_name in lists or [None]:
        for choice in settings_of(controls[list_name]) if list_name else [None]:
            if list_name:
                compare(list_name, choice)
            for key in sliders if not list_name or len(controls[list_name].options) <= SHORT else []:
                default = controls[key].value
                for value in [*settings_of(controls[key], CASES[name].settings.get(key)), default]:
                    compare(key, value)


@pytest.mark.parametrize("name", CASES)
def test_every_control_changes_the_picture_or_the_numbers(name):
    explorer = CASES[name].make()
    if "random face" in explorer.controls:  # with a code of zeros the rank changes nothing
        explorer.controls["random face"].click()
    for key in values_of(explorer):
        control, seen = explorer.controls[key], set()
        default = control.value
        for value in settings_of(control, CASES[name].settings.get(key)):
            control.value = value
            seen.add((explorer.picture.value, explorer.line.value))
        control.value = default
        assert len(seen) > 1, key


@pytest.mark.parametrize("name", CASES)
def test_every_control_has_a_name_for_screen_readers(name):
    explorer = CASES[name].make()
    names = [getattr(c, "description", None) or c.label for c in explorer.controls.values()]
    assert all(names)
    assert len(set(names)) == len(names)


# --- long computations -----------------------------------------------------------------------------------------------


class Counting:
    """A computation of ten iterations that are let through one by one, or all at once."""

    def __init__(self):
        self.shown, self.let = [], threading.Semaphore(0)
        self.run = base.Run(self.work)

    def work(self, turn):
        for k in range(10):
            assert self.let.acquire(timeout=20)
            turn.show(self.shown.append, k)
            turn.tick()

    def wait_for(self, count):
        for _ in range(1000):
            if len(self.shown) >= count:
                return
            time.sleep(0.01)
        raise AssertionError(self.shown)


def test_a_run_says_its_state_and_ends():
    counting = Counting()
    assert "press run" in counting.run.status.value
    counting.run.start()
    assert counting.run.state == "running"
    assert "running" in counting.run.status.value
    counting.let.release(10)
    counting.run.thread.join()
    assert counting.shown == list(range(10))
    assert counting.run.state == "done"
    assert "done" in counting.run.status.value


def test_run_while_paused_goes_on_where_it_was():
    counting = Counting()
    counting.run.start()
    counting.let.release()
    counting.wait_for(1)
    counting.run.buttons["pause"].value = True
    assert counting.run.state == "paused"
    first = counting.run.thread
    counting.let.release(9)
    time.sleep(0.1)
    assert len(counting.shown) <= 2  # the iteration that was under way may end
    counting.run.buttons["run"].click()
    assert counting.run.state == "running"
    assert not counting.run.buttons["pause"].value
    first.join()
    assert counting.run.thread is first
    assert counting.shown == list(range(10))


def test_run_during_a_run_leaves_it_alone_and_says_so():
    counting = Counting()
    counting.run.start()
    counting.let.release()
    counting.wait_for(1)
    first = counting.run.thread
    counting.run.buttons["run"].click()
    assert counting.run.thread is first
    assert "running already" in counting.run.status.value
    counting.let.release(9)
    first.join()
    assert counting.shown == list(range(10))


@pytest.mark.parametrize("paused", [False, True])
def test_a_stopped_run_keeps_what_it_reached_and_another_begins_afresh(paused):
    counting = Counting()
    counting.run.start()
    counting.let.release()
    counting.wait_for(1)
    if paused:
        counting.run.pause()
    counting.run.buttons["stop"].click()
    counting.let.release()
    counting.run.thread.join()
    assert counting.run.state == "stopped"
    assert 1 <= len(counting.shown) <= 2
    counting.shown.clear()
    counting.run.buttons["run"].click()
    counting.let.release(10)
    counting.run.thread.join()
    assert counting.shown == list(range(10))
    assert counting.run.state == "done"


def test_a_forgotten_run_shows_nothing_more():
    counting = Counting()
    counting.run.start()
    counting.let.release()
    counting.wait_for(1)
    counting.run.forget()
    counting.let.release(10)
    counting.run.thread.join()
    assert counting.shown == [0]
    assert counting.run.state == "ready"


def test_pause_without_a_run_and_stop_without_a_run_change_nothing():
    run = base.Run(lambda turn: None)
    run.buttons["pause"].value = True
    assert not run.buttons["pause"].value
    run.stop()
    assert run.state == "ready"


def test_what_a_run_raises_is_said():
    run = base.Run(lambda turn: raise_error())
    run.start()
    run.thread.join()
    assert run.state == "failed"
    assert 'role="alert"' in run.status.value
    assert "ZeroDivisionError: by λ" in run.status.value
    run.start()
    run.thread.join()
    assert run.state == "failed"


# --- faces -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def face_model():
    faces = 0.5 + 0.15 * torch.randn(9, 14 * 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return gaussian.fit_gaussian(faces), faces, (14, 11)


def test_face_picture_is_the_generator(face_model):
    model, faces, shape = face_model
    z = faces_explorer.latent_code(faces[3], model)
    u, numbers = faces_explorer.face_picture(z, model, shape)
    torch.testing.assert_close(u.flatten(), faces[3])
    assert numbers["norm of z"] == pytest.approx(8**0.5)  # all the training faces are at the distance √(N - 1)
    ratio = gaussian.log_likelihood(u.flatten(), model, 8, 1e-4) - gaussian.log_likelihood(model[0], model, 8, 1e-4)
    assert numbers["log p(x) / p(mean)"] == pytest.approx(ratio.item(), rel=1e-4)
    mean, _ = faces_explorer.face_picture(z[:0], model, shape)
    torch.testing.assert_close(mean.flatten(), model[0])


@pytest.mark.usefixtures("unchecked")
def test_face_picture_refuses_what_does_not_fit(face_model):
    model, _, shape = face_model
    with pytest.raises(ValueError, match="q at most 8"):
        faces_explorer.face_picture(torch.zeros(9, dtype=torch.float64), model, shape)
    with pytest.raises(ValueError, match="154 pixels"):
        faces_explorer.face_picture(torch.zeros(3, dtype=torch.float64), model, (11, 11))
    with pytest.raises(ValueError, match="count must be at most 8"):
        faces_explorer.explore_faces(model, shape, count=9)


def test_each_slider_of_the_faces_draws_the_plain_picture(face_model):
    model, _, shape = face_model
    explorer = faces_explorer.explore_faces(model, shape, count=4, zoom=1)
    for i in range(4):
        before = shown(explorer)
        for value in (-4.0, 0.0, 4.0):
            explorer.controls[f"z_{i + 1}"].value = value
            z = torch.tensor([explorer.controls[f"z_{j + 1}"].value for j in range(4)], dtype=torch.float64)
            u, numbers = faces_explorer.face_picture(z, model, shape)
            assert explorer.picture.value == base.png_bytes(u)
            assert base.format_numbers(numbers) in explorer.line.value
        assert (shown(explorer) != before).any()


def test_rank_leaves_out_coefficients(face_model):
    model, _, shape = face_model
    explorer = faces_explorer.explore_faces(model, shape, count=2, zoom=1)
    explorer.controls["z_2"].value = 2.0
    explorer.controls["rank"].value = 1
    assert explorer.picture.value == base.png_bytes(model[0].reshape(shape))
    explorer.controls["rank"].value = 2
    assert explorer.picture.value != base.png_bytes(model[0].reshape(shape))


def test_codes_are_loaded_whole(face_model):
    model, faces, shape = face_model
    explorer = faces_explorer.explore_faces(model, shape, faces[:3], count=2, zoom=1)
    explorer.controls["portrait"].value = 1
    assert explorer.picture.value == base.png_bytes(faces[1].reshape(shape).clamp(0, 1))
    z = faces_explorer.latent_code(faces[1], model)
    assert explorer.controls["z_1"].value == pytest.approx(z[0].item())
    explorer.controls["z_1"].value = 0.0  # moves one coefficient, keeps the others
    z[0] = 0
    assert explorer.picture.value == base.png_bytes(faces_explorer.face_picture(z, model, shape)[0])
    explorer.controls["mean face"].click()
    assert explorer.picture.value == base.png_bytes(model[0].reshape(shape))
    explorer.controls["random face"].click()
    first = explorer.picture.value
    explorer.controls["random face"].click()
    assert len({first, explorer.picture.value, base.png_bytes(model[0].reshape(shape))}) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [("project", m) for m in WRONG] + [("sample_gaussian", m) for m in WRONG if "values" not in m],
)
def test_a_wrong_function_for_the_faces_is_said(face_model, name, message):
    model, faces, shape = face_model
    explorer = faces_explorer.explore_faces(model, shape, faces, count=2, **{name: WRONG[message]})
    assert 'role="alert"' not in explorer.line.value
    if name == "project":
        explorer.controls["portrait"].value = 1
    else:
        explorer.controls["random face"].click()
    assert message in html.unescape(explorer.line.value)
    explorer.controls["z_1"].value = 1.0
    assert 'role="alert"' not in explorer.line.value


def test_the_faces_use_the_functions_of_the_student(face_model):
    model, faces, shape = face_model
    mean, eigenvectors, eigenvalues = model
    explorer = faces_explorer.explore_faces(
        model,
        shape,
        faces,
        count=2,
        zoom=1,
        sample_gaussian=lambda mean, E, L, n, generator: (mean + 3 * L[1].sqrt() * E[:, 1]).expand(n, -1),
        project=lambda face, mean, E, rank: mean,
    )
    explorer.controls["random face"].click()
    assert explorer.controls["z_2"].value == pytest.approx(3.0)
    expected = (mean + 3 * eigenvalues[1].sqrt() * eigenvectors[:, 1]).reshape(shape)
    np.testing.assert_allclose(shown(explorer), png_pixels(expected), atol=1)
    explorer.controls["portrait"].value = 1
    assert explorer.picture.value == base.png_bytes(mean.reshape(shape))


# --- the pseudo-inverse ----------------------------------------------------------------------------------------------

SIGMA = 4 / 255


def inverse_reference(method, value, photograph, v):
    """Return what the restoration module computes, without spectra of noise or closed forms."""
    if method == "truncation":
        return restoration.pseudo_inverse_deblur(v, photograph.kernel, value)
    if method == "ridge":
        return restoration.ridge_path(v, photograph.kernel, [value])[0]
    return restoration.landweber(operators.Blur(photograph.kernel, tuple(v.shape)), v, 1.0, int(value))


@pytest.mark.parametrize(
    ("method", "value"),
    [("truncation", 1e-10), ("truncation", 0.1), ("ridge", 1e-4), ("ridge", 1), ("early stopping", 80)],
)
def test_inverse_picture_is_the_restoration(method, value):
    photograph = pseudo_inverse._blurred_photograph()
    v = photograph.blurred + SIGMA * photograph.noise
    u, numbers = pseudo_inverse.pseudo_inverse_picture(method, value, SIGMA)
    expected = inverse_reference(method, value, photograph, v)
    assert (u - expected).norm() < 1e-9 * expected.norm()
    assert numbers["PSNR (dB)"] == pytest.approx(metrics.psnr(expected, photograph.u0), abs=1e-6)
    assert numbers["PSNR of v (dB)"] == pytest.approx(metrics.psnr(v, photograph.u0), abs=1e-9)


@pytest.mark.parametrize("method", list(pseudo_inverse.INVERSE_METHODS))
@pytest.mark.parametrize("sigma", [0.0, SIGMA])
def test_inverse_curve_is_the_psnr_of_the_pictures(method, sigma):
    values = pseudo_inverse.INVERSE_METHODS[method][1]
    curve = pseudo_inverse._inverse_curve(method, sigma)
    for i in (0, len(values) // 2, len(values) - 1):
        _, numbers = pseudo_inverse.pseudo_inverse_picture(method, values[i], sigma)
        assert numbers["PSNR (dB)"] == pytest.approx(curve[i], abs=1e-3)


def test_pseudo_inverse_explorer_follows_its_controls():
    explorer = pseudo_inverse.explore_pseudo_inverse()
    method, parameter, noise = (explorer.controls[name] for name in ("method", "parameter", "noise"))
    for name, (symbol, values) in pseudo_inverse.INVERSE_METHODS.items():
        method.value = name
        assert [value for _, value in parameter.options] == list(values)
        pictures = []
        for index in (0, len(values) // 2, len(values) - 1):
            parameter.index = index
            assert parameter.label.startswith(f"{symbol} = ")
            _, numbers = pseudo_inverse.pseudo_inverse_picture(name, values[index], noise.value / 255)
            assert base.format_numbers(numbers) in explorer.line.value
            pictures.append(shown(explorer))
        assert pictures[0].shape == (256, 512)
        assert not np.array_equal(pictures[0], pictures[1])
        assert not np.array_equal(pictures[1], pictures[2])
        for level in (noise.min, noise.max, 4.0):
            before = shown(explorer)
            noise.value = level
            assert not np.array_equal(shown(explorer), before)


def test_pseudo_inverse_explorer_uses_the_function_of_the_student():
    explorer = pseudo_inverse.explore_pseudo_inverse(deblur=lambda v, kernel, tol: torch.full_like(v, 0.5))
    assert (shown(explorer)[:, 256:] == 128).all()
    explorer.controls["method"].value = "ridge"
    assert shown(explorer)[:, 256:].std() > 10


def test_ridge_path_of_the_student_is_used_for_ridge_only():
    explorer = pseudo_inverse.explore_pseudo_inverse(
        ridge_path=lambda v, kernel, lams: torch.full((1, *v.shape), lams[0])
    )
    assert shown(explorer)[:, 256:].std() > 10
    explorer.controls["method"].value = "ridge"
    explorer.controls["parameter"].value = 1.0
    assert (shown(explorer)[:, 256:] == 255).all()


def test_the_slider_of_the_parameter_has_as_many_places_for_each_method():
    assert {len(set(values)) for _, values in pseudo_inverse.INVERSE_METHODS.values()} == {41}
    for _, values in pseudo_inverse.INVERSE_METHODS.values():
        assert list(values) == sorted(values)


def test_inverse_curve_marks_the_place():
    dots = []
    for value in (1e-10, 1e-2, 1.0):
        svg = pseudo_inverse.inverse_curve_svg("ridge", value, SIGMA)
        dots.append(float(ElementTree.fromstring(svg).find("{*}circle").get("cx")))
    assert dots == [84.0, 416.8, 500.0]


def test_pseudo_inverse_picture_rejects_bad_input():
    with pytest.raises(ValueError, match="method 'landweber' is unknown"):
        pseudo_inverse.pseudo_inverse_picture("landweber", 1.0, 0.0)
    with pytest.raises(ValueError, match="value must be > 0"):
        pseudo_inverse.pseudo_inverse_picture("ridge", 0.0, 0.0)
    with pytest.raises(ValueError, match="sigma must be >= 0"):
        pseudo_inverse.pseudo_inverse_picture("ridge", 1.0, -0.1)


# --- deblurring ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gray_image():
    return torch.rand(24, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def asymmetric_kernels():
    generator = torch.Generator().manual_seed(2)
    kernels = {name: torch.rand(shape, dtype=torch.float64, generator=generator) for name, shape in SHAKES.items()}
    return {name: kernel / kernel.sum() for name, kernel in kernels.items()}


SHAKES = {"small": (3, 2), "large": (6, 9)}


@pytest.mark.parametrize("sigma", [0.0, 0.05])
def test_deblurring_picture_is_the_restoration(gray_image, asymmetric_kernels, sigma):
    u0, kernel = gray_image, asymmetric_kernels["large"]
    restorations = {
        "Tychonov": lambda v: restoration.tychonov_deblur(v, kernel, 0.03),
        "ridge": lambda v: restoration.ridge_deblur(v, kernel, 0.03),
        "inverse filter": lambda v: restoration.inverse_filter(v, kernel),
    }
    for method, restore in restorations.items():
        (original, v, u, transfer), numbers = deblurring.deblurring_picture(u0, kernel, sigma, method, 0.03)
        assert torch.equal(original, u0)
        noise = v - operators.blur(u0, kernel)
        assert noise.square().mean().sqrt().item() == pytest.approx(sigma, rel=0.1, abs=1e-12)
        torch.testing.assert_close(u, restore(v))
        assert numbers["PSNR observed (dB)"] == pytest.approx(metrics.psnr(v, u0))
        assert numbers["PSNR restored (dB)"] == pytest.approx(metrics.psnr(u, u0))
        assert len(numbers) == (3 if sigma else 2)
        assert transfer[12, 10] == pytest.approx(1.0)  # frequency 0 in the middle, where k_hat = 1
        assert transfer.min() >= 0
        assert transfer.max() <= 1 + 1e-12


def test_deblurring_explorer_follows_its_controls(gray_image, asymmetric_kernels):
    explorer = deblurring.explore_deblurring(gray_image, asymmetric_kernels)
    kernel, noise, method, weight = (explorer.controls[name] for name in ("kernel", "noise", "method", "weight"))
    moves = [(kernel, "large"), (kernel, "small"), (noise, noise.min), (noise, noise.max), (noise, 4.0)]
    moves += [(weight, 10**weight.min), (weight, 10**weight.max), (weight, 0.01)]
    moves += [(method, "ridge"), (method, "inverse filter"), (method, "Tychonov")]
    for control, value in moves:
        before = explorer.picture.value
        control.value = value
        panels, numbers = deblurring.deblurring_picture(
            gray_image, asymmetric_kernels[kernel.value], noise.value / 255, method.value, weight.value
        )
        assert explorer.picture.value != before
        assert explorer.picture.value == base.png_bytes(torch.cat([torch.cat([*panels[i : i + 2]], 1) for i in (0, 2)]))
        assert html.escape(base.format_numbers(numbers)) in explorer.line.value


def test_deblurring_explorer_uses_the_function_of_the_student(gray_image, asymmetric_kernels):
    explorer = deblurring.explore_deblurring(
        gray_image, asymmetric_kernels, lambda v, kernel, lam: torch.full_like(v, 0.5)
    )
    assert (shown(explorer)[24:, :20] == 128).all()
    explorer.controls["method"].value = "ridge"
    assert shown(explorer)[24:, :20].std() > 10


def test_a_drawing_is_a_kernel_and_chooses_itself():
    explorer = deblurring.explore_deblurring()
    pad, kernel = explorer.controls["drawing"], explorer.controls["kernel"]
    assert torch.equal(deblurring.drawn_kernel(pad.value).nonzero(), torch.tensor([[15, 15]]))  # no blur to begin with
    pad.value = [[int(i == 15 and 10 <= j <= 14) for j in range(31)] for i in range(31)]
    assert kernel.value == deblurring.DRAWN
    drawn = deblurring.drawn_kernel(pad.value)
    assert drawn.sum().item() == pytest.approx(1.0)
    torch.testing.assert_close(drawn[15, 10:15], torch.full((5,), 0.2, dtype=torch.float64))
    observed = deblurring.deblurring_picture(load_image("cameraman", 256), drawn, 4 / 255, "Tychonov", 0.01)[0][1]
    np.testing.assert_array_equal(shown(explorer)[:256, 256:], png_pixels(observed))
    pad.value = [[0] * 31] * 31
    assert "the drawing is empty" in explorer.line.value
    kernel.value = "disk"
    assert 'role="alert"' not in explorer.line.value


def test_deblurring_explorer_knows_the_kernels_of_the_course():
    explorer = deblurring.explore_deblurring()
    assert explorer.controls["kernel"].options == ("disk", "gaussian", "motion_1", "motion_2", deblurring.DRAWN)
    assert shown(explorer).shape == (512, 512)


def test_deblurring_picture_rejects_bad_input(gray_image, asymmetric_kernels):
    with pytest.raises(ValueError, match="method 'wiener' is unknown"):
        deblurring.deblurring_picture(gray_image, asymmetric_kernels["small"], 0.0, "wiener", 0.1)
    with pytest.raises(ValueError, match="sigma must be >= 0"):
        deblurring.deblurring_picture(gray_image, asymmetric_kernels["small"], -1.0, "ridge", 0.1)


# --- total variation -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tv_explorer():
    return tv_denoising.explore_tv(n_iterations=80)


def test_tv_explorer_changes_its_picture_with_every_control(tv_explorer):
    places = {"lam": 1.0, "eps": 0.5, "sigma": 0.2, "divider": 0.9, "regularizer": "Tychonov"}
    for name, value in places.items():
        control, before = tv_explorer.controls[name], shown(tv_explorer)
        default, control.value = control.value, value
        assert not np.array_equal(shown(tv_explorer), before), name
        control.value = default
        assert np.array_equal(shown(tv_explorer), before), name


def png_pixels(u, zoom=1):
    return np.asarray(Image.open(io.BytesIO(base.png_bytes(u, zoom=zoom))))


def test_tv_picture_is_the_denoising_of_the_course():
    u0 = load_image("cameraman", 256)
    v = add_noise(u0, 0.15, torch.Generator().manual_seed(0))
    only_noisy, numbers = tv_denoising.tv_picture(0.1, 2e-2, 0.15, "smoothed TV", 1.0)
    torch.testing.assert_close(only_noisy, v)
    denoised, _ = tv_denoising.tv_picture(0.1, 2e-2, 0.15, "smoothed TV", 0.0)
    reference = restoration.accelerated_tv_denoise(v, 0.1, 2e-2, 2000, tol=1e-8)
    assert metrics.rmse(denoised, reference) < 1e-4
    assert numbers["PSNR (dB)"] == pytest.approx(metrics.psnr(reference, u0), abs=0.02)
    assert numbers["PSNR of v (dB)"] == pytest.approx(metrics.psnr(v, u0))
    smooth, numbers = tv_denoising.tv_picture(2.0, 2e-2, 0.15, "Tychonov", 0.0)
    torch.testing.assert_close(smooth, restoration.tychonov_denoise(v, 2.0))
    assert float(numbers["RMS of ∇F"]) < 1e-12


def test_tv_picture_puts_the_divider_where_it_is_asked():
    left, _ = tv_denoising.tv_picture(divider=1.0)
    right, _ = tv_denoising.tv_picture(divider=0.0)
    split, _ = tv_denoising.tv_picture(divider=0.25)
    torch.testing.assert_close(split[:, :64], left[:, :64])
    assert (split[:, 64] == 1).all()
    torch.testing.assert_close(split[:, 65:], right[:, 65:])


def test_tv_explorer_uses_the_function_of_the_student_and_only_when_needed():
    calls = []

    def denoise(v, lam, eps, n):
        calls.append((lam, eps, n))
        return torch.full_like(v, 0.5)

    explorer = tv_denoising.explore_tv(denoise=denoise)
    assert (shown(explorer)[:, 300:] == 128).all()
    explorer.controls["divider"].value = 0.1
    assert (shown(explorer)[:, 60:] == 128).all()
    assert len(calls) == 1
    explorer.controls["lam"].value = 1.0
    assert [call[0] for call in calls] == [pytest.approx(0.08), pytest.approx(1.0)]


def test_tv_picture_rejects_bad_input():
    with pytest.raises(ValueError, match="regularizer 'TV' is unknown"):
        tv_denoising.tv_picture(regularizer="TV")
    with pytest.raises(ValueError, match="eps must be > 0"):
        tv_denoising.tv_picture(eps=0.0)
    with pytest.raises(ValueError, match="divider must be at most 1"):
        tv_denoising.tv_picture(divider=1.5)
    with pytest.raises(ValueError, match="sigma must be >= 0"):
        tv_denoising.tv_picture(sigma=-0.1)


# --- Gatys -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def gatys_explorer(monkeypatch):
    monkeypatch.setattr(gatys, "GATYS_SIZE", 32)
    monkeypatch.setattr(gatys, "_small_exemplar", gatys._small_exemplar.__wrapped__)
    explorer = gatys.explore_gatys(n_iterations=4)
    explorer.controls["last"].value = "pool1"
    yield explorer
    explorer.controls["stop"].click()
    if explorer.run.thread:
        explorer.run.thread.join()


def test_gatys_explorer_shows_the_exemplar_of_each_choice(gatys_explorer):
    first = shown(gatys_explorer)
    assert first.shape == (128, 4 * 68)
    assert "press run" in gatys_explorer.run.status.value
    gatys_explorer.controls["texture"].value = "cork"
    assert shown(gatys_explorer).shape == (128, 4 * 68, 3)
    assert "cork" in gatys_explorer.line.value


def test_gatys_explorer_runs_to_the_picture_of_the_plain_function(gatys_explorer):
    for last, seed in (("conv1_1", 0), ("pool1", 20)):
        gatys_explorer.controls["last"].value, gatys_explorer.controls["seed"].value = last, seed
        gatys_explorer.controls["run"].click()
        gatys_explorer.run.thread.join()
        picture, numbers = gatys.gatys_picture("gravel", last, seed, 4)
        np.testing.assert_array_equal(shown(gatys_explorer), png_pixels(picture, zoom=4))
        assert f"E: {numbers['E']}" in gatys_explorer.line.value
        assert "done" in gatys_explorer.run.status.value


def wait_for(condition):
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError(condition)


@pytest.fixture
def slow_gatys(gatys_explorer):
    """Return the explorer with many more evaluations than a test waits for."""
    explorer = gatys.explore_gatys(n_iterations=5000)
    explorer.controls["last"].value = "pool1"
    yield explorer
    explorer.controls["stop"].click()
    explorer.run.thread.join()


def test_gatys_explorer_pauses_resumes_stops_and_keeps_what_was_reached(slow_gatys):
    slow_gatys.controls["run"].click()
    wait_for(lambda: "evaluations: " in slow_gatys.line.value)
    slow_gatys.controls["pause"].value = True
    time.sleep(0.3)  # the evaluation under way ends
    held = slow_gatys.line.value
    time.sleep(0.3)
    assert slow_gatys.line.value == held
    thread = slow_gatys.run.thread
    slow_gatys.controls["run"].click()  # goes on: it does not begin again from noise
    wait_for(lambda: slow_gatys.line.value != held)
    assert slow_gatys.run.thread is thread
    count = [int(line.split("evaluations: ")[1].split(" of")[0]) for line in (held, slow_gatys.line.value)]
    assert count[1] > count[0]
    slow_gatys.controls["stop"].click()
    thread.join()
    assert "stopped" in slow_gatys.run.status.value
    assert shown(slow_gatys)[:, 4 * 36 :].std() > 10


def test_a_synthesis_begins_even_when_its_choice_was_made_just_before(slow_gatys):
    async def choose_and_run():
        slow_gatys.controls["seed"].value = 3
        slow_gatys.controls["run"].click()
        await asyncio.sleep(5 * base.DELAY)  # the choice would have been drawn by now
        for _ in range(500):
            if "evaluations" in slow_gatys.line.value:
                break
            await asyncio.sleep(base.DELAY)
        seen, state = slow_gatys.line.value, slow_gatys.run.state
        slow_gatys.controls["stop"].click()
        while slow_gatys.run.thread.is_alive():
            await asyncio.sleep(base.DELAY)
        return seen, state

    seen, state = asyncio.run(choose_and_run())
    assert "evaluations" in seen
    assert state == "running"


def test_gatys_explorer_forgets_a_synthesis_whose_choices_changed(slow_gatys):
    slow_gatys.controls["run"].click()
    wait_for(lambda: "evaluations: " in slow_gatys.line.value)
    slow_gatys.controls["seed"].value = 3
    slow_gatys.run.thread.join()
    assert "press run" in slow_gatys.run.status.value
    assert "evaluations" not in slow_gatys.line.value


@pytest.mark.parametrize("message", [m for m in WRONG if "ZeroDivision" in m or "None" in m])
def test_gatys_explorer_says_what_the_statistic_of_the_student_raises(monkeypatch, message):
    monkeypatch.setattr(gatys, "_small_exemplar", lambda texture: torch.rand(32, 32))
    explorer = gatys.explore_gatys(n_iterations=2, statistic=WRONG[message])
    explorer.controls["last"].value = "conv1_1"
    explorer.controls["run"].click()
    explorer.run.thread.join()
    assert 'role="alert"' in explorer.run.status.value
    explorer.controls["seed"].value = 1
    assert "press run" in explorer.run.status.value


def test_gatys_explorer_uses_the_statistic_of_the_student(gatys_explorer):
    _, numbers = gatys.gatys_picture("gravel", "conv1_1", 0, 4, statistic=lambda features: features.mean((1, 2)))
    explorer = gatys.explore_gatys(n_iterations=4, statistic=lambda features: features.mean((1, 2)))
    explorer.controls["last"].value = "conv1_1"
    explorer.controls["run"].click()
    explorer.run.thread.join()
    assert f"E: {numbers['E']}" in explorer.line.value
    assert numbers["E"] != gatys.gatys_picture("gravel", "conv1_1", 0, 4)[1]["E"]


def test_gatys_explorer_shows_the_loss_as_it_advances(gatys_explorer):
    curve = gatys_explorer.children[0].children[0].children[-1]
    assert curve.value == ""
    gatys_explorer.controls["run"].click()
    gatys_explorer.run.thread.join()
    picture = ElementTree.fromstring(curve.value)
    points = picture.find("{*}polyline").get("points").split()
    assert len(points) == 4
    assert "after 4 evaluations" in picture.get("aria-label")
    heights = [float(point.split(",")[1]) for point in points]
    assert heights[-1] > heights[0]  # downwards: the loss fell
    gatys_explorer.controls["seed"].value = 7
    assert curve.value == ""


def test_loss_curve_is_logarithmic_and_survives_zero():
    for losses in ([1.0], [1.0, 1e-1, 1e-2], [1.0, 0.0]):
        picture = ElementTree.fromstring(base.loss_curve_svg(losses, 3))
        assert len(picture.find("{*}polyline").get("points").split()) == len(losses)
    heights = [
        float(point.split(",")[1])
        for point in ElementTree.fromstring(base.loss_curve_svg([1.0, 1e-1, 1e-2], 3))
        .find("{*}polyline")
        .get("points")
        .split()
    ]
    assert heights == [20.0, 80.0, 140.0]


def test_gatys_picture_rejects_bad_input():
    with pytest.raises(ValueError, match="texture 'gravle' is unknown"):
        gatys.gatys_picture("gravle")
    with pytest.raises(ValueError, match="last 'pool5' is unknown"):
        gatys.gatys_picture(last="pool5")


# --- completions of a digit ------------------------------------------------------------------------------------------

LEFT_HALF = [[1] * 8 + [0] * 8] * 16


@pytest.fixture
def half_a_network(monkeypatch):
    monkeypatch.setattr(completions, "_network", lambda: lambda x, t: 0.5 * x)


def run_completions(explorer):
    explorer.controls["painted"].value = LEFT_HALF
    explorer.controls["run"].click()
    explorer.run.thread.join()


@pytest.mark.usefixtures("half_a_network")
def test_completions_run_to_the_picture_of_the_plain_function():
    explorer = completions.explore_completions(steps=3)
    for method, zeta in (("DPS", 1.0), ("DPS", 0.01), ("ΠGDM", 1.0), ("known pixels replaced", 1.0)):
        explorer.controls["method"].value, explorer.controls["zeta"].value = method, zeta
        run_completions(explorer)
        picture, numbers = completions.completion_picture(LEFT_HALF, method=method, zeta=zeta, steps=3)
        np.testing.assert_array_equal(shown(explorer), png_pixels(picture, zoom=4))
        assert html.unescape(explorer.line.value) == base.format_numbers(numbers)
        assert "done" in explorer.run.status.value


@pytest.mark.usefixtures("half_a_network")
@pytest.mark.parametrize("message", WRONG)
def test_completions_say_what_the_step_of_the_student_does_wrong(message):
    explorer = completions.explore_completions(WRONG[message], steps=3)
    run_completions(explorer)
    assert 'role="alert"' in explorer.run.status.value
    assert message.replace("complex128", "complex64") in html.unescape(explorer.run.status.value)  # images are float32
    explorer.controls["seed"].value = 1
    assert "press run" in explorer.run.status.value


def test_the_pad_shows_the_digit_that_is_chosen():
    explorer = completions.explore_completions()
    before = explorer.controls["painted"].background
    explorer.controls["digit"].value = 7
    assert explorer.controls["painted"].background != before


@pytest.mark.usefixtures("half_a_network")
def test_with_nothing_seen_completions_are_free_and_with_everything_there_is_no_deviation_to_name():
    free = completions.completion_picture([[1] * 16] * 16, steps=2)[1]
    bound = completions.completion_picture([[0] * 16] * 16, steps=2)[1]
    assert list(free) == ["hidden", "deviation, hidden"]
    assert float(free["deviation, hidden"]) > 0
    assert "deviation, hidden" not in bound


def test_completion_picture_rejects_bad_input():
    with pytest.raises(ValueError, match="painted must have 16 rows"):
        completions.completion_picture([[0] * 32] * 32)
    with pytest.raises(ValueError, match="digit must be at most 9"):
        completions.completion_picture(LEFT_HALF, digit=10)
