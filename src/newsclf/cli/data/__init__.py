"""``newsclf data``: labelled articles in and out, checked, split and counted."""

from __future__ import annotations

import typer

from newsclf.cli.data import check, exporting, fetch, importing, split, stats

app = typer.Typer(
    help="Import, export, fetch, check, split and count labelled articles.", no_args_is_help=True
)
app.command("import")(importing.import_source)
app.command("export")(exporting.export)
app.command("check")(check.check)
app.command("split")(split.split)
app.command("stats")(stats.stats)
app.add_typer(fetch.app, name="fetch")
