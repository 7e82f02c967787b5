"""The examples in docstrings run, and print what they say."""

import doctest
import importlib
import inspect

import pytest

from course_utils.slides import PACKAGE

MODULES = sorted(path.stem for path in PACKAGE.glob("[a-z]*.py"))
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    module = importlib.import_module(f"course_utils.{name}")
    own = {key: value for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    for key, value in {name: module, **own}.items():
        test = doctest.DocTestParser().get_doctest(inspect.getdoc(value) or "", vars(module), key, name, 0)
        result = doctest.DocTestRunner(optionflags=FLAGS).run(test)
        assert result.failed == 0, f"{name}.{key}"
