"""Classifiers by name, imported when they are asked for."""

from __future__ import annotations

from importlib import import_module

from newsclf.classifiers.base import Classifier
from newsclf.errors import ConfigError, did_you_mean

_CLASSES = {
    "dummy": "newsclf.classifiers.dummy:Dummy",
    "linear": "newsclf.classifiers.linear:Linear",
    "static": "newsclf.classifiers.linear:Static",
    "hybrid": "newsclf.classifiers.linear:Hybrid",
}

CLASSIFIER_NAMES = tuple(_CLASSES)


def classifier_class(name: str) -> type[Classifier]:
    """Return a classifier's class by its registered name.

    Parameters
    ----------
    name : str
        One of `CLASSIFIER_NAMES`.

    Raises
    ------
    ConfigError
        When there is none of that name.

    Examples
    --------
    >>> classifier_class("dummy").__name__
    'Dummy'
    """
    if name not in _CLASSES:
        raise ConfigError(f"unknown classifier {name!r}{did_you_mean(name, _CLASSES)}")
    module, _, attribute = _CLASSES[name].partition(":")
    found: type[Classifier] = getattr(import_module(module), attribute)
    return found


__all__ = ["CLASSIFIER_NAMES", "Classifier", "classifier_class"]
