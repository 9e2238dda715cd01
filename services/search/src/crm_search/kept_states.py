"""The fields of a state as `search_records` keeps it. Pure.

Rows that were kept before a field was there lack it: they are read as an event of that time would be now.
"""

from collections.abc import Mapping
from typing import Any, Final

from crm_shared.contracts.states import STATE_MODELS

_DEFAULTS: Final = {
    aggregate: {
        name: field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
        if not field.is_required()
    }
    for aggregate, model in STATE_MODELS.items()
}


def read_field(aggregate: str, state: Mapping[str, Any], name: str) -> Any:
    """Return a field of the state, or what it is where nothing was said of it."""
    return state[name] if name in state else _DEFAULTS[aggregate].get(name)
