"""Every public name and every optional argument of the flat modules has a user outside the tests."""

import ast

import pytest

from course_utils.slides import PACKAGE

ROOT = PACKAGE.parent
FLAT = sorted(path for path in PACKAGE.glob("[a-z]*.py"))
USERS = [
    *sorted(PACKAGE.rglob("*.py")),
    *sorted((ROOT / "notebooks" / "src").glob("*.py")),
    *sorted((ROOT / "data").rglob("*.py")),
]
REASONS = {
    "diffusion.UNet.forward(control)": "passed to the network by lesson 18",
    "optim.accelerated_gradient(objective)": "the same option for the three methods, which a reader compares",
    "optim.gradient_descent(objective)": "the same option for the three methods, which a reader compares",
    "metrics.psnr(data_range)": "for images in [0, 255], which a reader may have",
    "metrics.mean_ssim(data_range)": "the same",
    "operators.dense_matrix(dtype)": "the matrix of an operator on complex images",
    "restoration.dual_tv_denoise": "the exact minimizer, which benchmarks and tests compare with",
    "restoration.dual_tv_denoise(callback)": "as above",
    "restoration.dual_tv_denoise(n)": "as above",
    "restoration.dual_tv_denoise(tol)": "as above",
    "diffusion.UNet.forward(words)": "given to the network, which calls forward",
    "generators.StyleNetwork.forward(seed)": "the same",
    "textures._Products.setup_context": "called by torch.autograd",
}


def parsed(paths):
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def public_functions(tree):
    """Return the public functions and classes of a module, and the public methods as ``Class.method``."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            found[node.name] = node
        if isinstance(node, ast.ClassDef):
            methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
            found.update((f"{node.name}.{inner.name}", inner) for inner in methods)
    return found


def optional_arguments(function):
    """Return the position (None where only the keyword is allowed) of each argument that has a default, by name."""
    positional = [*function.args.posonlyargs, *function.args.args]
    skipped = 1 if positional and positional[0].arg in ("self", "cls") else 0
    first = len(positional) - len(function.args.defaults)
    places = {argument.arg: index - skipped for index, argument in enumerate(positional) if index >= first}
    keywords = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return places | {argument.arg: None for argument, default in keywords if default is not None}


def name_of(function):
    """Return the last name of what is called: `f` in `f(x)` and in `module.f(x)`."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def unused(modules, users):
    """Return the public names, and the optional arguments as ``name(argument)``, that no user mentions or passes."""
    names, passed = set(), {}
    for path, tree in users.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                names.add(node.id)
            elif isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.ImportFrom) and path not in modules:
                names.update(alias.name for alias in node.names)
            if isinstance(node, ast.Call):
                wrapped = node.args[1:] if name_of(node.func) == "partial" and node.args else node.args
                called = name_of(node.args[0] if name_of(node.func) == "partial" and node.args else node.func)
                entry = passed.setdefault(called, [0, set()])
                entry[0] = max(entry[0], 99 if any(isinstance(a, ast.Starred) for a in wrapped) else len(wrapped))
                entry[1].update(keyword.arg for keyword in node.keywords)
    lonely = []
    for path, tree in modules.items():
        for name, function in public_functions(tree).items():
            short = name.split(".")[-1]
            if not short.startswith("_") and short not in names:
                lonely.append(f"{path.stem}.{name}")
            if not isinstance(function, ast.FunctionDef):
                continue
            called = name.split(".")[0] if short == "__init__" else short
            most, keywords = passed.get(called, (0, set()))
            for argument, place in optional_arguments(function).items():
                given = argument in keywords or None in keywords or (place is not None and most > place)
                if not given and (short == "__init__" or not short.startswith("_")):
                    lonely.append(f"{path.stem}.{name}({argument})")
    return lonely


def test_every_public_name_and_option_has_a_user():
    assert sorted(set(unused(parsed(FLAT), parsed(USERS))) - set(REASONS)) == []


def test_every_exception_names_something_that_is_there():
    names = {f"{path.stem}.{name}" for path, tree in parsed(FLAT).items() for name in public_functions(tree)}
    assert {name.partition("(")[0] for name in REASONS} <= names


@pytest.mark.parametrize(
    ("user", "missing"),
    [
        ("from m import f, A\nf(1, 2)\nA().go()\n", ["m.f(c)"]),
        ("import m\nm.f(1, c=3)\nm.A\n", ["m.f(b)", "m.A.go"]),
        ("import m\nm.f(*x)\nm.A.go\n", ["m.f(c)"]),
        ("g = 1\n", ["m.f", "m.f(b)", "m.f(c)", "m.A", "m.A.go"]),
        ("from functools import partial\npartial(f, 1, 2, c=3)\nA().go()\n", []),
    ],
)
def test_a_name_without_a_user_is_found(tmp_path, user, missing):
    source = "def f(a, b=1, *, c=2): ...\nclass A:\n    def go(self): ...\ndef _g(): ...\n"
    (tmp_path / "m.py").write_text(source)
    (tmp_path / "user.py").write_text(user)
    module, other = parsed([tmp_path / "m.py"]), parsed([tmp_path / "user.py"])
    assert unused(module, module | other) == missing
