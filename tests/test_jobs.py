"""Jobs in turn, at the same time and on a Dask cluster, and the commands that hand theirs to one."""

import json
import os
import sys
import time
import tomllib

import pytest

from course_utils.classroom import figures, jobs, training
from course_utils.classroom.jobs import ClusterError, run_jobs
from course_utils.classroom.precomputed import Precomputed
from course_utils.classroom.registry import make_entry, register
from tests.test_figures import make_course

LINES = '''
"""Two networks of two numbers."""

import torch
from torch import nn

from course_utils.classroom.training import Recipe

def loss(network, generator):
    x = torch.randn(8, 1, generator=generator)
    return (network(x) - 2 * x - 1).square().mean()

held_out = lambda network: {"error": loss(network, torch.Generator().manual_seed(1)).item()}
RECIPES = {name: Recipe(name, "none", 40, lambda: nn.Linear(1, 1), loss, held_out, 0.2) for name in ("first", "second")}
'''


def who(number):
    time.sleep(0.3)  # so that both workers have something to do
    return number, os.getpid()


def refuse(number):
    raise LookupError(f"job {number}")


def who_but_three(number):
    return refuse(number) if number == 3 else who(number)


@pytest.mark.parametrize(("n", "backend"), [(1, "loky"), (2, "threading")])
def test_every_job_is_done_once(n, backend):
    done = dict(run_jobs(who, [(k,) for k in range(4)], n, backend=backend))
    assert sorted(done) == [0, 1, 2, 3]
    assert set(done.values()) == {os.getpid()}
    assert list(run_jobs(who, [], n, backend=backend)) == []


@pytest.mark.slow
def test_jobs_run_in_processes_of_their_own():
    done = dict(run_jobs(who, [(k,) for k in range(4)], 2))
    assert sorted(done) == [0, 1, 2, 3]
    assert os.getpid() not in done.values()
    with pytest.raises(LookupError, match=r"job [78]"):
        list(run_jobs(refuse, [(7,), (8,)], 2))


def test_an_error_loses_no_result():
    results = run_jobs(who_but_three, [(k,) for k in range(6)], 2, backend="threading")
    assert sorted(next(results)[0] for _ in range(5)) == [0, 1, 2, 4, 5]
    with pytest.raises(LookupError, match="job 3"):
        next(results)


def test_what_a_job_raises_is_raised():
    with pytest.raises(LookupError, match="job 7"):
        list(run_jobs(refuse, [(7,)], 2, backend="threading"))
    with pytest.raises(ValueError, match="jobs must be"):
        list(run_jobs(who, [(1,)], 0))


def test_a_cluster_needs_the_package_distributed(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"needs the package distributed.*\[cluster\]"):
        list(run_jobs(who, [(1,)], scheduler="tcp://127.0.0.1:8786"))
    with pytest.raises(SystemExit):
        training.main([next(iter(training.load_recipes())), "--scheduler", "tcp://127.0.0.1:8786"])
    assert "needs the package distributed" in capsys.readouterr().err


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Return the address of a cluster of two processes of this machine, and the data folder that they share."""
    from distributed import LocalCluster

    data = make_course(tmp_path_factory.mktemp("course")) / "data"
    (data / "networks").mkdir()
    (data / "train").mkdir()
    (data / "train" / "lines.py").write_text(LINES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(data))
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as made:
            yield made.scheduler_address, data


on_a_cluster = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")]


class TestOnACluster:
    pytestmark = on_a_cluster

    def test_both_workers_do_their_part_and_an_error_comes_back(self, cluster):
        done = dict(run_jobs(who, [(k,) for k in range(8)], scheduler=cluster[0]))
        assert sorted(done) == list(range(8))
        assert len(set(done.values())) == 2
        assert os.getpid() not in done.values()
        with pytest.raises(LookupError, match="job 7"):
            list(run_jobs(refuse, [(7,)], scheduler=cluster[0]))

    def test_an_address_where_nobody_answers_is_said(self, cluster, monkeypatch):
        monkeypatch.setattr(jobs, "CONNECTION_TIMEOUT", 1.0)
        for address in ("tcp://127.0.0.1:9", "nonsense://x"):
            with pytest.raises(ClusterError, match=f"no Dask scheduler answers at {address}"):
                list(run_jobs(who, [(1,)], scheduler=address))

    def test_figures_are_those_of_this_machine(self, cluster, tmp_path):
        root = cluster[1].parent
        here = figures.make_figures(tmp_path / "here", root)
        there = figures.make_figures(tmp_path / "there", root, scheduler=cluster[0])
        assert there.made == here.made == ["two-images", "curves", "before"]
        assert [str(failure) for failure in there.failures] == [str(failure) for failure in here.failures]
        for name in ("curves.pdf", "two-images.png"):
            assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
        assert not list((tmp_path / "there").glob(".making*"))

    def test_pictures_and_their_records_are_made(self, cluster, monkeypatch):
        address, data = cluster

        def make(name, recipe):
            (data / f"toys/{name}.png").write_bytes(name.encode())
            register([make_entry(f"toy_{name}", f"toys/{name}.png", kind="toy", source="s", licence="l", credit="c")])
            return {"loss": 1}

        monkeypatch.setattr("sys.argv", ["remake", "--scheduler", address])
        names = [f"n{k}" for k in range(6)]
        toys = Precomputed("toy", "toys", "s", dict.fromkeys(names), make, lambda name, record: name)
        assert toys.remake("Toys.") == 0
        assert list(json.loads((data / "toys/toys.json").read_text())) == names
        registered = {entry["name"] for entry in json.loads((data / "registry.json").read_text())}
        assert {f"toy_{name}" for name in names} <= registered
        assert not (data / ".registry.lock").exists()

    def test_networks_are_trained(self, cluster):
        address, data = cluster
        assert training.main(["first", "second", "--scheduler", address]) == 0
        for name in ("first", "second"):
            record = tomllib.loads((data / f"networks/{name}.toml").read_text())
            assert record["held_out"]["error"] < 0.1 < record["loss"][0]
