"""How a list's query declares `<field>.empty=true|false`."""

from collections.abc import Callable, Collection
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, create_model

from crm_shared.listing.emptiness import SUFFIX, read_emptiness

QueryT = TypeVar("QueryT", bound=BaseModel)

IsEmpty = Annotated[
    bool | None,
    BeforeValidator(read_emptiness, json_schema_input_type=bool),
    Field(description="true: records without a value, false: those with one"),
]


def asking_emptiness(
    *, but: Collection[str] = (), also: Collection[str] = ()
) -> Callable[[type[QueryT]], type[QueryT]]:
    """Return what gives a list's query `<field>.empty` for each field of its own, behind them.

    `but` are fields of which it can't be asked, `also` are asked without being fields. In the query `<field>_empty`.
    """

    def declare(query: type[QueryT]) -> type[QueryT]:
        names = [*(name for name in query.__annotations__ if name not in but), *also]
        asked: dict[str, Any] = {f"{name}_empty": (IsEmpty, Field(default=None, alias=name + SUFFIX)) for name in names}
        return create_model(query.__name__, __base__=query, __module__=query.__module__, __doc__=query.__doc__, **asked)

    return declare
