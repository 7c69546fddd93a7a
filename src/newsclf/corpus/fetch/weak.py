"""Weak labels: rules from what GOV.UK files a page under to the labels of a scheme."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from newsclf.corpus.fetch.content import links_of
from newsclf.errors import ConfigError, did_you_mean, explain_validation
from newsclf.schemes import LabelScheme, read_toml

_MOST_TAXONS = 1_000


class WeakRule(BaseModel):
    """A label, and what gives it.

    Parameters
    ----------
    label : str
        Of the scheme.
    taxons, organisations : tuple of str
        Any of them gives the label: by title, base path, slug (the last part of the path) or
        content id; upper and lower case are the same. A page is under its taxons' parents too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    taxons: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()


class _RuleFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    scheme: str
    rule: tuple[WeakRule, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class WeakRules:
    """Rules for one task.

    Parameters
    ----------
    scheme : LabelScheme
        The task's.
    rules : tuple of WeakRule
        In the order of the file; where the scheme takes one label, the first that holds gives it.
    annotator : str
        Who is said to have given the labels: ``weak:`` and the file's name.
    """

    scheme: LabelScheme
    rules: tuple[WeakRule, ...]
    annotator: str


def read_weak_rules(path: Path, schemes: Mapping[str, LabelScheme]) -> WeakRules:
    """Read rules from a TOML file: ``scheme``, and a ``[[rule]]`` for each.

    Parameters
    ----------
    path : Path
        The file.
    schemes : mapping of str to LabelScheme
        By task.

    Raises
    ------
    ConfigError
        When the file is not of that kind, or names a scheme or a label that there is not.
    """
    try:
        document = _RuleFile.model_validate(read_toml(path))
    except ValidationError as error:
        known = {*_RuleFile.model_fields, *WeakRule.model_fields}
        raise ConfigError(f"{path}: {explain_validation(error.errors(), known)}") from None
    if document.scheme not in schemes:
        raise ConfigError(
            f"{path}: no scheme {document.scheme!r}{did_you_mean(document.scheme, schemes)}"
        )
    scheme = schemes[document.scheme]
    for rule in document.rule:
        if rule.label not in scheme.label_ids:
            suggestion = did_you_mean(rule.label, scheme.label_ids)
            raise ConfigError(f"{path}: unknown {scheme.name} label {rule.label!r}{suggestion}")
    return WeakRules(scheme, document.rule, f"weak:{path.stem}")


def weak_labels(item: Mapping[str, Any], rules: WeakRules) -> tuple[str, ...]:
    """Return the labels that the rules give to a page.

    Parameters
    ----------
    item : mapping
        Of the Content API, with its links.
    rules : WeakRules
        As `read_weak_rules` returned them.

    Returns
    -------
    tuple of str
        In the scheme's order; empty where no rule holds.
    """
    taxons = _names(_with_parents(item))
    organisations = _names(links_of(item, "organisations", "primary_publishing_organisation"))
    given = [
        rule.label
        for rule in rules.rules
        if not taxons.isdisjoint(map(str.casefold, rule.taxons))
        or not organisations.isdisjoint(map(str.casefold, rule.organisations))
    ]
    if rules.scheme.kind == "single":
        return tuple(given[:1])
    return tuple(label for label in rules.scheme.label_ids if label in given)


def _with_parents(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    pending = list(links_of(item, "taxons"))
    for _ in range(_MOST_TAXONS):
        if not pending:
            return
        taxon = pending.pop()
        yield taxon
        pending.extend(links_of(taxon, "parent_taxons"))


def _names(links: Iterator[Mapping[str, Any]]) -> set[str]:
    """Return everything that links are known by, with case folded."""
    names: set[str] = set()
    for link in links:
        given = (link.get("title"), link.get("base_path"), link.get("content_id"))
        names.update(name.casefold() for name in given if isinstance(name, str))
        if isinstance(link.get("base_path"), str):
            names.add(link["base_path"].rpartition("/")[2].casefold())
    return names
