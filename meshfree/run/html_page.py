"""A run as one HTML page that needs no other file and no network, to read, to keep and to print."""

from __future__ import annotations

import base64
import datetime
import html
import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

Rows = Sequence[tuple[str, ...]]


class Picture(NamedTuple):
    """A figure of Matplotlib, or the reason why there is none, and the words below it."""

    caption: str
    figure: Any  # or a text


class Page(NamedTuple):
    """What a report tells, as texts; `tables` have the heads of their columns as first row."""

    name: str
    description: str  # the docstring: a title, a colon and the equation; then more on it
    figures: Rows  # the few numbers to see first: a word, a value, what it is
    results: Rows
    pictures: Sequence[Picture]
    tables: Sequence[tuple[str, Rows]]
    settings: Rows  # those that were set: a flag and its value
    unset: Sequence[str]  # the others, with their values
    versions: Rows
    command: str
    notes: Sequence[str]  # warnings, and that the run was interrupted
    source: str  # the script; empty where it is not known


def as_page(page: Page) -> str:
    """The HTML text."""
    title, equation, more = _described(page)
    now = datetime.datetime.now().astimezone()
    sections = [
        _section("Pictures", map(_figure, page.pictures)),
        _section("Results", [_pairs(page.results)]),
        *(_section(name, [_table(rows)]) for name, rows in page.tables),
        _section("Settings", [_pairs(page.settings), _unset(page.unset)]),
        _section("How to repeat it", _repetition(page)),
        _section("Versions", [_pairs(page.versions)]),
    ]
    header = [
        f'<p class="name">{_text(page.name)}</p>',
        f"<h1>{_text(title)}</h1>",
        *([f'<p class="equation">{_text(equation)}</p>'] if equation else []),
        *(f"<p>{_text(paragraph)}</p>" for paragraph in more),
        *(f'<p class="note">{_text(note)}</p>' for note in page.notes),
        '<dl class="figures">',
        *(
            f"<div><dt>{_text(word)}</dt><dd>{_text(value)}</dd><p>{_text(what)}</p></div>"
            for word, value, what in page.figures
        ),
        "</dl>",
    ]
    body = [*_element("header", header), *_element("main", sections)]
    footer = f"<footer>Made by meshfree on {now:%d %B %Y at %H:%M} (UTC{now:%z}).</footer>"
    return "\n".join([HEAD.replace("TITLE", _text(f"{page.name}: {title}")), *body, footer, "</body>", "</html>", ""])


def _described(page: Page) -> tuple[str, str, list[str]]:
    """The title, the equation and the paragraphs of the description."""
    first, *more = page.description.strip().split("\n\n")
    title, _, equation = " ".join(first.split()).removesuffix(".").partition(": ")
    return title or page.name, equation, [" ".join(paragraph.split()) for paragraph in more]


def _repetition(page: Page) -> list[str]:
    found = [f"<pre><code>{_text(page.command)}</code></pre>"]
    if page.source:
        found.append(f"<details><summary>The script</summary><pre><code>{_text(page.source)}</code></pre></details>")
    return found


def _section(title: str, content: Iterable[str]) -> str:
    return "\n".join(_element("section", [f"<h2>{_text(title)}</h2>", *content]))


def _element(name: str, content: Iterable[str]) -> list[str]:
    return [f"<{name}>", *content, f"</{name}>"]


def _figure(picture: Picture) -> str:
    if isinstance(picture.figure, str):
        return f'<p class="note">{_text(picture.caption)}: {_text(picture.figure)}</p>'
    width, height = picture.figure.get_size_inches() * 96  # CSS pixels
    data = base64.b64encode(_png(picture.figure)).decode("ascii")
    words, size = _text(picture.caption), f'width="{width:.0f}" height="{height:.0f}"'
    image = f'<img src="data:image/png;base64,{data}" {size} alt="{words}">'
    return f"<figure>{image}<figcaption>{words}</figcaption></figure>"


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.get_layout_engine().execute(figure)  # and again when it is drawn, as in `plots.style.finish`
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _pairs(rows: Rows) -> str:
    cells = (f'<tr><th scope="row">{_text(word)}</th><td>{_text(what)}</td></tr>' for word, what in rows)
    return f'<table class="pairs">{"".join(cells)}</table>'


def _table(rows: Rows) -> str:
    heads, *lines = rows
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in heads)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in line)}</tr>" for line in lines)
    return f'<table class="grid"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _unset(flags: Sequence[str]) -> str:
    kept = ", ".join(f"<span>{_text(flag)}</span>" for flag in flags)  # a flag is not broken at its hyphens
    return f'<p class="soft">Not set: {kept}.</p>' if flags else ""


def _text(text: str) -> str:
    return html.escape(text)


HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="meshfree">
<title>TITLE</title>
<link rel="icon" href="data:,">
<style>
:root { --ink: #222; --soft: #5f6b76; --line: #dfe3e7; --paper: #fff; --tint: #f4f6f8; --accent: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif; }
header { border-bottom: 1px solid var(--line); padding-bottom: 1.5rem; }
.name { margin: 0; color: var(--accent); font-weight: 600; }
h1 { margin: .1rem 0 .6rem; font-size: 1.75rem; line-height: 1.2; }
h2 { margin: 2.2rem 0 .8rem; font-size: 1.15rem; }
.equation { margin: .6rem 0 1rem;
  font: italic 1.2rem/1.5 Cambria, "STIX Two Text", "Latin Modern Math", Georgia, serif; }
.note { margin: 1rem 0; padding: .6rem .9rem; border-left: 4px solid #d55e00; background: #fdf3ea; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 0; }
.figures div { flex: 1 1 9rem; padding: .7rem .9rem; background: var(--tint); border-radius: 6px; }
.figures dt { color: var(--soft); font-size: .85rem; }
.figures dd { margin: 0; font-size: 1.45rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.figures p { margin: 0; color: var(--soft); font-size: .8rem; }
figure { margin: 0 0 1.5rem; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
figcaption { margin-top: .4rem; text-align: center; color: var(--soft); font-size: .9rem; }
section { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .8rem .35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 500; color: var(--soft); white-space: nowrap; }
.pairs { width: 100%; }
.pairs th { width: 8rem; }
.pairs td { overflow-wrap: anywhere; }
.grid td, .grid th { text-align: right; }
.grid td:first-child, .grid th:first-child { text-align: left; }
code, pre { font: .88rem/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: 0 0 .8rem; padding: .8rem 1rem; background: var(--tint); border-radius: 6px; overflow-x: auto; }
.soft { color: var(--soft); font-size: .88rem; }
.soft span { white-space: nowrap; }
summary { cursor: pointer; margin-bottom: .6rem; color: var(--accent); }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .85rem; }
@media print {
  @page { margin: 16mm; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2, figure, tr, .figures div { break-inside: avoid; }
  h2 { break-after: avoid; }
  section { overflow: visible; }
  pre { white-space: pre-wrap; }
  img { max-height: 105mm; width: auto; }
  .note, .figures div, pre { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible; height: auto; }
}
</style>
</head>
<body>"""
