"""Promotion and rollback: the only ways in which production changes."""

from __future__ import annotations

from pathlib import Path

from newsclf.bundle import Bundle, load, read_manifest, verify
from newsclf.errors import BundleError, ConfigError, NewsclfError, did_you_mean
from newsclf.files import sha256_of
from newsclf.registry.find import find_bundle, find_version
from newsclf.registry.gate import Verdict, judge
from newsclf.registry.gold import gold_stories
from newsclf.registry.history import Event
from newsclf.registry.state import (
    NameRecord,
    Promoted,
    RegistryError,
    change,
    read_registry,
)


class NotPromotedError(RegistryError):
    """A candidate that did not pass the gate.

    Parameters
    ----------
    reference : str
        ``name@version`` of the candidate.
    verdict : Verdict
        With the reasons and the figures.
    """

    def __init__(self, reference: str, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(
            f"{reference} is not promoted: {'; '.join(verdict.reasons)}. To promote it all the "
            "same, say why with --override"
        )


def promote(
    reference: str, models: Path, *, override: str | None = None
) -> tuple[Event, tuple[str, ...]]:
    """Put a version into production, when it does as well on the gold set as what is there.

    Parameters
    ----------
    reference : str
        A bundle in `models`, as `find_bundle` takes it.
    models : Path
        The folder of models.
    override : str, optional
        Why it is to be promoted whatever the gate says; kept in the history, with what the gate
        said.

    Returns
    -------
    event : Event
        What went into the history, with the figures.
    notes : tuple of str
        What was not compared, or only in part.

    Raises
    ------
    NotPromotedError
        When something speaks against it and `override` is not given.
    RegistryError
        When it is in production already, or another process changed production meanwhile.
    BundleError
        When it is missing, damaged, or not in `models`.
    """
    if override is not None and not override.strip():
        raise ConfigError("--override needs the reason in words; it is kept in the history")
    folder = _own_folder(reference, models)
    sha256 = sha256_of(folder / "bundle.json")
    candidate = load(folder)
    name, version = candidate.manifest.name, candidate.manifest.version
    seen = read_registry(models).record(name)
    if version == seen.production:
        raise RegistryError(
            f"{candidate.reference} is in production already; to promote another version, give it "
            "as NAME@VERSION"
        )
    verdict = _verdict(candidate, seen, models)
    if verdict.reasons and override is None:
        raise NotPromotedError(candidate.reference, verdict)
    if sha256_of(folder / "bundle.json") != sha256:
        raise BundleError(f"{folder} was changed while it was judged; promote it again")
    event = Event(
        what="promote",
        name=name,
        origin=_reference(name, seen.production),
        to=candidate.reference,
        why=override or "",
        overrode=verdict.reasons,
        figures=verdict.figures,
    )
    new = seen.with_production(version, Promoted(sha256=sha256, figures=verdict.figures))
    change(models, seen=seen, new=new, event=event)
    return event, verdict.notes


def rollback(name: str, models: Path, *, why: str = "") -> Event:
    """Put the version before the one in production back.

    Parameters
    ----------
    name : str
        Of the bundles.
    models : Path
        The folder of models.
    why : str
        For the history.

    Returns
    -------
    Event
        What went into the history.

    Raises
    ------
    RegistryError
        When there is nothing to go back to, or another process changed production meanwhile.
    BundleError
        When the version before is gone, or was changed since it was promoted.
    """
    registry = read_registry(models)
    if name not in registry.names:
        known = did_you_mean(name, registry.names) if registry.names else ""
        raise RegistryError(f"nothing called {name!r} was ever promoted{known}")
    seen = registry.names[name]
    if len(seen.succession) < 2:
        now = ", ".join(f"{name}@{version}" for version in seen.succession) or "no version"
        raise RegistryError(
            f"{name} cannot be rolled back: {now} is in production, and none was before it"
        )
    verify(find_version(name, seen.succession[-2], models))
    back, away = (f"{name}@{version}" for version in seen.succession[-2:])
    event = Event(what="rollback", name=name, origin=away, to=back, why=why)
    change(models, seen=seen, new=seen.rolled_back(), event=event)
    return event


def _own_folder(reference: str, models: Path) -> Path:
    folder = find_bundle(reference, models)
    if folder.parent.resolve() != models.resolve():
        own = read_manifest(folder)
        raise BundleError(
            f"{folder} is not in {models}, so it cannot be promoted there; copy it to "
            f"{models / f'{own.name}@{own.version}'} first"
        )
    return folder


def _verdict(candidate: Bundle, record: NameRecord, models: Path) -> Verdict:
    name = candidate.manifest.name
    try:
        stories = gold_stories(name, record.gold, models)
        candidate.refuse_seen(stories)
        now = record.production
        production = None if now is None else load(find_version(name, now, models))
    except NewsclfError as error:
        return Verdict(reasons=(str(error),))
    protected = record.gold.protected if record.gold else ()
    return judge(candidate, production, stories, protected)


def _reference(name: str, version: int | None) -> str | None:
    return None if version is None else f"{name}@{version}"
