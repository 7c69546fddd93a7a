"""Connections to the public network only: no address that a page or a redirect names is trusted."""

from __future__ import annotations

import ipaddress
import socket

import httpx

from newsclf.errors import InputError

_NOT_PUBLIC = tuple(
    ipaddress.ip_network(block) for block in ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10")
)
"""Protocol assignments, 6to4 relays and IPv6 site-local addresses, which not every release of
Python's ``ipaddress`` takes for private."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_ADDRESSES_TRIED = 4


class GuardedTransport(httpx.BaseTransport):
    """An httpx transport that refuses addresses which are not public.

    A name is resolved once, every address that it resolves to is checked, and the connection goes
    to a checked address; so there is no gap between check and connection in which a name could
    come to mean another address (DNS rebinding). It is asked at every request, so at every
    redirect. ``Host`` and the name that TLS verifies stay the ones of the URL.

    Parameters
    ----------
    allow_private : bool
        Connect to loopback, private and reserved addresses too.

    References
    ----------
    OWASP, Server-Side Request Forgery Prevention Cheat Sheet.
    """

    def __init__(self, *, allow_private: bool = False) -> None:
        self._allow_private = allow_private
        self._tls = httpx.create_ssl_context(trust_env=False)
        self._host = ""
        self._pool = self._new_pool()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Check the request's address, and send it there."""
        check_url(request.url)
        addresses = _resolve(request.url)
        for address in addresses:
            if not (self._allow_private or is_public(address)):
                raise InputError(
                    f"{request.url} is at {address}, which is not a public address; "
                    "use --allow-private if that is meant"
                )
        pool = self._pool_of(request.url.host)
        *first, last = addresses[:_ADDRESSES_TRIED]
        for address in first:
            try:
                return pool.handle_request(_towards(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return pool.handle_request(_towards(request, last))

    def close(self) -> None:
        """Close the open connections."""
        self._pool.close()

    def _pool_of(self, host: str) -> httpx.HTTPTransport:
        # A pool knows connections by address; one name at a time keeps a connection that TLS
        # verified for one name from serving another at the same address.
        if host != self._host:
            self._pool.close()
            self._host, self._pool = host, self._new_pool()
        return self._pool

    def _new_pool(self) -> httpx.HTTPTransport:
        return httpx.HTTPTransport(verify=self._tls, trust_env=False)


def check_url(url: httpx.URL) -> None:
    """Refuse a URL that is not plain http or https.

    Parameters
    ----------
    url : httpx.URL
        What is about to be requested.

    Raises
    ------
    InputError
        When the scheme is another one, there is no host, or there are credentials.
    """
    if url.scheme not in ("http", "https") or not url.host:
        raise InputError(f"{url} is not an address of the web; give one with http:// or https://")
    if url.userinfo:
        bare = url.copy_with(username=None, password=None)
        raise InputError(f"{bare} was given with a user name or a password; leave them out")


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the public network.

    Parameters
    ----------
    address : str
        IPv4 or IPv6. One that carries an IPv4 address (mapped, 6to4, Teredo, NAT64) is judged by
        that one.

    Examples
    --------
    >>> is_public("8.8.8.8"), is_public("192.168.0.1"), is_public("::ffff:127.0.0.1")
    (True, False, False)
    """
    ip = ipaddress.ip_address(address)
    judged = _embedded(ip) or ip
    special = judged.is_multicast or judged.is_reserved or any(judged in net for net in _NOT_PUBLIC)
    return judged.is_global and not special


def _embedded(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | None:
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)


def _resolve(url: httpx.URL) -> list[str]:
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx.ConnectError(f"the name {url.host} cannot be resolved: {error}") from None
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    if not addresses:
        raise httpx.ConnectError(f"the name {url.host} has no address")
    return addresses


def _towards(request: httpx.Request, address: str) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )
