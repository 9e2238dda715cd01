"""What a command may refuse, each with the status and slug that the HTTP answer carries (api.md, RFC 9457).

Refusal
├── NotFound            404  absent, or out of the caller's sight: the two look alike on purpose
├── Forbidden           403  the role may never do this
├── Unauthenticated     401
├── InvalidField        422  one or more fields, each named by a JSON pointer
│   └── UnknownReference 422
├── Conflict            409
│   └── ValueTaken       409
├── StaleVersion        412
└── Unavailable         503  a store or another service is away; the caller should come again
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

MAX_FIELD_PROBLEMS: Final = 100
"""Told in one refusal: a body may have thousands of unknown fields, and nobody reads as many lines."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One wrong field: `pointer` is a JSON pointer into the body (`/email`), or `?name` for a query parameter."""

    pointer: str
    detail: str


def escape(name: str) -> str:
    """Write a name as one step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


class Refusal(Exception):
    """Raised by domain rules, commands and queries; becomes one problem+json answer. Nothing was written."""

    status: ClassVar[int] = 400
    slug: ClassVar[str] = "bad-request"
    title: ClassVar[str] = "The request can't be carried out"
    retry_after_s: int | None = None

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldProblem] = (),
        extensions: Mapping[str, Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors[:MAX_FIELD_PROBLEMS])
        self.extensions = dict(extensions or {})
        if retry_after_s is not None:
            self.retry_after_s = retry_after_s


RefusalT = TypeVar("RefusalT", bound=Refusal)


def untraced(refusal: RefusalT) -> RefusalT:
    """Return a caught refusal that is kept, without where it was raised.

    That leads to the frame which keeps it, whose other locals, such as all items of a batch, would be a circle with it:
    not let go of before the next full collection of garbage.
    """
    return refusal.with_traceback(None)


class NotFound(Refusal):
    status, slug, title = 404, "not-found", "Not found"


class Forbidden(Refusal):
    status, slug, title = 403, "forbidden", "Your role does not allow this"


class Unauthenticated(Refusal):
    status, slug, title = 401, "unauthenticated", "A valid token is needed"


class MalformedRequest(Refusal):
    status, slug, title = 400, "malformed-request", "The request can't be read"


class TooLarge(Refusal):
    status, slug, title = 413, "body-too-large", "The body is too large"


class UnsupportedType(Refusal):
    status, slug, title = 415, "unsupported-media-type", "This content type is not taken"


class InvalidField(Refusal):
    """422 that names its fields. `InvalidField.at("/email", "is no address")` for the common case of one."""

    status, slug, title = 422, "invalid-field", "Some fields are not valid"

    @classmethod
    def at(cls, pointer: str, detail: str) -> "InvalidField":
        return cls(f"{pointer}: {detail}", errors=[FieldProblem(pointer, detail)])


class UnknownReference(InvalidField):
    """A reference to a record that does not exist or that the caller can't see."""

    slug, title = "unknown-reference", "A referenced record does not exist"


class Conflict(Refusal):
    status, slug, title = 409, "conflict", "The request conflicts with what is there"


class ValueTaken(Conflict):
    """Another living record has a value that one at most may have.

    `existing_id` names it in the problem, for who sees that record; None where the caller doesn't.
    """

    value: ClassVar[str] = "value"

    def __init__(self, existing_id: UUID | None) -> None:
        if existing_id is None:
            super().__init__(f"A colleague's record, which you don't see, has this {self.value}. Ask an ADMIN.")
        else:
            super().__init__(f"Another record has this {self.value}.", extensions={"existing_id": existing_id})


class StaleVersion(Refusal):
    """If-Match named another version than the present one."""

    status, slug, title = 412, "stale-version", "The record was changed meanwhile"

    @classmethod
    def between(cls, expected: Sequence[int], present: int) -> "StaleVersion":
        wanted = ", ".join(str(version) for version in expected)
        return cls(f"The record is at version {present}, not {wanted}.", extensions={"current_version": present})


class RateLimited(Refusal):
    status, slug, title = 429, "rate-limited", "Too many requests"


class Unavailable(Refusal):
    status, slug, title = 503, "unavailable", "A part of the system is away"
    retry_after_s = 2


def require_version(present: int, expected: Sequence[int] | None) -> None:
    """Hold `present` against an If-Match. None expects nothing. Raises StaleVersion."""
    if expected is not None and present not in expected:
        raise StaleVersion.between(expected, present)
