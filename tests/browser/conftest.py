"""A JupyterLab server with the student copies, and one notebook open in Chromium, run from top to bottom."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from course_utils.classroom.student import hand_out

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600.0  # seconds for a notebook to run to its end, on a busy machine
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {  # all the cells in the page, however long the notebook is; no question about news
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def wait_until(condition, what, seconds=60.0, pause=0.1):
    """Return the first true value of ``condition()``, asked again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(pause)
    raise AssertionError(f"after {seconds:.0f} s still not so: {what}")


@pytest.fixture(scope="session")
def browser_type_launch_args():
    """Return the arguments that pytest-playwright starts the system's Chromium with."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not found:
        pytest.exit("Chromium is not installed: sudo apt install chromium fonts-dejavu-core", returncode=3)
    return {"executable_path": found, "args": ARGUMENTS}


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address and the folder that it serves."""

    address: str
    folder: Path

    def ask(self, path, method="GET"):
        """Return what the server's API answers, None if it does not."""
        request = urllib.request.Request(f"{self.address}/api/{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read() or "null")
        except (urllib.error.URLError, OSError):
            return None

    def session(self, name):
        """Return the session of a notebook whose kernel is idle and has a connection, None if there is none yet."""
        for session in self.ask("sessions") or []:
            kernel = session["kernel"]
            if session["path"].startswith(name) and kernel["execution_state"] == "idle" and kernel["connections"]:
                return session
        return None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(folder):
    """Return the environment of a server that neither reads nor writes the user's own Jupyter folders."""
    for name, values in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    folders = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    folders |= {f"JUPYTERLAB_{kind}_DIR": str(folder / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")}
    return os.environ | folders | {"IPYTHONDIR": str(folder / "ipython")}


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Serve all the student copies; the page's application is within reach of the tests (to change the theme)."""
    folder, port = tmp_path_factory.mktemp("lab"), free_port()
    copies = folder / "copies"
    hand_out([], copies, ROOT)
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": copies,
        "IdentityProvider.token": "",
        "LabApp.expose_app_in_browser": True,
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    log = folder / "server.log"
    with log.open("w") as stream:
        server = subprocess.Popen(command, cwd=copies, env=environment(folder), stdout=stream, stderr=stream)
    running = Lab(f"http://127.0.0.1:{port}", copies)
    try:
        wait_until(lambda: running.ask("status") or server.poll() is not None, "the server answers", 120)
        assert server.poll() is None, log.read_text()
        yield running
    finally:
        server.terminate()
        server.wait(timeout=30)


@dataclass(frozen=True)
class Book:
    """A student copy open in the browser."""

    name: str
    page: object
    lab: Lab

    @property
    def explorers(self):
        """Return the explorers in the page."""
        return self.page.locator(".course-explorer").all()

    def command(self, name, arguments):
        """Run a command of JupyterLab, up to its end."""
        run = "async ([name, arguments]) => { await window.jupyterapp.commands.execute(name, arguments) }"
        self.page.evaluate(run, [name, arguments])

    def set_theme(self, light):
        """Change to JupyterLab's light or dark theme; the command's promise is of no use: it may never be kept."""
        theme = "JupyterLab Light" if light else "JupyterLab Dark"
        run = "theme => { window.jupyterapp.commands.execute('apputils:change-theme', { theme }) }"
        self.page.evaluate(run, theme)
        self.page.locator(f'body[data-jp-theme-light="{str(light).lower()}"]').wait_for(state="attached")
        self.page.wait_for_timeout(1000)  # style sheets load, colours fade over

    def menu(self, menu, command):
        """Choose an entry of a menu, as a student does."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text=menu).first.click()
        self.page.locator(f'li[data-command="{command}"]').click()

    def saved(self):
        """Save the notebook and return it as it is on disk."""
        self.command("docmanager:save", {})
        return nbformat.read(self.lab.folder / f"{self.name}.ipynb", as_version=4)


def open_and_run(page, lab, name):
    """Open a notebook and run all of it."""
    page.goto(f"{lab.address}/doc/workspaces/{name}/tree/{name}.ipynb", timeout=120_000)
    page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)
    # The indicator says "idle" before there is a kernel, and then Run All would be lost.
    wait_until(lambda: lab.session(name), f"the kernel of {name} is idle and connected", 120)
    book = Book(name, page, lab)
    book.menu("Run", "runmenu:run-all")
    prompts = page.locator(".jp-CodeCell .jp-InputArea-prompt")
    count = prompts.count()

    def done():
        return len([text for text in prompts.all_text_contents() if text.strip("[]: ").isdigit()]) == count

    wait_until(done, f"all the cells of {name} have run", PATIENCE, pause=1.0)
    return book


@pytest.fixture(scope="module")
def book(request, lab, browser):
    """Open one student copy, run it from top to bottom, and close it and its kernel when its tests are over."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(30_000)
    yield open_and_run(page, lab, request.param)
    page.close()
    for session in lab.ask("sessions") or []:
        lab.ask(f"sessions/{session['id']}", "DELETE")
