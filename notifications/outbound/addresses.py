"""Which addresses we call, and which could be turned against our own network (OWASP: server-side request forgery).

What a name resolves to is looked at when it is called, and the very address that was looked at is connected to: a name
that changes between the look and the connection changes nothing. Only addresses of the public internet pass. In
development `OUTBOUND_ALLOW_PRIVATE` opens everything, plain HTTP and all ports included.
"""

import ipaddress
import re
import socket
from typing import Any

import httpx2
from django.conf import settings
from django.utils.translation import gettext as _

from loyalty_site.refusals import Refusal

MAX_LENGTH = 2000

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Networks that carry an IPv4 address inside: a gateway would take the call to that one (RFC 6052, 8215, 3056, 4380).
_CARRIERS = [
    ipaddress.ip_network(network)
    for network in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
]
_UNICAST = ipaddress.ip_network("2000::/3")
# Services of cloud providers that answer every machine of theirs, on addresses that look public.
_METADATA = {ipaddress.ip_address(address) for address in ("168.63.129.16", "192.0.0.192", "100.100.100.200")}
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f\\]")


class TargetRefused(Refusal):
    """An address that is never called."""

    code = "target_refused"
    status = 422
    sentence = "This address cannot be called."


def is_public(address: Address) -> bool:
    """Whether the address is one of the public internet, and nothing that leads back inside."""
    if address in _METADATA:
        return False
    # Of IPv6 only this part has been given out (RFC 4291, 2.4): all else is local, reserved or a way to somewhere.
    if address.version == 6 and (address not in _UNICAST or any(address in network for network in _CARRIERS)):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    )


def checked(url: str) -> httpx2.URL:
    """The address, if it is one to be called as far as can be told without asking anybody. Raises `TargetRefused`.

    What its name resolves to is looked at when it is called.
    """
    if not url or len(url) > MAX_LENGTH or _UNPRINTABLE.search(url):
        raise TargetRefused(_("This is not an address of the web."))
    try:
        parsed = httpx2.URL(url)
        host, port = parsed.raw_host.decode("ascii"), parsed.port
    except (httpx2.InvalidURL, UnicodeError, ValueError) as error:
        raise TargetRefused(_("This is not an address of the web.")) from error
    if parsed.scheme not in ("https", "http") or not host:
        raise TargetRefused(_("The address begins with https://."))
    if parsed.userinfo:
        raise TargetRefused(_("The address must not hold a name or a password."))
    if parsed.fragment:
        raise TargetRefused(_("The address must not hold a fragment (#)."))
    if settings.OUTBOUND_ALLOW_PRIVATE:
        return parsed
    if parsed.scheme != "https":
        raise TargetRefused(_("The address begins with https://."))
    if (443 if port is None else port) not in settings.OUTBOUND_PORTS:
        allowed = ", ".join(str(each) for each in settings.OUTBOUND_PORTS)
        raise TargetRefused(_("Ports that are called: %(ports)s.") % {"ports": allowed})
    if (literal := _literal(host)) is not None and not is_public(literal):
        raise TargetRefused(_("This address is not one of the public internet."))
    return parsed


def resolved(host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
    """The socket addresses of the name, to be connected to as they are.

    One that is not public refuses them all: an honest name has none. Raises `TargetRefused`, and OSError where the
    name is not known.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError as error:
        raise TargetRefused(_("This is not an address of the web.")) from error
    addresses: list[tuple[socket.AddressFamily, Any]] = [(each[0], each[4]) for each in found]
    if not settings.OUTBOUND_ALLOW_PRIVATE:
        for _family, where in addresses:
            # A link-local address may carry a zone (fe80::1%eth0).
            if not is_public(ipaddress.ip_address(str(where[0]).partition("%")[0])):
                raise TargetRefused(_("This name leads to an address that is not one of the public internet."))
    return addresses


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
