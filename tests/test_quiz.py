"""The quiz of notebook 04: one right answer to each question, that can be found from the data alone."""

import pytest
import torch

from course_utils import operators
from course_utils.explorers import deblurring as quiz

ALL = pytest.mark.parametrize("question", [1, 2, 3])


@ALL
def test_exactly_the_kernel_that_was_used_is_right(question):
    task = quiz.which_kernel(question)
    errors = {
        letter: (operators.blur(task.original, kernel) - task.blurred).norm().item()
        for letter, kernel in task.kernels.items()
    }
    right = [letter for letter in task.kernels if task.verdict(letter).startswith(f"{letter}: yes. ")]
    assert list(task.kernels) == list("ABCD")
    assert [letter for letter, error in errors.items() if error < 1e-9] == right
    assert len(right) == 1
    assert all(len(task.verdict(letter)) > 50 for letter in task.kernels)


@ALL
def test_a_wrong_verdict_does_not_name_the_right_kernel(question):
    task = quiz.which_kernel(question)
    wrong = [task.verdict(letter) for letter in task.kernels if ": no. " in task.verdict(letter)]
    assert len(wrong) == 3
    assert not any(name in verdict for verdict in wrong for name in ("gaussian", "disk", "square", "motion"))


def test_buttons_answer_like_the_function(capsys):
    task = quiz.which_kernel()
    buttons = task.widget()
    for letter in "ABCD":
        task.answer(letter)
        printed = capsys.readouterr().out.strip()
        buttons.controls[letter].click()
        assert printed in buttons.line.value
    assert not any(name in repr(task) for name in quiz.FAMILY)


def test_kernels_are_blur_kernels():
    for question in (1, 2, 3):
        for kernel in quiz.which_kernel(question).kernels.values():
            assert kernel.min() >= 0
            assert kernel.sum().item() == pytest.approx(1.0)
            assert max(kernel.shape) <= quiz.CELL


def test_figure_shows_the_blurred_photograph():
    task = quiz.which_kernel(2)
    figure = task.figure()
    assert [axis.get_title() for axis in figure.axes] == ["original", "blurred", "which kernel?"]
    shown = torch.as_tensor(figure.axes[1].images[0].get_array())
    torch.testing.assert_close(shown.permute(2, 0, 1), task.blurred.clamp(0, 1))


def test_bad_questions_are_refused():
    with pytest.raises(ValueError, match="question must be 1 to 3"):
        quiz.which_kernel(4)
    with pytest.raises(ValueError, match="letter 'E' is unknown"):
        quiz.which_kernel(1).verdict("E")
