"""ETag, If-Match and If-None-Match: a record's version is its strong entity tag."""

import re

from crm_shared.refusals import MalformedRequest

_TAG = re.compile(r'(?:W/)?"(\d{1,18})"', re.ASCII)


def parse_if_match(header: str | None) -> tuple[int, ...] | None:
    """Return the versions of an If-Match, None where any will do (absent or `*`).

    `W/"3"` is version 3 too: a proxy that compresses an answer weakens its tag, and a version is exact all the same.
    Raises MalformedRequest for what is no list of quoted versions.
    """
    if header is None or header.strip() == "*":
        return None
    tags = [_TAG.fullmatch(part.strip()) for part in header.split(",")]
    if not all(tags):
        raise MalformedRequest('If-Match takes the ETag of a record, such as "7", or *.')
    return tuple(int(tag.group(1)) for tag in tags if tag)


def has_none_match(header: str | None, etag: str) -> bool:
    """Return whether an If-None-Match names the present `etag`, so that the answer is 304 (RFC 9110, 13.1.2).

    Weak comparison, as the RFC wants. What is no tag matches nothing: such a header asks for the whole answer.
    """
    if header is None:
        return False
    return header.strip() == "*" or any(part.strip().removeprefix("W/") == etag for part in header.split(","))
