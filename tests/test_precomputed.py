"""What the scripts that remake pictures share: records, what is missing, what is stale, and an interrupt."""

import json
from dataclasses import asdict, dataclass

import pytest

from course_utils.classroom import precomputed
from course_utils.classroom.precomputed import Precomputed, require_whole
from course_utils.classroom.registry import make_entry, register
from course_utils.data import REGISTRY


@dataclass(frozen=True)
class Recipe:
    gray: int
    side: int = 4


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A maker of toy pictures, and the names that it was asked to make."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(precomputed.signal, "signal", lambda *_: None)
    monkeypatch.setattr(precomputed, "INTERRUPTED", precomputed.threading.Event())
    (tmp_path / "registry.json").write_text("[]")
    asked = []

    def make(name, recipe):
        asked.append(name)
        require_whole()
        (tmp_path / f"toys/{name}.png").write_bytes(bytes([recipe.gray]) * recipe.side)
        about = {"kind": "toy", "source": "s", "licence": "l", "credit": "c"}
        register([make_entry(f"toy_{name}", f"toys/{name}.png", **about)])
        return asdict(recipe) | {"loss": 1}

    def run(recipes, *arguments):
        monkeypatch.setattr("sys.argv", ["remake", *arguments])
        asked.clear()
        status = Precomputed("toy", "toys", "s", recipes, make, lambda name, record: name).remake("Toys.")
        return status, list(asked)

    return run


def test_what_is_missing_or_changed_is_made_and_what_has_no_recipe_goes(made, tmp_path):
    recipes = {"a": Recipe(1), "b": Recipe(2)}
    assert made(recipes) == (0, ["a", "b"])
    assert set(REGISTRY) == {"toy_a", "toy_b", "toy_records"}
    assert made(recipes, "--missing") == (0, [])
    assert made(recipes, "b") == (0, ["b"])
    (tmp_path / "toys/a.png").write_bytes(b"damaged")
    assert made(recipes | {"b": Recipe(3)}, "--missing") == (0, ["a", "b"])
    records = json.loads((tmp_path / "toys/toys.json").read_text())
    assert records["b"] == {"gray": 3, "side": 4, "loss": 1}
    assert made({"b": Recipe(3, 5)}, "--missing") == (0, ["b"])
    assert set(REGISTRY) == {"toy_b", "toy_records"}
    assert not (tmp_path / "toys/a.png").exists()


def test_a_setting_added_since_has_its_default(made, tmp_path):
    made({"a": Recipe(1)})
    path = tmp_path / "toys/toys.json"
    path.write_text(path.read_text().replace('"side": 4,', ""))
    assert made({"a": Recipe(1)}, "--missing") == (0, [])
    assert made({"a": Recipe(1, 5)}, "--missing") == (0, ["a"])


def test_an_interrupted_picture_is_not_kept(made, tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        precomputed._interrupt(2, None)
    assert made({"a": Recipe(1), "b": Recipe(2)}) == (130, ["a"])
    assert "go on with --missing" in capsys.readouterr().out
    assert not list((tmp_path / "toys").iterdir())
    with pytest.raises(SystemExit):
        made({"a": Recipe(1)}, "c")
