"""A webhook's address: read once, refused with a reason or brought to the one form that is kept and sent to."""

import ipaddress
import re
import unicodedata
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import idna

MAX_URL_LENGTH = 2048
MAX_NAME_LENGTH = 253
DEFAULT_PORTS = {"https": 443, "http": 80}

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LIKE_AN_ADDRESS = re.compile(r"[0-9]+|0x[0-9a-f]*")
# What RFC 3986 lets stand in a path or a query as it is; % too, as what is escaped already stays so.
_STAYS = "%/?:@!$&'()*+,;=-._~[]|^`{}"


def to_url(text: str) -> str:
    """Return the URL in ASCII: the name as DNS has it (IDNA), other signs escaped. Raises ValueError, saying why not.

    Reading what this gave gives the same again.
    """
    if any(unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"} for sign in text) or "\\" in text:
        raise ValueError("holds a space, a control sign or a backslash")
    parts = _split(text)
    if "@" in parts.netloc:
        raise ValueError("holds a user name: the signature is what proves the sender")
    if parts.fragment:
        raise ValueError("holds a fragment, which is never sent")
    port = "" if parts.port is None else f":{parts.port}"
    netloc = _to_host(parts.hostname or "") + port
    url = urlunsplit((parts.scheme, netloc, quote(parts.path, safe=_STAYS), quote(parts.query, safe=_STAYS), ""))
    if len(url) > MAX_URL_LENGTH:
        raise ValueError(f"should have at most {MAX_URL_LENGTH} characters, in ASCII")
    return url


def port_of(parts: SplitResult) -> int:
    """Return the port that a URL of ours leads to, named or not."""
    return parts.port or DEFAULT_PORTS[parts.scheme]


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        has_port = parts.port != 0  # reading the port checks it
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("is not an http or https URL")
    if not has_port:
        raise ValueError("is not a URL: port 0 is none")
    return parts


def _to_host(host: str) -> str:
    """Bring a name or a literal address to its form in DNS. Raises ValueError for what no resolver may be asked."""
    if ":" in host:
        return f"[{ipaddress.IPv6Address(_without_zone(host))}]"
    name = host.rstrip(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except UnicodeError:  # IDNAError among them
            raise ValueError("has a host that is no name in DNS") from None
    labels = name.split(".")
    if len(name) > MAX_NAME_LENGTH or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("has a host that is no name in DNS, which has parts of 1 to 63 signs and 253 in all")
    if _LIKE_AN_ADDRESS.fullmatch(labels[-1]):  # 2130706433, 0x7f.1 and 127.1 are ways to write 127.0.0.1
        return str(_to_ipv4(name))
    return name


def _to_ipv4(text: str) -> ipaddress.IPv4Address:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError("has a host that is neither a name nor an address in four parts, such as 192.0.2.1") from None


def _without_zone(host: str) -> str:
    if "%" in host:
        raise ValueError("has a host with a zone, which only means something on one machine")
    return host
