"""The parameters that a route takes: any other is refused, as one that is ignored would mislead whoever gave it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args, get_origin

from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo
from starlette.requests import Request

from crm_shared.refusals import FieldProblem, InvalidField
from crm_shared.text import is_storable


def _is_repeatable(annotation: object) -> bool:
    return get_origin(annotation) in {list, set, tuple} or any(
        get_origin(part) in {list, set, tuple} for part in get_args(annotation)
    )


@dataclass(frozen=True, slots=True)
class QueryNames:
    """The parameters that a route takes, and whether each may come more than once.

    Names under `open_prefix` are the tenant's own; the route itself tells which of them there are.
    """

    repeatable: Mapping[str, bool]
    open_prefix: str | None

    def takes(self, name: str) -> bool:
        return name in self.repeatable or (self.open_prefix is not None and name.startswith(self.open_prefix))


def list_query_names(route: APIRoute) -> QueryNames:
    names: dict[str, bool] = {}
    open_prefix: str | None = None
    for parameter in route.dependant.query_params:
        model = parameter.field_info.annotation
        fields: Mapping[str, FieldInfo] | None = getattr(model, "model_fields", None)
        if fields is None:
            names[parameter.alias] = _is_repeatable(model)
        else:
            names |= {f.alias or name: _is_repeatable(f.annotation) for name, f in fields.items()}
            open_prefix = getattr(model, "open_prefix", None)
    return QueryNames(names, open_prefix)


def require_known(request: Request, known: QueryNames) -> None:
    given = request.query_params.multi_items()
    counts = Counter(name for name, _ in given)
    wrong = [FieldProblem(f"?{name}", "is not a known parameter") for name in counts if not known.takes(name)]
    wrong += [
        FieldProblem(f"?{name}", "is given more than once")  # to take the last would ignore the others
        for name, count in counts.items()
        if count > 1 and known.takes(name) and not known.repeatable.get(name, False)
    ]
    wrong += [
        FieldProblem(f"?{name}", "holds a character that can't be stored")
        for name, value in given
        if not is_storable(value)
    ]
    if wrong:
        raise InvalidField("; ".join(f"{field.pointer} {field.detail}" for field in wrong), errors=wrong)
