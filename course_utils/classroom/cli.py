"""The ``course`` command."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from course_utils.classroom import ROOT

Names = Annotated[list[str] | None, typer.Argument(help="notebooks, all by default")]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The lab course on generative models for images.",
)
data = typer.Typer(no_args_is_help=True, help="The data of the course.")
app.add_typer(data, name="data")


@app.command()
def build(names: Names = None) -> None:
    """Execute notebooks/src and write the notebooks that changed."""
    from course_utils.classroom import build as builder

    for path in builder.build(names or ()):
        typer.echo(path.name)


@app.command()
def new(name: Annotated[str, typer.Argument(help="NN_name, such as 19_wavelets")]) -> None:
    """Write the five files of a new lesson, with an example of everything that a lesson has."""
    from course_utils.classroom.lessons import new_lesson

    for path in new_lesson(name):
        typer.echo(path.relative_to(ROOT))
    typer.echo(f"Then: make notebooks NAMES={name}, make pages, make test.")


@app.command()
def pages() -> None:
    """Write the tables of README.md and notebooks/README.md from the lessons and their cards."""
    from course_utils.classroom.pages import write_pages

    for path in write_pages():
        typer.echo(path.relative_to(ROOT))


@app.command()
def student(
    names: Names = None,
    out: Annotated[Path, typer.Option(help="folder where the student works")] = Path("lab"),
    colab: Annotated[str, typer.Option(help="GitHub address of the copies: adds a badge and an install cell")] = "",
    binder: Annotated[str, typer.Option(help="GitHub address of the copies: adds a badge")] = "",
) -> None:
    """Make student copies; a file that exists is never overwritten."""
    from course_utils.classroom.student import Repository, hand_out

    on_colab = Repository.parse(colab, "--colab") if colab else None
    on_binder = Repository.parse(binder, "--binder") if binder else None
    for message in hand_out(names or (), out, ROOT, None, on_colab, on_binder):
        typer.echo(message)


@app.command()
def update(folder: Annotated[Path, typer.Argument(help="folder where the student works")] = Path("lab")) -> None:
    """Carry a student's answers over into newer releases of the notebooks."""
    from course_utils.classroom import student as copies

    for message in copies.update(folder):
        typer.echo(message)


@app.command()
def report(
    submissions: Annotated[Path, typer.Argument(help="folder of students' notebooks and zip files")],
    out: Annotated[Path, typer.Option(help="folder of the tables and the page")] = Path("report"),
    live: Annotated[bool, typer.Option("--watch", help="a page that follows the class, on this machine only")] = False,
    port: Annotated[int, typer.Option(help="of that page; another where it is in use")] = 8765,
) -> None:
    """Count who passed, tried and did not attempt each exercise, and which mistakes were made."""
    from course_utils.classroom.report import write_report

    if live:
        import threading

        from course_utils.classroom.live import watch

        def say(address: str) -> None:
            typer.echo(
                f"{address}\nOpen it in a browser of this machine. Ctrl-C ends it, and writes the tables into {out}."
            )

        typer.echo("\n".join(map(str, watch(submissions, out, port, say, threading.Event()))))
        return
    written, group = write_report(submissions, out)
    for path, reason in group.skipped.items():
        typer.echo(f"not read: {path}: {reason}", err=True)
    for path, reason in group.doubtful.items():
        typer.echo(f"in doubt: {path}: {reason}", err=True)
    typer.echo("\n".join(map(str, written)))


@app.command()
def doctor() -> None:
    """Say whether this machine is ready for the lab, and what to do where it is not."""
    from course_utils.classroom.doctor import examine_machine

    problems = 0
    for finding in examine_machine():
        typer.echo(finding)
        problems += finding.status == "problem"
    typer.echo(f"{problems} problems: follow the arrows." if problems else "This machine is ready.")
    raise typer.Exit(code=int(problems > 0))


@app.command()
def figures(
    names: Annotated[list[str] | None, typer.Argument(help="figures or notebooks, as with --only")] = None,
    only: Annotated[list[str] | None, typer.Option(help="figures or notebooks; all figures by default")] = None,
    formats: Annotated[str, typer.Option("--format", help="formats, with commas")] = "pdf,png,svg",
    style: Annotated[str, typer.Option(help="slides, print or dark")] = "slides",
    out: Annotated[Path, typer.Option(help="folder to write to")] = Path("figures"),
    force: Annotated[bool, typer.Option("--force", help="make again what is up to date")] = False,
    jobs: Annotated[int, typer.Option(help="notebooks that run at the same time")] = 2,
    scheduler: Annotated[str, typer.Option(help="address of a Dask cluster that runs the notebooks")] = "",
    listed: Annotated[bool, typer.Option("--list", help="print the manifest, make nothing")] = False,
    checked: Annotated[Path | None, typer.Option("--check", metavar="DIR", help="say what is stale in DIR")] = None,
) -> None:
    """Make the lecture's figures from the notebooks: files, provenance, gallery and LaTeX macros."""
    from course_utils.classroom import figures as maker

    chosen = [*(names or ()), *(only or ())]
    if listed:
        maker.print_listing(maker.listing(out, ROOT, chosen))
    elif checked:
        stale = maker.stale_figures(checked, ROOT, chosen)
        for name, reasons in stale.items():
            typer.echo(f"{name}: {', '.join(reasons)}")
        typer.echo(f"Not up to date: {len(stale)}." if stale else "All figures are up to date.")
        raise typer.Exit(code=int(bool(stale)))
    else:
        kinds = formats.replace(" ", "").split(",")
        try:
            with maker.progress_bar() as advance:
                outcome = maker.make_figures(out, ROOT, chosen, kinds, style, force, jobs, advance, scheduler)
        except KeyboardInterrupt:
            typer.echo("Stopped. The figures that are finished are kept: the same command goes on.", err=True)
            raise typer.Exit(code=130) from None
        for failure in outcome.failures:
            typer.echo(failure, err=True)
        typer.echo(f"{len(outcome.made)} figures made, {len(outcome.fresh)} were up to date: {out / 'index.html'}")
        raise typer.Exit(code=int(bool(outcome.failures)))


@app.command()
def site(
    out: Annotated[Path, typer.Option(help="folder of the pages")] = Path("site"),
    address: Annotated[str, typer.Option(help="GitHub address of the course: adds links to Binder and Colab")] = "",
) -> None:
    """Build the course as static pages, from the executed notebooks: to put on the web, or to open from the folder."""
    from course_utils.classroom import site as builder

    for warning in builder.build_site(out, ROOT, address):
        typer.echo(warning, err=True)
    typer.echo(f"{builder.size_in_megabytes(out):.0f} MB: open {out / 'index.html'}")


@data.command()
def fetch(name: Annotated[str, typer.Argument(help="vgg19, the network of the lecture")]) -> None:
    """Download what the course does not carry; checked by its hash, resumable."""
    from course_utils._validation import require_choice
    from course_utils.classroom.weights import fetch_vgg19

    require_choice(name, "name", ["vgg19"])
    typer.echo(fetch_vgg19())


def main() -> None:
    """Run the command; a wrong argument is one line, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console without a symbol, or without a letter of a path, shows "?"
            stream.reconfigure(errors="replace")
    try:
        app()
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        extra = "student" if missing in ("nbformat", "nbgrader") else "instructor"
        remedy = f'in the course\'s folder: python -m pip install --editable ".[{extra}]"'
        typer.echo(f"course: {str(error.name).partition('.')[0]} is not installed; {remedy}", err=True)
        raise SystemExit(1) from None
    except (ValueError, RuntimeError, OSError) as error:
        typer.echo(f"course: {error}", err=True)
        raise SystemExit(1) from None
