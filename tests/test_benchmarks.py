"""The runner of the benchmarks: a part that is run replaces its own section of RESULTS.md and no other."""

import pytest

from tests.benchmarks import __main__ as runner
from tests.benchmarks.timing import compared, print_table


@pytest.fixture
def results(tmp_path, monkeypatch):
    path = tmp_path / "RESULTS.md"
    monkeypatch.setattr(runner, "RESULTS", path)
    return path


def test_a_section_is_replaced_and_the_others_kept(results):
    runner.write({name: runner.section(name, f"| {name} |\n") for name in ("tv", "faces")})
    first = results.read_text()
    runner.write(runner.sections())
    assert results.read_text() == first
    runner.write(runner.sections() | {"faces": runner.section("faces", "| new |\n")})
    assert "| tv |" in results.read_text()
    assert "| new |" in results.read_text()
    assert "| faces |" not in results.read_text()
    assert list(results.parent.iterdir()) == [results]


def test_a_part_that_fails_leaves_the_results_alone(results, monkeypatch):
    monkeypatch.setattr(runner.sys, "executable", "false")
    with pytest.raises(SystemExit, match="failed, their sections stay as they were: tv"):
        runner.main(["tv"])
    assert not results.exists()


def test_an_unknown_part_is_named():
    with pytest.raises(SystemExit, match=r"unknown: tvv\. The parts are: .*tv"):
        runner.main(["tvv"])


def test_the_recorded_results_are_of_parts_that_exist():
    assert set(runner.sections()) <= set(runner.PARTS)
    assert {"tv", "deblurring", "faces", "startup", "suite", "figures"} <= set(runner.PARTS)


def test_a_row_says_when_its_target_is_missed(capsys):
    rows = [compared(what, {"a": 0.3, "b": 1.0}, "a", "b", target) for what, target in [("x", 0.31), ("y", 0.29)]]
    assert [row["met"] for row in rows] == ["yes", "**no**"]
    print_table(rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "| x | 300.0 ms | 1000.0 ms | 0.30 | ≤ 0.31 | yes |"
    assert {line.count("|") for line in lines} == {7}
