"""Whatever bytes come, decode answers with an Event or BadRecord."""

import contextlib
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from crm_shared.contracts import EVENT_TYPES, BadRecord, Event, decode
from crm_shared.contracts.examples import build_example
from crm_shared.contracts.states import STATE_MODELS

NAMES = tuple(build_example("crm.deal.won")["headers"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def use(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> None:
    with contextlib.suppress(BadRecord):
        event = decode(key, value, headers)
        assert isinstance(event, Event)
        event.read(STATE_MODELS[event.aggregate])
        event.read_history()


@settings(deadline=None)  # the machine may be busy; time is not what is tested
@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(st.tuples(st.sampled_from(NAMES) | st.text(), st.binary()), max_size=14),
)
def test_random_records(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    use(key, value, headers)


@settings(deadline=None)  # the machine may be busy; time is not what is tested
@given(data=st.data(), event_type=st.sampled_from(EVENT_TYPES))
def test_a_good_record_with_one_header_spoilt(data: st.DataObject, event_type: str) -> None:
    example = build_example(event_type)
    headers = {name: text.encode() for name, text in example["headers"].items()}
    spoilt = data.draw(st.sampled_from(NAMES))
    headers[spoilt] = data.draw(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
    use(example["key"].encode(), to_json(example["value"]), list(headers.items()))


@settings(deadline=None)  # the machine may be busy; time is not what is tested
@given(data=st.data(), event_type=st.sampled_from(EVENT_TYPES))
def test_a_good_record_with_one_field_spoilt(data: st.DataObject, event_type: str) -> None:
    example = build_example(event_type)
    value = example["value"]
    part = data.draw(st.sampled_from([value, value[event_type.split(".")[1]]]))
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(json_values)
    headers = [(name, text.encode()) for name, text in example["headers"].items()]
    use(example["key"].encode(), to_json(value, inf_nan_mode="constants"), headers)
