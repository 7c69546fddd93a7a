"""A report as one HTML page that loads nothing and runs nothing."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from newsclf.corpus.quality.findings import Cell, Report, Severity, Table
from newsclf.corpus.rows import SPLITS
from newsclf.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 500
"""Rows of a table that the page shows; the JSON report has more."""

_MOST_LABELS = 30
_MOST_MONTHS = 120
_TABLES = ("duplicates", "label_errors", "boilerplate", "agreement", "labels")


class Plot(NamedTuple):
    """A drawing: a data URI, what it says for those who do not see it, and a caption."""

    source: str
    alt: str
    caption: str


def write_page(report: Report, path: Path) -> None:
    """Write a report as a self-contained HTML page.

    Texts from the corpus are escaped, and the page's content security policy forbids scripts and
    anything from outside.

    Parameters
    ----------
    report : Report
        What `newsclf.check.check_corpus` returned.
    path : Path
        The file; it appears whole or not at all.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("newsclf.corpus.quality", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["shown"] = _shown
    found = Counter(finding.severity for finding in report.findings)
    page = environment.get_template("page.html.jinja").render(
        report=report,
        counts={severity.value: found[severity] for severity in Severity},
        plots=list(_plots(report)),
        tables=[report.tables[name] for name in _TABLES if name in report.tables],
        most_rows=MOST_ROWS,
    )
    with atomic_file(path) as file:
        file.write(page.encode("utf-8", "backslashreplace"))


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _plots(report: Report) -> Iterator[Plot]:
    tables = report.tables
    if "labels" in tables:
        for task, rows in _by_task(tables["labels"]).items():
            yield _label_counts(task, rows)
    if "together" in tables:
        for task, rows in _by_task(tables["together"]).items():
            yield _heat_map(task, rows)
    if "lengths" in tables:
        yield _lengths(tables["lengths"].rows)
    if "months" in tables and tables["months"].rows:
        yield _over_time(tables["months"].rows)


def _by_task(table: Table) -> dict[str, list[tuple[Any, ...]]]:
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for task, *rest in table.rows:
        rows.setdefault(str(task), []).append(tuple(rest))
    return rows


def _label_counts(task: str, rows: Sequence[tuple[Any, ...]]) -> Plot:
    shown = sorted(rows, key=lambda row: -sum(row[2:]))[:_MOST_LABELS]
    names = [row[0] for row in shown][::-1]
    figure = _figure(1 + 0.3 * len(names))
    axes = figure.subplots()
    left = np.zeros(len(names))
    for column, split in enumerate((*SPLITS, "no split"), 2):
        counts = np.array([row[column] for row in shown][::-1])
        if counts.any():
            axes.barh(names, counts, left=left, label=split)
            left += counts
    axes.set_xlabel("articles")
    if left.any():
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False)
    largest = ", ".join(f"{row[0]} {sum(row[2:]):,}" for row in shown[:5])
    return _drawn(figure, f"Bars of articles a {task} label: {largest}", f"Labels of {task}")


def _heat_map(task: str, rows: Sequence[tuple[Any, ...]]) -> Plot:
    weight: Counter[str] = Counter()
    for one, other, count in rows:
        weight[one] += count
        weight[other] += count
    names = [name for name, _ in weight.most_common(_MOST_LABELS)]
    place = {name: position for position, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for one, other, count in rows:
        if one in place and other in place:
            counts[place[one], place[other]] = counts[place[other], place[one]] = count
    figure = _figure(2 + 0.25 * len(names))
    axes = figure.subplots()
    figure.colorbar(axes.imshow(counts, cmap="Blues"), label="articles")
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    one, other, count = max(rows, key=lambda row: row[2])
    alt = f"Heat map of {task} labels that share articles; most are {one} and {other}: {count:,}"
    return _drawn(figure, alt, f"Labels of {task} that occur together")


def _lengths(rows: Sequence[tuple[Any, ...]]) -> Plot:
    figure = _figure(3)
    axes = figure.subplots()
    axes.bar([f"{start:,}" for start, _ in rows], [count for _, count in rows])
    axes.set_xlabel("words from")
    axes.set_ylabel("articles")
    start, count = max(rows, key=lambda row: row[1])
    return _drawn(
        figure, f"Bars of text lengths; most, {count:,}, from {start:,} words", "Text lengths"
    )


def _over_time(rows: Sequence[tuple[Any, ...]]) -> Plot:
    counts: Counter[str] = Counter()
    by_year = len(rows) > _MOST_MONTHS
    for month, count in rows:
        counts[month[:4] if by_year else month] += count
    times = list(counts)
    figure = _figure(3)
    axes = figure.subplots()
    axes.plot(range(len(times)), list(counts.values()), marker="o")
    ticks = np.unique(np.linspace(0, len(times) - 1, 8).astype(int)).tolist()
    axes.set_xticks(ticks, [times[tick] for tick in ticks], rotation=30)
    axes.set_ylabel("articles")
    axes.set_ylim(bottom=0)
    period = "year" if by_year else "month"
    alt = f"Line of articles a {period}, from {times[0]} to {times[-1]}"
    return _drawn(figure, alt, f"Articles a {period}")


def _figure(height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(7, height), layout="constrained")


def _drawn(figure: Figure, alt: str, caption: str) -> Plot:
    import matplotlib as mpl

    drawing = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "newsclf"}):
        figure.savefig(drawing, format="svg", metadata={"Date": None})
    encoded = b64encode(drawing.getvalue()).decode("ascii")
    return Plot(f"data:image/svg+xml;base64,{encoded}", alt, caption)
