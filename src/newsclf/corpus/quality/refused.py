"""Rows of a corpus that could not be used, counted by what was wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from newsclf.corpus.lines import BadRow
from newsclf.corpus.quality.findings import MOST_IDS, Finding, Severity


class RefusedRows:
    """Takes rows that `newsclf.corpus.read_corpus` could not use; keeps the first of each kind."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, list[BadRow]] = {}

    def add(self, bad: BadRow) -> None:
        """Count a row."""
        self._counts[bad.code] += 1
        first = self._first.setdefault(bad.code, [])
        if len(first) < MOST_IDS:
            first.append(bad)

    def findings(self) -> Iterator[Finding]:
        """Report one error for each kind of fault."""
        for code, count in self._counts.most_common():
            first = self._first[code]
            ids = tuple(bad.article_id for bad in first if bad.article_id is not None)
            message = (
                f"{count:,} rows cannot be used; the first is {first[0].path}, "
                f"line {first[0].line}: {first[0].message}"
            )
            places = [f"{bad.path}, line {bad.line}" for bad in first]
            yield Finding(Severity.ERROR, code, message, ids, count, details={"places": places})
