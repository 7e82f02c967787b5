"""The `course` command on a console that knows few symbols (cp1252, Windows): no command ends in an encoding error."""

import json
import os
import subprocess
import sys

import pytest
from typer.main import get_command

from course_utils.classroom import ROOT
from course_utils.classroom.cli import app

ODD = "λ→∇ł"  # of these cp1252 has none
RUN = """
import contextlib, json, sys
from course_utils.classroom.cli import main
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["course", *arguments]
    with contextlib.suppress(SystemExit):
        main()
    print("ended", *map(ascii, arguments), flush=True)
"""


def commands(command, path=()):
    """Yield the words of every command that the parser knows."""
    parts = getattr(command, "commands", None)
    if parts is None:
        yield list(path)
    for name, part in (parts or {}).items():
        yield from commands(part, (*path, name))


COMMANDS = list(commands(get_command(app)))


def said(invocations, folder):
    """Return what the invocations print on the console, one process for all."""
    environment = os.environ | {"PYTHONIOENCODING": "cp1252:strict", "COURSE_DATA": str(ROOT / "data")}
    run = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(invocations)], cwd=folder, env=environment, capture_output=True
    )
    text = (run.stdout + run.stderr).decode("cp1252")
    assert run.returncode == 0, text
    assert text.count("ended") == len(invocations)
    assert "Traceback" not in text
    return text


def test_all_commands_are_found():
    assert {"build", "new", "pages", "student", "update", "report", "doctor", "figures"} <= {c[0] for c in COMMANDS}
    assert ["data", "fetch"] in COMMANDS


def test_help_and_errors_of_every_command(tmp_path):
    """Each command refuses an argument that it does not know, and says which."""
    text = said([[*command, last] for command in COMMANDS for last in ("--help", ODD)], tmp_path)
    assert text.count("????") >= len(COMMANDS)


def test_what_commands_say_when_they_succeed(tmp_path):
    (tmp_path / ODD).mkdir()
    (tmp_path / ODD / f"{ODD}.ipynb").write_text("no notebook", encoding="utf-8")
    lab = f"lab {ODD}"
    text = said(
        [
            ["figures", "--list"],
            ["student", "01_gaussian_face_model", "--out", lab],
            ["student", "01_gaussian_face_model", "--out", lab],
            ["update", lab],
            ["report", ODD, "--out", f"report {ODD}"],
        ],
        tmp_path,
    )
    assert text.count("????") >= 4
    assert (tmp_path / lab / "01_gaussian_face_model.ipynb").exists()
    assert (tmp_path / f"report {ODD}" / "report.csv").exists()


@pytest.mark.slow
def test_what_the_doctor_says(tmp_path):
    assert "[  ok   ] Python" in said([["doctor"]], tmp_path)
