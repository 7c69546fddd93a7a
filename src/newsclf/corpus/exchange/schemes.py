"""Labels as another program wrote them, matched to schemes or made into one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from newsclf.corpus.exchange.mapping import label_id, match_label
from newsclf.schemes import Label, LabelScheme

Row = dict[str, Any]


def matched(row: Row, schemes: Mapping[str, LabelScheme]) -> Row:
    """Return a row whose labels are the ids of their schemes, wherever they match one.

    Parameters
    ----------
    row : dict
        As in ``articles.jsonl``, perhaps with ``annotations``.
    schemes : mapping of str to LabelScheme
        By task. A label that matches none stays as it is, for the check of the row to refuse.
    """
    return _relabelled(
        row,
        lambda task, given: (
            [match_label(value, schemes[task]) or value for value in given]
            if task in schemes
            else given
        ),
    )


def inferred_schemes(
    rows: Iterable[Row], known: Mapping[str, LabelScheme]
) -> dict[str, LabelScheme]:
    """Make a scheme for every task that has none.

    Parameters
    ----------
    rows : iterable of dict
        All rows of the source.
    known : mapping of str to LabelScheme
        Tasks to leave alone.

    Returns
    -------
    dict of str to LabelScheme
        Labels in alphabetical order, titled as they were found, definitions left to be written.
        A task of two labels or more whose articles all have exactly one is single-label.
    """
    values: dict[str, dict[str, str]] = {}
    single: dict[str, bool] = {}
    for row in rows:
        for task, given in _judgements(row):
            if task not in known:
                found = values.setdefault(task, {})
                for value in given:
                    found.setdefault(value.casefold(), value)
                single[task] = single.get(task, True) and len(given) == 1
    return {
        task: _scheme(task, sorted(found.values()), single[task])
        for task, found in values.items()
        if found
    }


def _scheme(task: str, values: list[str], single: bool) -> LabelScheme:
    ids: dict[str, str] = {}
    for value in values:
        base = label_id(value)
        number, unique = 1, base
        while unique in ids:
            number += 1
            unique = f"{base[:60]}_{number}"
        ids[unique] = value
    labels = tuple(Label(id=made, title=value, definition="") for made, value in ids.items())
    return LabelScheme(
        name=task,
        title=task.replace("_", " ").capitalize(),
        version="1",
        kind="single" if single and len(labels) > 1 else "multi",
        question=f"Which {task} labels does the article have?",
        labels=labels,
    )


def _judgements(row: Row) -> Iterator[tuple[str, list[str]]]:
    """Yield every list of labels in a row, its annotators' too, with its task."""
    annotations = row.get("annotations")
    for judgement in (row, *(annotations if isinstance(annotations, list) else ())):
        if _has_labels(judgement):
            for task, given in judgement["labels"].items():
                if _are_strings(given):
                    yield task, given


def _relabelled(row: Row, change: Callable[[str, list[str]], list[str]]) -> Row:
    """Copy a row with its labels changed; what is no list of strings is left to be refused."""

    def of(judgement: Any) -> Any:
        if not _has_labels(judgement):
            return judgement
        labels = {
            task: change(task, given) if _are_strings(given) else given
            for task, given in judgement["labels"].items()
        }
        return judgement | {"labels": labels}

    changed: Row = of(row)
    if isinstance(row.get("annotations"), list):
        changed = changed | {"annotations": [of(said) for said in row["annotations"]]}
    return changed


def _has_labels(judgement: Any) -> bool:
    return isinstance(judgement, dict) and isinstance(judgement.get("labels"), dict)


def _are_strings(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(value, str) for value in given)
