"""One set of labels out of several annotators': the majority's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from newsclf.records import Annotation
from newsclf.schemes import LabelScheme


def majority(annotations: Sequence[Annotation], scheme: LabelScheme) -> tuple[str, ...] | None:
    """Return the labels that most of an article's annotators gave.

    Parameters
    ----------
    annotations : sequence of Annotation
        Of one article.
    scheme : LabelScheme
        The task.

    Returns
    -------
    tuple of str or None
        In the scheme's order. Of a multi-label task, what more than half of those who judged it
        gave. Of a single-label task, what more gave than any other. None where nobody judged it, or
        the foremost single labels are equal.

    Examples
    --------
    >>> from newsclf.schemes import Label
    >>> scheme = LabelScheme(
    ...     name="beat", title="", version="1", kind="multi", question="",
    ...     labels=tuple(Label(id=i, title=i, definition="") for i in ("border", "court")))
    >>> given = {"A": ("border", "court"), "B": ("court",), "C": ("court", "border")}
    >>> said = [Annotation("1", who, {"beat": labels}) for who, labels in given.items()]
    >>> majority(said, scheme)
    ('border', 'court')
    """
    judged = [said.labels[scheme.name] for said in annotations if scheme.name in said.labels]
    if not judged:
        return None
    votes = Counter(label for labels in judged for label in labels)
    if scheme.kind == "multi":
        return tuple(label for label in scheme.label_ids if votes[label] > len(judged) / 2)
    foremost = votes.most_common(2)
    if not foremost:
        return ()
    if len(foremost) == 2 and foremost[0][1] == foremost[1][1]:
        return None
    return (foremost[0][0],)
