"""How a list's query declares `<field>=value` of a field that is asked for as it is."""

from typing import Annotated, TypeVar

from crm_shared.listing.equality import Exactly

Value = TypeVar("Value")

Equal = Annotated[Value | None, Exactly()]
"""A list's field `<name>: Equal[...] = None`: the records whose column of that name has the value."""
