"""What checks find, and the report that holds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

Cell = str | int | float | bool | None

MOST_IDS = 20
"""Articles that a finding names; it counts all of them."""

MOST_ROWS = 10_000
"""Rows that a table keeps; it counts all of them."""


class Severity(StrEnum):
    """How much a finding matters.

    An error makes what is measured on the corpus wrong, or loses articles. A warning should be
    looked at. A note is worth knowing.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Parameters
    ----------
    severity : Severity
        How much it matters.
    code : str
        Stable and short, for programs.
    message : str
        What was found, and what to do, for people.
    articles : tuple of str
        Ids of the first `MOST_IDS` articles that it is about.
    count : int
        How many things it is about in all.
    task, label : str, optional
        Where it is about one.
    details : mapping
        Figures and examples, as JSON can hold them.
    """

    severity: Severity
    code: str
    message: str
    articles: tuple[str, ...] = ()
    count: int = 0
    task: str | None = None
    label: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def about(
        cls,
        ids: Sequence[str],
        severity: Severity,
        code: str,
        message: str,
        **details: Any,
    ) -> Self:
        """Return a finding about articles: it counts all of them and names the first."""
        shown = tuple(ids[:MOST_IDS])
        return cls(severity, code, message, shown, len(ids), details=details)


@dataclass(frozen=True, slots=True)
class Table:
    """Figures, or the evidence for findings, row by row.

    Parameters
    ----------
    name : str
        Key in the report.
    title : str
        What people read above it.
    columns : tuple of str
        Their headings.
    rows : tuple of tuple
        The first `MOST_ROWS`.
    total : int
        How many rows there were.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int

    @classmethod
    def of(
        cls, name: str, title: str, columns: tuple[str, ...], rows: Sequence[tuple[Cell, ...]]
    ) -> Self:
        """Return a table of bounded length."""
        return cls(name, title, columns, tuple(rows[:MOST_ROWS]), len(rows))


@dataclass(frozen=True)
class Report:
    """What was found in a corpus.

    Parameters
    ----------
    corpus : str
        Its name.
    n_articles : int
        Articles that could be read.
    findings : tuple of Finding
        Errors first, then warnings, then notes.
    tables : mapping of str to Table
        By name.
    """

    corpus: str
    n_articles: int
    findings: tuple[Finding, ...]
    tables: Mapping[str, Table]

    @classmethod
    def of(cls, corpus: str, n_articles: int, found: Iterable[Finding | Table]) -> Self:
        """Return a report of what checks found, in whatever order."""
        everything = list(found)
        order = list(Severity)
        findings = [each for each in everything if isinstance(each, Finding)]
        findings.sort(key=lambda finding: order.index(finding.severity))
        tables = {each.name: each for each in everything if isinstance(each, Table)}
        return cls(corpus, n_articles, tuple(findings), tables)

    @property
    def has_errors(self) -> bool:
        """Whether any finding is an error."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        return asdict(self)
