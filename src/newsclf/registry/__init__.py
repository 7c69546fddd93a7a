"""The registry: bundles by name, their stages, and what has to hold before one is promoted."""

from newsclf.registry.find import (
    find_bundle,
    find_version,
    list_bundles,
    next_version,
    refuse_promoted,
)
from newsclf.registry.state import Registry, RegistryError, Stage, read_registry

__all__ = [
    "Registry",
    "RegistryError",
    "Stage",
    "find_bundle",
    "find_version",
    "list_bundles",
    "next_version",
    "read_registry",
    "refuse_promoted",
]
