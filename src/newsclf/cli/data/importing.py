"""``newsclf data import``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from newsclf.cli.options import Force

if TYPE_CHECKING:
    from newsclf.corpus.exchange.importing import Source
    from newsclf.corpus.exchange.mapping import ColumnMapping
    from newsclf.corpus.lines import BadRow

FIRST_SHOWN = 5
VALUE_WIDTH = 60


def import_source(
    source: Annotated[
        str,
        typer.Argument(help="A file, a .gz or .zip of files, a folder, or hf:NAME."),
    ],
    into: Annotated[Path, typer.Option(help="Folder of the corpus to make.")],
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="csv, tsv, excel, json, jsonl, parquet, folder, datasets, annif, annif-tsv, "
            "fasttext, labelstudio, argilla, doccano or prodigy (default: recognised).",
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="TOML file that says which column is which field.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=COLUMN", help="A field's column, as headline=Title."),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK=COLUMN", help="A task's column of labels, as topic=Tags."),
    ] = None,
    separator: Annotated[str, typer.Option(help="What stands between labels in a cell.")] = ";",
    scheme: Annotated[
        list[Path] | None,
        typer.Option(help="Label scheme, TOML (default: made of the labels that occur)."),
    ] = None,
    task: Annotated[
        str, typer.Option(help="The task of labels in formats that do not name it.")
    ] = "topic",
    encoding: Annotated[
        str | None, typer.Option(help="Of text files, as cp1252 (default: detected).")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Between cells of a CSV file (default: detected).")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Of a workbook, by name (default: the first).")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The corpus's name (default: its folder's).")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of the articles, as an SPDX id.")] = "unknown",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be used, and count them.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the mapping as TOML and stop.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before importing.")] = False,
    force: Force = False,
) -> None:
    """Make a corpus of labelled articles out of a spreadsheet, a dataset or a tool's export.

    Which column is which field is guessed and shown first; flags and a mapping file overrule it.

    [bold]newsclf data import stories.csv --into data/stories --labels topic=Tags[/bold]
    """
    from newsclf.cli.screen import err, out, working
    from newsclf.corpus import CorpusInfo, write_corpus
    from newsclf.corpus.exchange.base import ReadOptions
    from newsclf.corpus.exchange.importing import import_corpus, open_source
    from newsclf.files import refuse_existing
    from newsclf.schemes import read_scheme

    if not dry_run:
        refuse_existing(into, force=force)
    schemes = {read.name: read for read in map(read_scheme, scheme or ())}
    options = ReadOptions(
        encoding,
        delimiter,
        sheet,
        task,
        say=lambda text: err.print(text, highlight=False, markup=False),
    )
    given = column_mapping(mapping, column or [], labels or [], separator)
    opened = open_source(source, options, schemes, format_name=format_name, mapping=given)
    if dry_run:
        typer.echo(opened.mapping.to_toml() if opened.mapping else "", nl=False)
        return
    _show_source(opened)
    if not yes and _asks():
        typer.confirm("Import like this?", default=True, abort=True, err=True)
    bad: list[BadRow] = []
    info = CorpusInfo(
        name=name or into.name,
        version="1",
        licence=licence,
        provenance=f"imported from {Path(source).name}, {opened.format.name}",
        schemes=(),
    )
    with working() as bar:
        corpus = import_corpus(
            opened,
            info,
            schemes,
            on_bad=bad.append if skip_bad else None,
            on_row=lambda row: bar.update(bar.task_ids[0], description=f"{row:,} rows"),
        )
    write_corpus(corpus, into, force=force)
    out.print(f"{len(corpus.articles):,} articles written to {into}", highlight=False, markup=False)
    for found in corpus.schemes.values():
        made = "" if found.name in schemes else ", a scheme made of the labels that occur"
        out.print(f"    {found.name}: {len(found.labels)} labels{made}", highlight=False)
    _show_skipped(bad)


def column_mapping(
    file: Path | None, columns: list[str], labels: list[str], separator: str
) -> ColumnMapping:
    """Return the mapping of a file, overruled by what options say."""
    from pydantic import ValidationError

    from newsclf.corpus.exchange.mapping import ColumnMapping, Field, TaskColumns, read_mapping
    from newsclf.errors import ConfigError, did_you_mean, explain_validation

    read = read_mapping(file) if file is not None else ColumnMapping()
    tasks = {
        task: TaskColumns(column=column, separator=separator) for task, column in map(_pair, labels)
    }
    fields = dict(map(_pair, columns))
    for field in fields:
        if field not in get_args(Field):
            raise ConfigError(
                f"articles have no field {field!r}{did_you_mean(field, get_args(Field))}"
            )
    try:
        return read.overruled(ColumnMapping.model_validate({"fields": fields, "tasks": tasks}))
    except ValidationError as error:
        raise ConfigError(explain_validation(error.errors(), tasks)) from None


def _pair(text: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not (left and equals and right):
        raise typer.BadParameter(f"{text!r} is not of the form name=column")
    return left, right


def _asks() -> bool:
    import sys

    return sys.stdin.isatty() and sys.stderr.isatty()


def _show_source(source: Source) -> None:
    """Show how a source is read: each field, its column, and the first value."""
    from rich.markup import escape
    from rich.table import Table

    from newsclf.cli.screen import err

    err.print(f"{source.name}: {source.format.name}", highlight=False, markup=False)
    if source.mapping is None:
        return
    table = Table("field", "column", "first value")
    for field, column in source.mapping.uses:
        value = next(
            (row[column] for row in source.sample if row.get(column) not in (None, "")), ""
        )
        table.add_row(field, escape(column), escape(str(value)[:VALUE_WIDTH]))
    if "headline" not in source.mapping.fields:
        err.print("no column is read as the headline; name one with --column headline=COLUMN")
    unused = set(source.columns) - {column for _, column in source.mapping.uses}
    err.print(table)
    if unused:
        names = ", ".join(sorted(unused))
        err.print(f"left aside: {names}", highlight=False, markup=False)


def _show_skipped(bad: list[BadRow]) -> None:
    from newsclf.cli.screen import err

    if not bad:
        return
    counts = Counter(row.code for row in bad)
    named = ", ".join(f"{code} {count:,}" for code, count in counts.most_common())
    err.print(f"{len(bad):,} rows skipped: {named}", highlight=False)
    for row in bad[:FIRST_SHOWN]:
        err.print(f"    {row.as_error()}", highlight=False, markup=False)
    if len(bad) > FIRST_SHOWN:
        err.print(f"    and {len(bad) - FIRST_SHOWN:,} more", highlight=False)
