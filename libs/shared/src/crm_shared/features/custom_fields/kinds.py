"""Which records may have custom fields, and which kinds of field there are."""

from enum import StrEnum


class EntityType(StrEnum):
    CONTACT = "CONTACT"
    COMPANY = "COMPANY"
    DEAL = "DEAL"


class FieldType(StrEnum):
    TEXT = "TEXT"
    NUMBER = "NUMBER"
    DATE = "DATE"
    SELECT = "SELECT"
    MULTI_SELECT = "MULTI_SELECT"

    @property
    def has_options(self) -> bool:
        return self in {FieldType.SELECT, FieldType.MULTI_SELECT}

    @property
    def has_order(self) -> bool:
        """Can records be sorted by it, and an index serve it? A list of options has no place in an order."""
        return self is not FieldType.MULTI_SELECT

    @property
    def has_ranges(self) -> bool:
        return self in {FieldType.NUMBER, FieldType.DATE}


class IndexState(StrEnum):
    """NONE and READY stand; BUILDING and DROPPING wait for the worker, and so does FAILED, which it tries again."""

    NONE = "NONE"
    BUILDING = "BUILDING"
    READY = "READY"
    DROPPING = "DROPPING"
    FAILED = "FAILED"
