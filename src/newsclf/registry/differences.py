"""What differs between two bundles, from their manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from newsclf.bundle import Manifest

_SECTIONS = ("tasks", "corpus", "config", "environment")


class Difference(NamedTuple):
    """A value that two manifests do not share.

    Parameters
    ----------
    where : str
        Dotted, as in ``tasks.topic.thresholds.policing``.
    first, second : object
        The values; None where a manifest has none.
    """

    where: str
    first: object
    second: object


def differences(first: Manifest, second: Manifest) -> list[Difference]:
    """Compare tasks (labels, thresholds, metrics), corpus, configuration and environment.

    Parameters
    ----------
    first, second : Manifest
        Of the bundles. Their names, versions and files differ anyway and are left out.
    """
    sides = [
        dict(_leaves(side.model_dump(mode="json", include={*_SECTIONS})))
        for side in (first, second)
    ]
    return [
        Difference(where, sides[0].get(where), sides[1].get(where))
        for where in dict.fromkeys([*sides[0], *sides[1]])
        if sides[0].get(where) != sides[1].get(where)
    ]


def _leaves(value: object, where: str = "") -> Iterator[tuple[str, object]]:
    children = _children(value)
    if not children:
        yield where, value
    for key, child in children.items():
        yield from _leaves(child, f"{where}.{key}" if where else str(key))


def _children(value: object) -> Mapping[str, Any]:
    """Return what lies in a value: by key, and for a list of labels by their ids."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and all(isinstance(item, dict) and "id" in item for item in value):
        return {item["id"]: item for item in value}
    return {}
