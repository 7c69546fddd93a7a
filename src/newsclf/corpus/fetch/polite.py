"""A client of the web that asks slowly, waits when told to, and reads no more than it should."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

import orjson

import newsclf
from newsclf.errors import InputError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Params = Sequence[tuple[str, str]]

_PASSING = frozenset({429, 500, 502, 503, 504})
_MESSAGE_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast, how long and how much.

    Parameters
    ----------
    rate : float
        Requests a second, at most; GOV.UK allows ten.
    timeout : float
        Seconds to wait for a connection, and for each next part of an answer.
    deadline : float
        Seconds for a whole answer.
    attempts : int
        Tries for one address.
    redirects : int
        Redirects that are followed.
    max_bytes : int
        Longest answer, after decompression.
    backoff : float
        Seconds of the first back-off; it doubles with every attempt.
    longest_wait : float
        Seconds between two attempts, at most, whatever the server asks for.
    """

    rate: float = 10.0
    timeout: float = 20.0
    deadline: float = 120.0
    attempts: int = 5
    redirects: int = 5
    max_bytes: int = 16 * 1024 * 1024
    backoff: float = 1.0
    longest_wait: float = 120.0


POLITE = Limits()
"""What a client keeps to unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sent.

    Parameters
    ----------
    url : str
        Where it came from, after redirects.
    content_type : str
        Of the body, as the server has it; empty where it said nothing.
    body : bytes
        Decompressed.
    """

    url: str
    content_type: str
    body: bytes


class FetchError(InputError):
    """An address that could not be read.

    Parameters
    ----------
    message : str
        What was wrong, in the server's words where it gave some.
    url : str
        The address.
    status : int, optional
        The HTTP status, where there was an answer.
    """

    def __init__(self, message: str, *, url: str, status: int | None = None) -> None:
        super().__init__(message, path=url)
        self.url = url
        self.status = status


class PoliteClient:
    """A context manager that fetches addresses one after the other.

    Passing failures (429, 500, 502, 503, 504, timeouts, answers cut short) are tried again with
    exponential back-off and full jitter; ``Retry-After`` is honoured. Environment variables, such
    as those for proxies, are not read.

    Parameters
    ----------
    allow_private : bool
        Connect to addresses of private networks too.
    contact : str, optional
        An address or URL for the server's operators, in the ``User-Agent``.
    limits : Limits
        How fast, how long and how much.
    clock, sleep : callable
        Monotonic seconds, and waiting for some.
    seed : int
        Of the jitter.

    References
    ----------
    M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        contact: str | None = None,
        limits: Limits = POLITE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        seed: int = 0,
    ) -> None:
        import httpx

        from newsclf.corpus.fetch.guard import GuardedTransport

        agent = f"newsclf/{newsclf.__version__}" + (f" ({contact})" if contact else "")
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._random = random.Random(seed)
        self._next_request = clock()
        self._client = httpx.Client(
            transport=GuardedTransport(allow_private=allow_private),
            headers={"User-Agent": agent, "Accept-Encoding": "gzip"},
            timeout=limits.timeout,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def get(self, url: str, params: Params = ()) -> Answer:
        """Fetch an address.

        Parameters
        ----------
        url : str
            With http or https.
        params : sequence of (str, str)
            Of the query string; a name may occur more than once.

        Raises
        ------
        FetchError
            When the server refuses, or goes on failing.
        InputError
            When the address, or one that it redirects to, may not be asked.
        """
        return self._persist(url, params, lambda answer: answer)

    def get_json(self, url: str, params: Params = ()) -> Any:
        """Fetch an address whose answer is JSON; an answer that is not is asked for again.

        Parameters
        ----------
        url, params
            As for `get`.

        Raises
        ------
        FetchError, InputError
            As for `get`.
        """
        return self._persist(url, params, _parsed)

    def _persist(self, url: str, params: Params, read: Callable[[Answer], T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                return read(self._fetch(url, params))
            except _PassingError as problem:
                if attempt >= self._limits.attempts:
                    message = f"{problem}; gave up after {attempt} attempts"
                    raise FetchError(message, url=url, status=problem.status) from None
                self._sleep(self._wait(attempt, problem.retry_after))

    def _wait(self, attempt: int, retry_after: float | None) -> float:
        backoff = self._random.uniform(0, self._limits.backoff * 2 ** (attempt - 1))
        return min(max(backoff, retry_after or 0), self._limits.longest_wait)

    def _fetch(self, url: str, params: Params) -> Answer:
        import httpx

        try:
            request = self._client.build_request("GET", url, params=list(params) or None)
        except httpx.InvalidURL as error:
            raise FetchError(f"not a valid address: {error}", url=url) from None
        try:
            return self._follow(request)
        except httpx.TransportError as error:
            raise _PassingError(str(error) or type(error).__name__) from None

    def _follow(self, request: httpx.Request) -> Answer:
        for _ in range(self._limits.redirects + 1):
            self._keep_pace()
            response = self._client.send(request, stream=True)
            try:
                if response.next_request is None:
                    return self._read(response)
                request = response.next_request
            finally:
                response.close()
        message = f"redirected here after {self._limits.redirects} redirects already"
        raise FetchError(message, url=str(request.url))

    def _keep_pace(self) -> None:
        now = self._clock()
        if now < self._next_request:
            self._sleep(self._next_request - now)
        self._next_request = max(now, self._next_request) + 1 / self._limits.rate

    def _read(self, response: httpx.Response) -> Answer:
        url, status = str(response.url), response.status_code
        body = self._body(response)
        if status in _PASSING:
            raise _PassingError(f"status {status}", status, _retry_after(response))
        content_type = response.headers.get("content-type", "")
        if status != 200:
            said = _message_in(body, content_type)
            raise FetchError(f"status {status}{said}", url=url, status=status)
        return Answer(url, content_type, body)

    def _body(self, response: httpx.Response) -> bytes:
        limit, url = self._limits.max_bytes, str(response.url)
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip"):
            raise FetchError(f"compressed as {encoding!r}; gzip was asked for", url=url)
        unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        until = self._clock() + self._limits.deadline
        body = bytearray()
        try:
            for part in response.iter_raw():
                body += unpack.decompress(part, limit + 1 - len(body)) if unpack else part
                if len(body) > limit:
                    raise FetchError(f"the answer has more than {limit:,} bytes", url=url)
                if self._clock() > until:
                    raise _PassingError("the answer took too long")
        except zlib.error as error:
            raise _PassingError(f"the answer is damaged: {error}") from None
        if unpack and not unpack.eof:
            raise _PassingError("the answer was cut short")
        return bytes(body)


class _PassingError(Exception):
    def __init__(
        self, reason: str, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after = retry_after


def _parsed(answer: Answer) -> Any:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise _PassingError(f"the answer is not JSON: {error}") from None


def _retry_after(response: httpx.Response) -> float | None:
    """Read seconds, or a date, as RFC 9110 has them."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return (date - datetime.now(UTC)).total_seconds()


def _message_in(body: bytes, content_type: str) -> str:
    said: object = None
    if "json" in content_type:
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            return ""
        if isinstance(document, dict):
            said = document.get("message") or document.get("error")
    elif content_type.startswith("text/plain"):
        said = body[: 4 * _MESSAGE_CHARACTERS].decode("utf-8", "replace")
    text = " ".join(said.split())[:_MESSAGE_CHARACTERS] if isinstance(said, str) else ""
    return f": {text}" if text else ""
