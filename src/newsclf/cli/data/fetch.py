"""``newsclf data fetch``: stories from GOV.UK and from feeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsclf.cli.options import Force

if TYPE_CHECKING:
    from newsclf.corpus.fetch.collect import FetchSummary
    from newsclf.schemes import LabelScheme

app = typer.Typer(help="Fetch stories from GOV.UK or from a feed.", no_args_is_help=True)

GOVUK = "https://www.gov.uk"
CHANGED_SHOWN = 20

Into = Annotated[Path, typer.Option(help="Folder of the corpus to make.")]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private", help="Also fetch from addresses in private networks.")
]


@app.command("govuk")
def govuk(
    into: Into,
    organisation: Annotated[
        list[str] | None, typer.Option(help="Of this organisation, by slug, as home-office.")
    ] = None,
    document_type: Annotated[
        list[str] | None,
        typer.Option(help="Of this type, as speech (default: news_story and press_release)."),
    ] = None,
    taxon: Annotated[
        list[str] | None, typer.Option(help="In this taxon or below it, by content id.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Updated on this day or later.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Updated on this day or before.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many stories, the newest.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Stand-off labels: fetch their stories, and nothing else."),
    ] = None,
    weak: Annotated[
        Path | None,
        typer.Option(help="TOML file that makes weak labels of taxons and organisations."),
    ] = None,
    scheme: Annotated[
        list[Path] | None, typer.Option(help="Label scheme, TOML (default: those that ship).")
    ] = None,
    base: Annotated[str, typer.Option(help="Address of the APIs.")] = GOVUK,
    allow_private: AllowPrivate = False,
    force: Force = False,
) -> None:
    """Build a corpus from the GOV.UK Search and Content APIs.

    At most ten requests a second. Stopped at any moment, the same command goes on where it was.

    [bold]newsclf data fetch govuk --organisation home-office --into data/home[/bold]

    [bold]newsclf data fetch govuk --labels data/govuk/labels.jsonl --into data/govuk-news[/bold]
    """
    from newsclf.corpus.fetch.govuk import GovukQuery, fetch_govuk_corpus
    from newsclf.corpus.fetch.standoff import fetch_standoff_corpus
    from newsclf.extras import require

    require("fetch")
    schemes = _schemes(scheme)
    filters = (organisation, document_type, taxon, since, until, limit, weak)
    if labels is not None and any(filters):
        raise typer.BadParameter("names the stories; leave out the filters", param_hint="--labels")
    with _progress() as show:
        if labels is not None:
            summary = fetch_standoff_corpus(
                labels,
                into,
                schemes=schemes,
                base=base,
                allow_private=allow_private,
                force=force,
                on_progress=show,
            )
        else:
            types = {"document_types": tuple(document_type)} if document_type else {}
            query = GovukQuery(
                organisations=tuple(organisation or ()),
                taxons=tuple(taxon or ()),
                since=since.date() if since else None,
                until=until.date() if until else None,
                limit=limit,
                **types,
            )
            summary = fetch_govuk_corpus(
                query,
                into,
                base=base,
                allow_private=allow_private,
                weak=weak,
                schemes=schemes,
                force=force,
                on_progress=show,
            )
    _show(summary)


@app.command("feed")
def feed(
    url: Annotated[str, typer.Argument(help="Address of an RSS or Atom feed.")],
    into: Into,
    full_text: Annotated[
        bool,
        typer.Option("--full-text/--feed-text", help="Fetch each story's page for its text."),
    ] = True,
    allow_private: AllowPrivate = False,
    force: Force = False,
) -> None:
    """Build a corpus from a feed, with the full text of each story's page.

    [bold]newsclf data fetch feed https://example.org/news.atom --into data/feed[/bold]
    """
    from newsclf.corpus.fetch.feed import fetch_feed_corpus
    from newsclf.extras import require

    require("fetch")
    with _progress() as show:
        summary = fetch_feed_corpus(
            url,
            into,
            full_text=full_text,
            allow_private=allow_private,
            force=force,
            on_progress=show,
        )
    _show(summary)


def _schemes(files: list[Path] | None) -> dict[str, LabelScheme]:
    from newsclf.files import shipped_data
    from newsclf.schemes import read_scheme

    paths = files or sorted((shipped_data() / "schemes").glob("*.toml"))
    return {read.name: read for read in map(read_scheme, paths)}


@contextmanager
def _progress() -> Iterator[Callable[[int, int | None], None]]:
    from newsclf.cli.screen import working

    with working() as bar:
        yield lambda done, total: bar.update(
            bar.task_ids[0], description=f"{done:,} stories", completed=done, total=total
        )


def _show(summary: FetchSummary) -> None:
    from newsclf.cli.screen import err, out

    out.print(
        f"{summary.kept:,} stories written to {summary.corpus}", highlight=False, markup=False
    )
    if summary.resumed:
        out.print(f"    {summary.resumed:,} of them fetched before", highlight=False)
    for reason, count in summary.left_out.items():
        err.print(f"    left out, {reason}: {count:,}", highlight=False, markup=False)
    for changed in summary.changed[:CHANGED_SHOWN]:
        err.print(f"    {changed.id}: {changed.what}", highlight=False, markup=False)
    if len(summary.changed) > CHANGED_SHOWN:
        err.print(f"    and {len(summary.changed) - CHANGED_SHOWN:,} more", highlight=False)
