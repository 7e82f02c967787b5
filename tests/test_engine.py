"""The engine of the checks: it stops what never ends, survives what crashes, and says where."""

# ruff: noqa: NPY002 - a test is about the global random states

import _thread
import ast
import io
import json
import os
import random
import signal
import sys
import threading
import time
import warnings
from typing import ClassVar

import matplotlib.pyplot as plt
import nbformat
import numpy
import pytest
import torch

from course_utils.checks import engine
from course_utils.checks.engine import (
    Mistake,
    Student,
    Verdict,
    cells,
    check,
    compare,
    diagnose,
    exercise,
    expect_close,
    generic,
    hint,
    random_image,
    recognise,
)


def twice(u):
    """Return 2u, the reference of the exercise that these tests register."""
    return 2 * u


@pytest.fixture(autouse=True)
def toy_exercise(monkeypatch):
    monkeypatch.setattr(engine, "EXERCISES", {})
    monkeypatch.setattr(engine, "_hints_given", {})

    @exercise(twice, hints=("the idea is to double", "2u", "return 2 * u"))
    def examine(student):
        u = random_image((6, 5))
        answer = student.tensor(u, shape=(6, 5))
        recognise(answer, ("identity", u, "That is u itself."), ("sign", -2 * u, "The sign is wrong."))
        expect_close(answer, 2 * u, "value", "That is not 2u.")
        return "f(u) = 2u"

    engine.EXERCISES["twice"] = engine.EXERCISES.pop("examine")


def verdict_on(function, **options):
    return diagnose(function, "twice", **options)


def test_right_answer_passes():
    verdict = verdict_on(lambda u: u + u)
    assert (verdict.status, verdict.cause) == ("passed", "") or pytest.fail(str(verdict))
    assert "2u" in verdict.message


def endless(u):
    while True:
        pass


def endless_and_deaf(u):
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            continue


def in_place(u):
    u *= 2
    return u


def crash(u):
    return u + undefined_name


def bottomless(u):
    return bottomless(u)


def leaves(u):
    raise SystemExit(3)


def generator_function(u):
    yield 2 * u


async def coroutine_function(u):
    return 2 * u


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (lambda u: u, "identity"),
        (lambda u: -2 * u, "sign"),
        (lambda u: 3 * u, "normalisation"),
        (lambda u: 2 * u + u**2, "value"),
        (lambda u: None, "type"),
        (lambda u: (2 * u).tolist(), "type"),
        (lambda u: (2 * u).T, "shape"),
        (lambda u: (2 * u).to(torch.complex128), "complex"),
        (lambda u: (2 * u).int(), "type"),
        (lambda u: u / 0, "not-finite"),
        (lambda: 0, "signature"),
        (lambda u, v: 2 * u, "signature"),
        (in_place, "mutates-input"),
        (crash, "exception"),
        (bottomless, "exception"),
        (leaves, "exception"),
        (generator_function, "type"),
        (coroutine_function, "type"),
        (lambda *arguments: arguments[0].mul_(2), "mutates-input"),
        (3.0, "type"),
        (None, "type"),
        (torch, "type"),
    ],
)
def test_wrong_answers_are_told_apart(function, cause):
    verdict = verdict_on(function)
    assert (verdict.status, verdict.cause) == ("wrong", cause), verdict


@pytest.mark.parametrize("function", [endless, endless_and_deaf])
def test_endless_loop_is_stopped_and_located(function):
    start = time.monotonic()
    verdict = verdict_on(function, time_limit=0.3)
    assert time.monotonic() - start < 5
    assert verdict.cause == "too-slow"
    assert "line" in verdict.message


def test_exception_is_shown_at_the_students_line():
    assert "return u + undefined_name" in verdict_on(crash).message


def test_stub_is_not_attempted_and_torch_errors_are_not_stubs():
    def stub(u):
        raise NotImplementedError()

    def unsupported(u):
        raise NotImplementedError("Could not run 'aten::something'")

    assert verdict_on(stub).status == "not attempted"
    assert verdict_on(unsupported).cause == "exception"


def test_check_returns_the_students_function_or_the_reference(capsys):
    def right(u):
        return u + u

    assert check(right, "twice") is right
    assert check(crash, "twice") is twice
    assert "course's solution" in capsys.readouterr().out


def test_the_reference_left_by_a_failed_check_is_no_success(capsys):
    assert check(check(crash, "twice"), "twice") is twice
    assert "twice: passed" not in capsys.readouterr().out


def test_a_lambda_and_a_number_are_checked_under_the_name_in_the_cell(capsys):
    twice = check(lambda u: u + u)
    assert twice(3) == 6
    twice = check(3)
    assert twice(3) == 6  # the reference
    assert "not a function" in capsys.readouterr().out


def leaks(u):
    os.chdir("/")
    os.environ["COURSE_LEAK"] = "1"
    sys.setrecursionlimit(4321)
    plt.rcParams["lines.linewidth"] = 17.0
    plt.figure()
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.manual_seed(0)
    numpy.random.seed(0)
    random.seed(0)
    warnings.simplefilter("error")
    return u + u


def test_a_function_changes_nothing_of_the_notebook():
    torch.manual_seed(5), numpy.random.seed(5), random.seed(5)
    expected = torch.rand(1), numpy.random.rand()
    torch.manual_seed(5), numpy.random.seed(5), random.seed(5)
    filters, kept = list(warnings.filters), (os.getcwd(), sys.getrecursionlimit(), plt.get_fignums())
    assert verdict_on(leaks).status == "passed"
    assert (torch.rand(1), numpy.random.rand()) == expected
    assert random.random() != random.Random(0).random()
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert warnings.filters == filters
    assert (os.getcwd(), sys.getrecursionlimit(), plt.get_fignums()) == kept
    assert "COURSE_LEAK" not in os.environ
    assert plt.rcParams["lines.linewidth"] != 17.0


def test_only_the_beginning_of_what_a_function_prints_is_shown(capsys):
    def talks(u):
        for number in range(10_000):
            print("iteration", number)
        return u + u

    assert verdict_on(talks).status == "passed"
    out = capsys.readouterr().out
    assert "iteration 9\n" in out
    assert len(out) < 2 * engine.PRINTED
    assert "not shown" in out


@pytest.fixture
def python_interrupt():
    """Let SIGINT raise KeyboardInterrupt, as in a kernel: what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_stop_button_stops_the_function(python_interrupt):
    """The interruption comes while the check waits, which Python 3.11 takes for the end of a thread that is joined."""
    before = threading.active_count()
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        verdict_on(endless)
    time.sleep(0.5)
    assert threading.active_count() == before


def test_a_long_message_is_cut():
    def shouts(u):
        raise ValueError("no " * 10_000)

    assert len(verdict_on(shouts).message) < 500


def test_check_fails_the_cell_when_nbgrader_grades(monkeypatch):
    class Shell:
        user_ns: ClassVar = {}

    monkeypatch.setattr("IPython.get_ipython", lambda: Shell)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with pytest.raises(AssertionError, match="NameError"):
        check(crash, "twice")
    assert Shell.user_ns["twice"] is twice


def test_record_is_json_and_html_is_escaped():
    verdict = Verdict("wrong", "1 < 2 & <script>", {"yours": 1.0}, "twice", "sign")
    assert json.loads(json.dumps(verdict.record()))["cause"] == "sign"
    assert "<script>" not in verdict._repr_html_()
    assert "wrong sign" in str(verdict)


def test_two_pictures_show_what_differs():
    assert set(verdict_on(lambda u: 2 * u + u**2).pictures) == {"yours", "expected"}


def test_hints_come_in_steps(capsys):
    for expected in ("the idea", "2u", "return", "return"):
        hint("twice")
        assert expected in capsys.readouterr().out
    hint("twice", step=1)
    assert "the idea" in capsys.readouterr().out
    with pytest.raises(ValueError, match="step"):
        hint("twice", step=4)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="did you mean 'twice'"):
        diagnose(twice, "twise")
    with pytest.raises(ValueError, match="cause"):
        Mistake("nonsense", "…")


def test_an_exercise_is_registered_once():
    @exercise(twice, ("a", "b", "c"))
    def thrice(student):
        return ""

    with pytest.raises(ValueError, match="thrice"):
        exercise(twice, ("a", "b", "c"))(thrice)


def test_generators_are_copied_so_that_every_call_sees_the_same_state():
    generator = torch.Generator().manual_seed(0)
    draw = Student(lambda g: torch.randn(3, generator=g), "draw")
    assert torch.equal(draw(generator), draw(generator))


# --- what can be wrong in any exercise -------------------------------------------------------------------------------

RIGHT = random_image((7, 8), 3)


@pytest.mark.parametrize(
    ("answer", "cause", "text"),
    [
        (RIGHT * 0, "constant", "0 everywhere"),
        (-RIGHT, "sign", "opposite"),
        (RIGHT.abs(), "complex", "modulus"),
        (RIGHT.clamp(0, 1), "clipping", "[0, 1]"),
        (RIGHT.clamp(min=0), "clipping", "negative"),
        (RIGHT * 56, "normalisation", "factor"),
        (-RIGHT / 3, "normalisation", "factor"),
        (RIGHT + 0.5, "mean", "constant"),
        (RIGHT.roll((1, -2), (0, 1)), "centering", "moved"),
        (RIGHT.roll((3, 4), (0, 1)), "centering", "moved"),
        (RIGHT.flip(1), "axis", "reversed"),
        (RIGHT.flip(0, 1), "conjugate", "180"),
        ((RIGHT * 56).float(), "normalisation", "factor"),
    ],
)
def test_a_result_shows_what_is_wrong_by_itself(answer, cause, text):
    mistake = compare.generic_mistake(answer, RIGHT)
    assert (mistake.cause, text in mistake.message) == (cause, True), mistake.message


def sum_of_parts(first, second, third):
    return first - second * third


PARTS = {
    "first": (RIGHT, [("sign", -RIGHT, "First: sign."), ("value", 0 * RIGHT, "First: missing.")]),
    "second": (RIGHT.exp(), [("square-root", (2 * RIGHT).exp(), "Second: squared.")]),
    "third": (3.0, [("weight", 1.0, "Third: weight.")]),
}


@pytest.mark.parametrize(
    ("answer", "cause", "text"),
    [
        (-RIGHT - 3 * RIGHT.exp(), "sign", "First: sign."),
        (RIGHT - RIGHT.exp(), "weight", "Third: weight."),
        (-RIGHT.exp(), "value", "First: missing. Third: weight."),
        (RIGHT - (2 * RIGHT).exp(), "square-root", "Second: squared. Third: weight."),
    ],
)
def test_wrong_parts_of_a_formula_are_found_alone_and_in_pairs(answer, cause, text):
    with pytest.raises(Mistake) as mistake:
        compare.recognise_parts(answer, sum_of_parts, PARTS)
    assert (mistake.value.cause, mistake.value.message, mistake.value.known) == (cause, text, True)


def test_what_no_two_parts_explain_is_not_named():
    compare.recognise_parts(RIGHT - 3 * RIGHT.exp(), sum_of_parts, PARTS)
    compare.recognise_parts(-(2 * RIGHT).exp(), sum_of_parts, PARTS)
    compare.recognise_parts(RIGHT[:2], sum_of_parts, PARTS)


def test_numbers_of_the_generic_mistakes():
    assert compare.generic_mistake(56 * RIGHT, RIGHT).details == {"your result / the right one": 56}
    moved = compare.generic_mistake(RIGHT.roll((1, -2), (0, 1)), RIGHT)
    assert moved.details == {"moved by (rows, columns)": [1, -2]}
    square = random_image((5, 5))
    assert "transpose" in compare.generic_mistake(square.T, square).message
    border = RIGHT.clone()
    border[-1] = 0
    assert compare.generic_mistake(border, RIGHT).cause == "boundary"
    assert compare.generic_mistake(RIGHT.square(), RIGHT.square().sqrt()).cause == "square-root"


@pytest.mark.parametrize(
    ("answer", "expected", "cause"),
    [
        (-1.37, 1.37, "sign"),
        (2.74, 1.37, "normalisation"),
        (0.685, 1.37, "normalisation"),
        (1.37**2, 1.37, "square-root"),
        (1.37**0.5, 1.37, "square-root"),
        (1.37 * 56, 1.37, "normalisation"),
        (1.37 / 56, 1.37, "normalisation"),
    ],
)
def test_a_number_shows_what_is_wrong_by_itself(answer, expected, cause):
    assert compare.generic_mistake(answer, expected, [RIGHT]).cause == cause


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (4.0, 2.0),  # twice, or the square
        (6.0, 3.0),  # small integers are equal by chance
        (1.5, 1.37),
        (0.0, 1.37),
        (1.37, 0.0),
        (RIGHT, RIGHT),
        (RIGHT.float(), RIGHT),
        (RIGHT + 0.1 * random_image((7, 8), 9), RIGHT),
        (torch.ones(7, 8), RIGHT),
        (RIGHT[:, :5], RIGHT),
        (torch.full((7, 8), 2.0) + 1e-3 * RIGHT, torch.full((7, 8), 2.0)),
        (random_image((7, 8), 5).exp(), RIGHT.exp()),
    ],
)
def test_what_is_not_certain_is_not_named(answer, expected):
    mistake = compare.generic_mistake(answer, expected, [RIGHT])
    assert mistake is None, mistake.message


eps = 0.25  # a variable of the notebook


def scaled(u, epsilon):
    return epsilon * u.roll(1, 0)


@pytest.fixture
def scaled_exercise():
    @exercise(scaled, hints=("a", "b", "c"))
    def examine(student):
        for shape, epsilon in (((6, 5), 0.25), ((7, 8), 0.7)):
            u = random_image(shape)
            expect_close(student.tensor(u, epsilon, shape=shape), scaled(u, epsilon), "value", "Not that.")
        return "it is scaled"

    engine.EXERCISES["scaled"] = engine.EXERCISES.pop("examine")


class Cached:
    first = None


def cached(u, epsilon):
    Cached.first = scaled(u, epsilon) if Cached.first is None or Cached.first.shape != u.shape else Cached.first
    return Cached.first


def by_global(u, epsilon):
    return eps * u.roll(1, 0)


def fixed_size(u, epsilon):
    return epsilon * (u + torch.zeros(6, 5, dtype=u.dtype)).roll(1, 0)


def fixed_by_a_global(u, epsilon):
    return epsilon * (u + 0 * RIGHT[:6, :5]).roll(1, 0)


def ranks_of_a_batch(u, epsilon):
    n, h, w = u.shape
    return epsilon * u.roll(n * h * w, 0)


table, width, height = torch.ones(300, 200), 300, 7  # variables of the notebook too


def by_a_tensor_of_the_notebook(u, epsilon):
    return epsilon * (u + table).roll(1, 0)


def by_a_size_of_the_notebook(u, epsilon):
    rows = torch.arange(height) - 1
    return epsilon * u[rows % 6] if u.shape[0] == 6 else epsilon * u.roll(1, 0)


def on_square_images(u, epsilon):
    return epsilon * (u + torch.zeros(len(u), len(u), dtype=u.dtype)).roll(1, 0)


def without_a_transpose(u, epsilon):
    return epsilon * u.roll(1, 0) @ torch.eye(2 * len(u), u.shape[1], dtype=u.dtype)


def closure_without_loss(u, epsilon):
    x = torch.zeros(3, requires_grad=True)
    torch.optim.LBFGS([x]).step(lambda: None)
    return u


def undetached_numpy(u, epsilon):
    return torch.from_numpy((u.clone().requires_grad_() * epsilon).numpy())


@pytest.mark.parametrize(
    ("function", "cause", "text"),
    [
        (by_global, "global", "variable eps where its argument epsilon"),
        (lambda u, epsilon: u, "identity", "input"),
        (lambda u, epsilon: epsilon * torch.ones_like(u), "constant", "whatever"),
        (lambda u, epsilon: epsilon * torch.randn_like(u), "randomness", "Two calls"),
        (lambda u, epsilon: epsilon * u.bfloat16().double().roll(1, 0), "value", "Not that"),
        (fixed_by_a_global, "global", "RIGHT is a variable of the notebook"),
        (lambda u, epsilon: epsilon * u @ u, "exception", "@ multiplies matrices"),
        (lambda u, epsilon: 1 / (epsilon - epsilon), "not-finite", "divided by 0"),
        (lambda u, epsilon: epsilon * u.mean(), "shape", "One number"),
        (lambda u, epsilon: epsilon * u.roll(1, 0).mT, "shape", "exchanged"),
        (lambda u, epsilon: epsilon * u.roll(1, 0)[None], "shape", "length 1 too many"),
        (lambda u, epsilon: epsilon * u.roll(1, 0)[0], "shape", "first axis is missing"),
        (lambda u, epsilon: scaled(u, epsilon)[:6, :5], "shape", "is a size written"),
        (fixed_size, "shape", "size 5 is written into"),
        (by_a_tensor_of_the_notebook, "global", "table is a variable of the notebook"),
        (by_a_size_of_the_notebook, "global", "height where u.shape[0] belongs"),
        (on_square_images, "shape", "square images only"),
        (without_a_transpose, "transpose", "transpose the second"),
        (closure_without_loss, "type", "must return the loss"),
        (lambda u, epsilon: epsilon * u.roll(1, 0)[None].expand(3, -1, -1), "shape", "There are 3 of them"),
        (lambda u, epsilon: epsilon * table.double(), "global", "as table of the notebook has"),
        (lambda u, epsilon: epsilon * u.roll(1, 0).reshape(-1), "shape", "arranged in another way"),
        (lambda u, epsilon: epsilon * u.roll(1, 0)[:, 1:], "shape", "Its axis 1 has the length 4"),
        (lambda u, epsilon: epsilon * u.roll(1, 0) / u.numel(), "normalisation", "divided by 30, the number of its"),
        (ranks_of_a_batch, "shape", "number of dimensions"),
        (undetached_numpy, "autograd", "detach"),
        (lambda u, epsilon: u.requires_grad_().detach() * epsilon, "mutates-input", "requires_grad_"),
        (lambda u, epsilon: input("which?"), "exception", "type"),
    ],
)
def test_the_behaviour_of_a_function_shows_what_is_wrong(scaled_exercise, function, cause, text):
    verdict = diagnose(function, "scaled")
    assert (verdict.cause, text in verdict.message) == (cause, True), verdict


def test_the_shapes_in_the_line_that_stops_are_shown(scaled_exercise):
    verdict = diagnose(on_square_images, "scaled")
    assert verdict.details == {"shape of u": [6, 5]}, verdict
    assert "where epsilon" not in diagnose(by_a_tensor_of_the_notebook, "scaled").message


def test_the_first_optimizer_of_a_session_is_made_before_the_clock_runs(scaled_exercise, monkeypatch):
    made = []
    monkeypatch.setattr(torch.optim, "SGD", lambda *args, **options: made.append(args))
    diagnose(closure_without_loss, "scaled")
    diagnose(by_global, "scaled")
    assert len(made) == 1


def test_an_argument_that_is_never_read_is_said(scaled_exercise):
    assert "never uses its argument epsilon" in diagnose(lambda u, epsilon: u.roll(1, 0) ** 3, "scaled").message
    assert generic._unread(by_global.__code__)[0] == {1}


def test_a_result_kept_from_an_earlier_call_is_recognised(scaled_exercise):
    student = Student(cached, "scaled", scaled)
    u = random_image((6, 5))
    student(u, 0.2), student(u + 1, 0.3)
    with pytest.raises(Mistake, match="earlier call"):
        generic.recognise_generic(student, student.calls[-1].result, scaled(u + 1, 0.3))


# --- a right answer carries the notebook to its end ------------------------------------------------------------------


def single(u):
    out = torch.zeros(u.shape)
    out += 2 * u
    return out


def hidden_single(u):
    return (2 * u).float().double()


def slow(u):
    out = torch.zeros_like(u)
    for i in range(u.shape[0]):
        for j in range(u.shape[1]):
            out[i, j] = out[i, j] + torch.sum(u[i, j] + u[i, j])
    return out


@pytest.mark.parametrize(("function", "text"), [(single, "torch.zeros"), (hidden_single, ".float()"), (slow, "512")])
def test_a_right_answer_of_single_precision_or_far_too_slow_passes_and_is_replaced(function, text, capsys):
    assert check(function, "twice") is twice
    out = capsys.readouterr().out
    assert "twice: passed" in out
    assert text in out


def test_what_check_returns_is_detached(capsys):
    kept = check(lambda u: 2 * u.clone().requires_grad_(), "twice")
    assert not kept(RIGHT).requires_grad
    assert torch.equal(kept(RIGHT), 2 * RIGHT)
    assert kept(RIGHT.clone().requires_grad_()).requires_grad


def test_a_network_in_training_keeps_its_graph():
    def apply(network, x):
        return network(x)

    @exercise(apply, hints=("a", "b", "c"))
    def examine(student):
        student(torch.nn.Identity(), random_image((2, 2)))
        return "something"

    engine.EXERCISES["apply"] = engine.EXERCISES.pop("examine")
    kept = check(lambda network, x: network(x).clone().requires_grad_(), "apply")
    assert not kept(torch.nn.Identity(), RIGHT).requires_grad
    assert kept(torch.nn.Linear(RIGHT.shape[-1], 2, dtype=RIGHT.dtype), RIGHT).requires_grad


def test_losses_become_numbers_and_no_iteration_is_tried(capsys):
    def descend(u, n):
        return u, [float(u.sum())] * n

    @exercise(descend, hints=("a", "b", "c"))
    def examine(student):
        student(random_image((2, 2)), 3)
        return "something"

    engine.EXERCISES["descend"] = engine.EXERCISES.pop("examine")
    kept = check(lambda u, n: (u.clone().requires_grad_(), [u.sum()] * n), "descend")
    image, losses = kept(RIGHT, 4)
    assert not image.requires_grad
    assert [type(loss) for loss in losses] == [float] * 4

    def unset(u, n):
        for _ in range(n):
            x = u
        return x, [float(u.sum())] * n

    assert check(unset, "descend") is descend
    assert "With n = 0 it fails" in capsys.readouterr().out


def test_a_check_that_fails_itself_is_no_verdict(capsys):
    @exercise(twice, hints=("a", "b", "c"))
    def broken(student):
        student(RIGHT)
        raise ZeroDivisionError("of the author")

    with pytest.raises(engine.CheckError, match="broken failed itself"):
        diagnose(lambda u: 2 * u, "broken")
    assert check(lambda u: 2 * u, "broken") is twice
    out = capsys.readouterr().out
    assert "not your fault" in out
    assert "of the author" in out


def test_a_nap_ends_at_the_limit():
    start = time.monotonic()
    verdict = verdict_on(lambda u: time.sleep(60), time_limit=0.5)
    assert time.monotonic() - start < 4
    assert "the limit is 0.5 s" in verdict.message


def test_a_console_without_the_symbols_shows_question_marks(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", console)
    check(lambda u: 2 * u, "twice")
    console.flush()
    assert b"twice: passed" in console.buffer.getvalue()


def test_a_cell_that_does_not_parse_is_mended():
    scope = {}
    broken = "def twice(u):\n    return (2 * u\n"
    assert "SyntaxError" in cells.mended(broken, scope, {"twice"})
    verdict = diagnose(scope["twice"])
    assert (verdict.status, verdict.cause) == ("wrong", "syntax")
    assert "line 2" in verdict.message
    assert cells.mended("def other(:\n", scope, {"twice"}) == "def other(:\n"
    assert cells.mended("def twice(u):\n    return u\n", scope, {"twice"}) == "def twice(u):\n    return u\n"
    assert "SyntaxError" in cells.mended("deff twice(u):\n    return u\n", scope, {"twice"})
    scope.clear()
    cells.mended("twice = check(twice)\n", scope, {"twice"})
    assert diagnose(scope["twice"]).status == "not attempted"


def test_run_all_survives_a_syntax_error_and_a_cell_not_run():
    from nbclient import NotebookClient

    sources = [
        "from course_utils.checks import check",
        "def gradient(u)\n    return u",
        "gradient = check(gradient)",
        "blur = check(blur)",
        "print(gradient.__module__, blur.__module__)",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(book, timeout=120, kernel_name="python3").execute()
    records = [
        o.metadata.course_utils for c in book.cells for o in c.outputs if "course_utils" in o.get("metadata", {})
    ]
    assert [(r.status, r.cause) for r in records] == [("wrong", "syntax"), ("not attempted", "")]
    assert "line 1" in records[0].message
    assert "course_utils.derivatives course_utils.operators" in book.cells[-1].outputs[0].text


def test_run_all_survives_an_exercise_cell_that_stops():
    from nbclient import NotebookClient

    sources = [
        "import torch\n\nfrom course_utils.checks import check",
        "def gradient(u):\n    return torch.stack([u.roll(-1, 0) - u, u.roll(-1, 1) - u])\n\n\ngradient(nothing)",
        "gradient = check(gradient)",
        "def blur(u, kernel=missing):\n    return u",
        "blur = check(blur)",
        "@forgotten\ndef blur_adjoint(v, kernel):\n    return v",
        "blur_adjoint = check(blur_adjoint)",
        "def gradient_adjoint(p):\n    return p.sum(0)\n\n\ngradient_adjoint(torch.ones(2, 3)).tolist()",
        "1 / 0  # a cell of the course's own is not guarded",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(book, timeout=120, kernel_name="python3", allow_errors=True).execute()
    outputs = [" ".join(str(o) for o in cell.outputs) for cell in book.cells]
    assert "gradient stops with NameError: name 'nothing' is not defined (line 5: gradient(nothing))" in outputs[1]
    assert "checked nevertheless" in outputs[2]
    records = [
        o.metadata.course_utils for c in book.cells for o in c.outputs if "course_utils" in o.get("metadata", {})
    ]
    assert [(r.status, r.cause) for r in records] == [("passed", ""), ("wrong", "exception"), ("wrong", "exception")]
    assert "line 1: def blur(u, kernel=missing)" in records[1].message
    assert [o.output_type for o in book.cells[7].outputs] == ["execute_result"]
    assert book.cells[7].outputs[0].data["text/plain"] == "[2.0, 2.0, 2.0]"
    errors = [i for i, cell in enumerate(book.cells) for o in cell.outputs if o.output_type == "error"]
    assert errors == [8]


def test_a_cell_that_ran_to_its_end_forgets_that_it_had_stopped(capsys):
    scope = {}
    guard = cells.Guard(scope, {"twice"})

    def run(source):
        exec(compile(guard.visit(ast.parse(source)), "<cell>", "exec"), scope)

    run("def twice(u): return 2 * u\nstray")
    check(scope["twice"], "twice")
    assert capsys.readouterr().out.count("name 'stray' is not defined") == 2
    run("def twice(u): return 2 * u")
    check(scope["twice"], "twice")
    assert "stray" not in capsys.readouterr().out
    run("twice = 3 / 0")
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert isinstance(guard.visit(ast.parse("twice = check(twice)")).body[0], ast.Assign)
