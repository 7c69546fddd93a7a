"""``newsclf data check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import Force

if TYPE_CHECKING:
    from newsclf.corpus.quality.findings import Report

COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}
IDS_SHOWN = 3


def check(
    corpus: Annotated[Path, typer.Argument(help="Corpus, a folder.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the findings to this file as JSON.")
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--html", help="Write a page with plots to this file.")
    ] = None,
    label_errors: Annotated[
        bool,
        typer.Option(
            "--label-errors/--no-label-errors", help="Look for labels that are likely wrong."
        ),
    ] = True,
    force: Force = False,
) -> None:
    """Find out what is wrong with a corpus before training on it.

    Looks at rows, texts, duplicates within and across splits, dates, labels and annotators. Exit
    status 1 when anything is an error.

    [bold]newsclf data check data/govnews --html check.html[/bold]
    """
    import json

    from newsclf.check import check_corpus
    from newsclf.cli.screen import working
    from newsclf.corpus.quality.page import write_page
    from newsclf.files import atomic_file, refuse_existing

    for path in (json_file, page):
        if path is not None:
            refuse_existing(path, force=force)
    with working() as bar:
        report = check_corpus(
            corpus,
            on_step=lambda step: bar.update(bar.task_ids[0], description=step),
            label_errors=label_errors,
        )
    _show(report)
    if json_file is not None:
        with atomic_file(json_file) as file:
            file.write(json.dumps(report.to_json(), indent=2).encode() + b"\n")
    if page is not None:
        write_page(report, page)
    if report.has_errors:
        raise typer.Exit(1)


def _show(report: Report) -> None:
    """Print what was found, the worst first."""
    from collections import Counter

    from rich.markup import escape
    from rich.table import Table

    from newsclf.cli.screen import out
    from newsclf.corpus.quality.findings import Severity

    if report.findings:
        table = Table("severity", "code", "what was found", "articles")
        for finding in report.findings:
            ids = ", ".join(finding.articles[:IDS_SHOWN])
            more = " ..." if finding.count > IDS_SHOWN and finding.articles else ""
            colour = COLOURS[finding.severity]
            severity = f"[{colour}]{finding.severity}[/{colour}]"
            table.add_row(severity, finding.code, escape(finding.message), escape(ids) + more)
        out.print(table)
    if agreement := _agreement(report):
        out.print(f"agreement of annotators, Krippendorff's alpha: {agreement}", highlight=False)
    counts = Counter(finding.severity for finding in report.findings)
    said = ", ".join(f"{counts[severity]} {severity}s" for severity in Severity)
    out.print(f"{report.corpus}: {report.n_articles:,} articles; {said}", highlight=False)


def _agreement(report: Report) -> str:
    table = report.tables.get("agreement")
    rows = table.rows if table else ()
    return ", ".join(f"{task} {alpha}" for task, label, alpha, _ in rows if label is None)
