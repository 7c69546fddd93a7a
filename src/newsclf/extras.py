"""Optional parts: what they need, and how to install it."""

from __future__ import annotations

from importlib.util import find_spec

from newsclf.errors import ConfigError

EXTRAS = {
    "check": ("cleanlab", "ftfy", "jinja2", "matplotlib", "nupunkt", "py3langid", "rensa"),
    "fetch": ("feedparser", "httpx", "selectolax", "trafilatura"),
    "mlflow": ("mlflow",),
    "ray": ("ray",),
    "tune": ("optuna",),
}
"""Packages by the name of the extra that installs them."""


def require(extra: str) -> None:
    """Refuse to go on without an extra's packages.

    Parameters
    ----------
    extra : str
        A key of `EXTRAS`.

    Raises
    ------
    ConfigError
        When a package is not installed; the message has the command that installs it.
    """
    missing = [package for package in EXTRAS[extra] if find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"this needs {', '.join(missing)}; install with: pip install 'newsclf[{extra}]'"
        )
