"""What the course writes in HTML, LaTeX, Markdown and Python, as Jinja2 templates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return a template filled in; in HTML the values are escaped.

    Parameters
    ----------
    template : name of a file of this folder. Those in HTML and Markdown have Jinja2's own marks, ``{{ x }}`` and
        ``{% if x %}``; the others have ``<< x >>`` and ``<% if x %>``.
    values : what its names stand for.
    """
    marks = ("{{", "}}", "{%", "%}", "{#", "#}")
    if not template.endswith((".html.j2", ".md.j2")):  # in LaTeX and Python braces have a meaning of their own
        marks = ("<<", ">>", "<%", "%>", "<#", "#>")
    environment = Environment(
        variable_start_string=marks[0],
        variable_end_string=marks[1],
        block_start_string=marks[2],
        block_end_string=marks[3],
        comment_start_string=marks[4],
        comment_end_string=marks[5],
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=template.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(template).render(values)
