"""newsclf: topic, framing and stance tags for government news.

>>> import newsclf
>>> newsclf.__version__
'0.1.0'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newsclf.bundle import load as load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """Import `load` on first use, so that ``newsclf --help`` pays for no numerical library."""
    if name == "load":
        from newsclf.bundle import load

        return load
    raise AttributeError(f"module 'newsclf' has no attribute {name!r}")
