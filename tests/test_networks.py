"""The networks that the course trains: each shipped one holds its recorded losses; how a training goes on and ships."""

import json
import tomllib

import pytest
import torch
from torch import nn

from course_utils.classroom import training
from course_utils.classroom.training import Recipe, load_recipes, shipped_network
from course_utils.data import REGISTRY, data_folder

RECIPES = load_recipes()
MEGABYTES = 6.0
PARAMETERS = 3e6


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_network_holds_its_recorded_losses(name):
    script, recipe = RECIPES[name]
    record = tomllib.loads((data_folder() / f"networks/{name}.toml").read_text(encoding="utf-8"))
    network = shipped_network(name, recipe)
    assert record["script"] == REGISTRY[name].source == f"data/train/{script}"
    assert record["parameters"] == sum(p.numel() for p in network.parameters()) <= PARAMETERS
    assert (data_folder() / REGISTRY[name].file).stat().st_size < MEGABYTES * 1e6
    assert {key: record[key] for key in ("steps", "seed", "rate")} == {
        "steps": recipe.steps, "seed": recipe.seed, "rate": recipe.rate
    }  # fmt: skip
    assert recipe.held_out(network) == pytest.approx(record["held_out"], rel=0.02)


def line(seed=0, steps=60):
    """Fit y = 2x + 1."""

    def loss(network, generator):
        x = torch.randn(8, 1, generator=generator)
        return (network(x) - 2 * x - 1).square().mean()

    def held_out(network):
        x = torch.linspace(-1, 1, 9)[:, None]
        return {"error": (network(x) - 2 * x - 1).square().mean().item()}

    return Recipe("a line", "none", steps, lambda: nn.Linear(1, 1), loss, held_out, rate=0.2, average=0.5, seed=seed)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    (tmp_path / "registry.json").write_text("[]")
    (tmp_path / "networks").mkdir()
    return tmp_path / "networks"


def test_a_training_ships_weights_recipe_and_entry(folder):
    training.train("line", "lines.py", line(), progress=False)
    record = tomllib.loads((folder / "line.toml").read_text())
    assert record["steps"] == 60
    assert record["held_out"]["error"] < 1e-2 < record["loss"][0]
    assert shipped_network("line", line()).weight.item() == pytest.approx(2, abs=0.1)
    assert sorted(path.name for path in folder.iterdir()) == ["line.safetensors", "line.toml"]
    assert json.loads((folder.parent / "registry.json").read_text())[0]["source"] == "data/train/lines.py"


def test_a_part_of_a_network_can_be_shipped_alone(folder):
    """The loss moves two lines; only the first is shipped, and counted."""

    def loss(network, generator):
        return sum(line().loss(part, generator) for part in network)

    def pair():
        return nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1)])

    recipe = Recipe(**(vars(line()) | {"network": pair, "loss": loss, "shipped": lambda network: network[0]}))
    training.train("line", "lines.py", recipe, progress=False)
    assert shipped_network("line", recipe).weight.item() == pytest.approx(2, abs=0.1)
    assert tomllib.loads((folder / "line.toml").read_text())["parameters"] == 2


def test_the_rate_grows_while_it_warms_up_and_falls_to_zero(folder):
    warm = training.Training("line", Recipe(**(vars(line()) | {"warm_up": 4})), torch.device("cpu"))
    plain = training.Training("line", line(), torch.device("cpu"))
    rates = []
    for _ in range(60):
        warm.step(), plain.step()
        rates.append(warm.optimizer.param_groups[0]["lr"] / plain.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.25, 0.5, 0.75, *[1.0] * 57])
    assert plain.optimizer.param_groups[0]["lr"] < 1e-3 * line().rate


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(folder):
    training.train("line", "lines.py", line(), progress=False)
    whole = shipped_network("line", line()).weight.item()

    steps = iter(range(60))

    def interrupting(network, generator):
        loss = line().loss(network, generator)
        if next(steps) == 25:
            raise KeyboardInterrupt
        return loss

    stopped = Recipe(**(vars(line()) | {"loss": interrupting}))
    with pytest.raises(KeyboardInterrupt):
        training.train("line", "lines.py", stopped, progress=False)
    assert (folder / ".line.checkpoint").is_file()
    training.train("line", "lines.py", line(), progress=False)
    assert shipped_network("line", line()).weight.item() == whole

    with pytest.raises(KeyboardInterrupt):
        training.train("line", "lines.py", Recipe(**(vars(line()) | {"loss": raising})), progress=False)
    with pytest.raises(ValueError, match="is of a training of 60 steps"):
        training.train("line", "lines.py", line(steps=70), progress=False)


def raising(network, generator):
    raise KeyboardInterrupt


def test_a_loss_that_is_no_number_ends_the_training(folder):
    infinite = Recipe(**(vars(line()) | {"loss": lambda network, generator: network.weight.sum() * float("inf")}))
    with pytest.raises(FloatingPointError, match="at step 0"):
        training.train("line", "lines.py", infinite, progress=False)


def test_the_command_line_lists_and_refuses(monkeypatch, capsys):
    monkeypatch.setattr(training, "load_recipes", lambda: {"line": ("lines.py", line())})
    assert training.main([]) == 0
    assert "60 steps  data/train/lines.py: a line" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        training.main(["nothing"])
    assert "there are line" in capsys.readouterr().err
