"""HTTP of batches, the same for every collection: the request, its items one by one, and the 207 that answers."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from crm_shared.event_loop_turns import in_turns
from crm_shared.features.batches import BatchItem, Outcome, Target
from crm_shared.features.batches.plan import NewT
from crm_shared.features.batches.writing import PAUSE_EVERY
from crm_shared.http import positions
from crm_shared.http.answering import Handler
from crm_shared.http.batch_pace import BatchTurn
from crm_shared.http.bodies import beside_the_loop, may_hold_unstorable, require_storable
from crm_shared.http.context import RequestContext
from crm_shared.http.ids import NO_ID, parse_id
from crm_shared.http.long_answers import JSON
from crm_shared.http.models import RequestBody
from crm_shared.http.problems import Problem, refusal_of_validation, to_problem
from crm_shared.http.route import CrmRoute
from crm_shared.json_pieces import write_json
from crm_shared.outbox.partitioning import hash_key
from crm_shared.read_only_fields import list_read_only
from crm_shared.refusals import InvalidField, Refusal, untraced
from crm_shared.settings import ServiceSettings

MAX_ITEMS = 1000
MAX_PIECE_VALUES = 1000
"""Read before others have their turn: names that are not known cost as much as values, and so do a list's items."""
CHARS_A_VALUE = 100
"""Of a text, which cost as much to look at as a short value."""
ItemT = TypeVar("ItemT")
Mode = Literal["create", "upsert", "update"]
_ITEMS_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_ITEMS,
    "items": {},
    "description": "each as the body of a single POST, or of PATCH with the record's `id` or its `id_property` (and in "
    "mode update, as PATCH takes them, read-only fields that are what the record has); "
    "anything else is that item's 422",
}


class BatchRoute(CrmRoute):
    """Takes bodies of a batch's size: `APIRouter(route_class=BatchRoute)`."""

    items_field = "items"

    @staticmethod
    def body_limit(settings: ServiceSettings) -> int:
        return settings.max_batch_body_bytes

    def bind_endpoint(self) -> Handler:
        """Return what calls the endpoint within a turn, which `read_items` takes once it knows how many there are."""
        endpoint = super().bind_endpoint()

        async def call_in_turn(request: Request) -> Response:
            context: RequestContext = request.state.context
            with context.process.batch_pace.turn() as request.state.batch_turn:
                return await endpoint(request)

        return call_in_turn


class BatchRequest(RequestBody):
    """`id_property`: what items of an upsert or update are found by, such as `email`."""

    mode: Mode
    id_property: Annotated[str, Field(max_length=100)] | None = None
    # Any: what one item is must not decide over the others.
    items: Annotated[list[Any], Field(min_length=1, max_length=MAX_ITEMS), WithJsonSchema(_ITEMS_SCHEMA)]

    def choose_property(self, allowed: Sequence[str]) -> str:
        """Return what items are found by: the first of `allowed` for an upsert, else `id`, where none is named.

        Raises InvalidField for one that is not allowed here.
        """
        if self.id_property is None:
            return allowed[0] if self.mode == "upsert" else "id"
        if self.mode == "create":
            raise InvalidField.at("/id_property", "belongs to the modes upsert and update")
        choices = allowed if self.mode == "upsert" else ("id", *allowed)
        if self.id_property not in choices:
            raise InvalidField.at("/id_property", f"takes one of {', '.join(choices)}")
        return self.id_property


class BatchAnswerItem(BaseModel):
    """`status` is what the single call would have answered. `id` of what was written, or else `problem`."""

    model_config = ConfigDict(json_schema_extra={"required": ["index", "status"]})

    index: int
    status: int
    id: UUID = Field(default=UUID(int=0))
    problem: Problem | None = Field(default=None)


class BatchAnswer(BaseModel):
    items: list[BatchAnswerItem]


class ItemReader:
    """Reads the items of one request; what is wrong with one is its refusal, and stays with it."""

    def __init__(
        self,
        request: BatchRequest,
        *,
        id_properties: Sequence[str],
        shown: type[BaseModel],
        changed: type[BaseModel],
    ) -> None:
        """`id_properties`: the unique fields that items may be found by, the usual one first.

        `shown`: what GET answers of a record. What `changed`, the change of one, does not take of it is read-only: an
        item of an update may bring it as long as it is what the record has.
        """
        self._request = request
        self._read_only = list_read_only(shown, changed)
        self._property = request.choose_property(id_properties)

    async def read(
        self,
        context: RequestContext,
        create: Callable[[object], NewT],
        edit: Callable[[object], Mapping[str, Any]],
    ) -> tuple[list[BatchItem[NewT]], dict[int, Refusal]]:
        """Return the well-formed items, and the refusals of the others by index.

        `create` and `edit` read an item without its `id`: into what creates a record, and into the fields named.
        Both may raise pydantic's ValidationError or a Refusal. Raises TooManyBatchItems as `read_items` does.
        """
        items = self._request.items
        return await read_items(context, items, lambda index, raw: self._read_one(index, raw, create, edit))

    def _read_one(
        self, index: int, raw: object, create: Callable[[object], NewT], edit: Callable[[object], Mapping[str, Any]]
    ) -> BatchItem[NewT]:
        if self._request.mode == "create":
            return BatchItem(index, new=create(raw))
        if not isinstance(raw, dict):
            raise InvalidField.at("", "is not an object")
        rest, record_id, held = raw, None, {}
        if self._request.mode == "update":
            record_id = _read_id(raw)
            rest = {name: value for name, value in raw.items() if name != "id" and name not in self._read_only}
            held = {name: value for name, value in raw.items() if name != "id" and name in self._read_only}
        changes = dict(edit(rest))
        if record_id is not None:
            return BatchItem(index, Target("id", record_id), changes, unchanged=held)
        value = changes.pop(self._property, None)
        if value is None:
            raise InvalidField.at(f"/{self._property}", "is required: the record is found by it")
        target = Target(self._property, value)
        if self._request.mode == "update":
            return BatchItem(index, target, changes, unchanged=held)
        try:
            return BatchItem(index, target, changes, new=create(raw))
        except (ValidationError, Refusal) as error:
            return BatchItem(index, target, changes, new=_to_refusal(error))


async def read_items(
    context: RequestContext, items: Sequence[object], read: Callable[[int, object], ItemT]
) -> tuple[list[ItemT], dict[int, Refusal]]:
    """Return what `read` makes of each item and its index, and the refusals of the others by index.

    `read` may raise pydantic's ValidationError or a Refusal. Raises TooManyBatchItems once the caller's tenant has
    had its share of the window, or readers stay too far behind for more of it.
    """
    turn: BatchTurn = context.request.state.batch_turn
    await turn.take(context.caller.tenant_id, len(items))
    found: list[ItemT] = []
    refused: dict[int, Refusal] = {}
    is_suspect = may_hold_unstorable(context.request)
    numbered = in_turns(enumerate(items), at_once=PAUSE_EVERY, weigh=count_values, at_most=MAX_PIECE_VALUES)
    async for index, raw in numbered:
        try:
            if is_suspect:
                await beside_the_loop(require_storable, raw)
            found.append(read(index, raw))
        except (ValidationError, Refusal) as error:
            refused[index] = _to_refusal(error)
    return found, refused


def count_values(item: tuple[int, object]) -> int:
    """Return how much there is to look at: an item's names, and what stands in them.

    Of one that is more than a piece it tells no more than that: to count its millions of values would hold the loop.
    """
    counted, held = 0, [item[1]]
    while held and counted <= MAX_PIECE_VALUES:
        value = held.pop()
        counted += 1
        if isinstance(value, str):
            counted += len(value) // CHARS_A_VALUE
        elif isinstance(value, dict | list):
            held += islice(value.values() if isinstance(value, dict) else value, MAX_PIECE_VALUES)
    return counted


def _read_id(raw: Mapping[str, Any]) -> UUID | None:
    if "id" not in raw:
        return None
    try:
        return parse_id(raw["id"])
    except (ValueError, TypeError):
        raise InvalidField.at("/id", NO_ID) from None


def _to_refusal(error: ValidationError | Refusal) -> Refusal:
    if isinstance(error, Refusal):
        return untraced(error)
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return refusal_of_validation([{**each, "loc": ("body", *each["loc"])} for each in found])


async def reply_batch(context: RequestContext, aggregate: str, outcomes: Mapping[int, Outcome | Refusal]) -> Response:
    """Answer 207 with what became of each item, and a Crm-Position that waits for all that was written."""
    instance = context.request.url.path
    items = [
        {"index": index, "status": outcome.status, "id": outcome.id}
        if isinstance(outcome, Outcome)
        else {"index": index, "status": outcome.status, "problem": to_problem(outcome, instance=instance)}
        async for index, outcome in in_turns(sorted(outcomes.items()), at_once=PAUSE_EVERY)
    ]
    written = [outcome for _, outcome in sorted(outcomes.items()) if isinstance(outcome, Outcome)]
    return await reply_items(context, aggregate, items, written)


async def reply_items(
    context: RequestContext, aggregate: str, items: Sequence[Mapping[str, Any]], written: Sequence[Outcome]
) -> Response:
    """Answer 207 with the items, and a Crm-Position that waits for all that was written, for nothing if nothing was."""
    response = Response(b"".join(await write_json({"items": items})), status_code=207, media_type=JSON)
    if written:
        published = [each for each in written if each.is_published] or written
        last = last_of_each_partition(published, context.process.settings.topic_partitions)
        token = positions.to_token([positions.Position(aggregate, each.id, each.version) for each in last])
        response.headers[positions.HEADER] = token
    return response


def last_of_each_partition(published: Sequence[Outcome], partitions: int) -> list[Outcome]:
    """Leave the record told of last in each partition: who reads in order and has it, has all before it.

    A thousand positions would be a header of 60 kB, which no proxy lets through.
    """
    last: dict[int, Outcome] = {}
    for each in reversed(published):
        last.setdefault(hash_key(str(each.id)) % partitions, each)
        if len(last) == partitions:  # after a few: to hash a thousand ids takes 4 ms
            break
    return list(last.values())
