"""ETag and If-Match: a record's version is its strong entity tag."""

import re

from crm_shared.refusals import MalformedRequest

_TAG = re.compile(r'"(\d{1,18})"')


def parse_if_match(header: str | None) -> tuple[int, ...] | None:
    """Give the versions of an If-Match, None where any will do (absent or `*`).

    Raises MalformedRequest for what is no list of quoted versions: a weak or foreign tag can never match.
    """
    if header is None or header.strip() == "*":
        return None
    tags = [_TAG.fullmatch(part.strip()) for part in header.split(",")]
    if not all(tags):
        raise MalformedRequest('If-Match takes the ETag of a record, such as "7", or *.')
    return tuple(int(tag.group(1)) for tag in tags if tag)
