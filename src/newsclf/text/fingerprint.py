"""Whether two texts read the same."""

from __future__ import annotations

import hashlib
import unicodedata


def fingerprint(text: str) -> bytes:
    r"""Return 16 bytes that are equal for texts that differ in case, white space or Unicode form.

    Examples
    --------
    >>> fingerprint("Police  numbers\nRISE") == fingerprint("police numbers rise")
    True
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16).digest()
