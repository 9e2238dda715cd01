"""What a route is handed: who calls, the unit of work, the clock; and how it answers.

Three lifetimes: ProcessContext lives with the process, RequestContext with one request, a transaction with one command.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from crm_shared.access.caller import Caller
from crm_shared.access.directory import Directory
from crm_shared.access.sign_in import SignIn
from crm_shared.clock import Clock
from crm_shared.database import Database, UnitOfWork
from crm_shared.http import positions
from crm_shared.http.batch_pace import BatchPace
from crm_shared.http.cursors import next_cursor
from crm_shared.http.idempotency import IdempotencyKey, ShownOnce
from crm_shared.http.long_answers import JSON, LongAnswer
from crm_shared.http.methods import READS
from crm_shared.http.preconditions import parse_if_match
from crm_shared.http.rate_limit import RateLimits
from crm_shared.json_pieces import PAGE_LEVELS, write_json
from crm_shared.json_text import to_json
from crm_shared.listing import Page, Rows
from crm_shared.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class ProcessContext:
    """Made once at start, in the app's lifespan."""

    settings: ServiceSettings
    database: Database
    directory: Directory
    sign_in: SignIn
    rate_limits: RateLimits
    batch_pace: BatchPace
    clock: Clock


@dataclass(slots=True)
class RequestContext:
    """Made by the route before FastAPI looks at the body, so that a stranger learns nothing of it."""

    process: ProcessContext
    caller: Caller
    request: Request
    idempotency: IdempotencyKey | None = None
    headers: dict[str, str] = field(default_factory=dict)
    compared_version: int | None = None
    """Of the record whose read-only fields the body's were held against: that version alone is to be changed."""

    @property
    def database(self) -> Database:
        """For queries; commands take `unit_of_work`."""
        return self.process.database

    @property
    def clock(self) -> Clock:
        return self.process.clock

    @property
    def unit_of_work(self) -> UnitOfWork:
        return UnitOfWork(self.process.database, held_by=self.idempotency)

    @property
    def if_match(self) -> tuple[int, ...] | None:
        """The versions that the write is meant for, None for any. Raises MalformedRequest."""
        named, compared = self.named_versions, self.compared_version
        return named if compared is None or (named is not None and compared not in named) else (compared,)

    @property
    def named_versions(self) -> tuple[int, ...] | None:
        """The versions that the caller expects, None for any. Raises MalformedRequest."""
        return parse_if_match(self.request.headers.get("if-match"))

    def reply(self, state: Mapping[str, Any], *, status: int = 200) -> Response:
        """Answer with one record: `state` as GET gives it, its version as ETag."""
        headers = {"ETag": f'"{state["version"]}"'}
        if status == HTTPStatus.CREATED:
            headers["Location"] = f"{self.request.scope['path']}/{state['id']}"
        return Response(to_json(state), status_code=status, media_type="application/json", headers=headers)

    def reply_written(self, aggregate: str, state: Mapping[str, Any], *, status: int = 200) -> Response:
        """Answer a write: the whole record, its ETag, and the Crm-Position that search can wait for."""
        return self.add_position(self.reply(state, status=status), aggregate, state)

    def reply_created_with_secret(self, aggregate: str, state: Mapping[str, Any], *, shown_once: str) -> Response:
        """Answer a creation with a field that is shown once: it is null where an Idempotency-Key repeats the answer."""
        response = self.reply_written(aggregate, state, status=HTTPStatus.CREATED)
        kept = to_json({**state, shown_once: None})
        headers = {name: response.headers[name] for name in ("etag", "location", positions.HEADER)}
        return ShownOnce(bytes(response.body), kept, status_code=HTTPStatus.CREATED, headers=headers)

    def add_position(self, response: Response, aggregate: str, state: Mapping[str, Any]) -> Response:
        """Name the written record's version, where the answer itself shows a part of it or something else."""
        response.headers[positions.HEADER] = _position(aggregate, state)
        return response

    def reply_part(
        self, aggregate: str, state: Mapping[str, Any], part: Mapping[str, Any], *, created: str | None = None
    ) -> Response:
        """Answer a write to a part of a record with the part, and with the record's ETag and Crm-Position.

        `created` is the last step of the part's path where it is new: 201 with its Location, else 200.
        """
        headers = {"ETag": f'"{state["version"]}"'}
        if created is not None:
            headers["Location"] = f"{self.request.url.path}/{created}"
        status = HTTPStatus.OK if created is None else HTTPStatus.CREATED
        response = Response(to_json(part), status_code=status, media_type="application/json", headers=headers)
        return self.add_position(response, aggregate, state)

    def reply_deleted(self, aggregate: str, state: Mapping[str, Any]) -> Response:
        return Response(status_code=204, headers={positions.HEADER: _position(aggregate, state)})

    async def reply_json(self, body: Mapping[str, Any], *, levels: int = PAGE_LEVELS) -> Response:
        """Answer with what is no versioned record: a board, a report. `levels` as `write_json` takes it."""
        return await self._reply_long(body, levels=levels)

    async def reply_sorted(self, rows: Rows, page: Page, *, hidden: Collection[str] = ()) -> Response:
        """Answer a list. `hidden`: columns that rows are sorted by and that are no part of the answer."""
        items = rows[: page.limit]
        if hidden:
            items = [{name: value for name, value in row.items() if name not in hidden} for row in items]
        return await self.reply_page(items, next_cursor(page, rows))

    async def reply_page(self, items: Sequence[Mapping[str, Any]], next_cursor: str | None, **more: Any) -> Response:
        """Answer a list, with `Link: …; rel="next"` while there is more. `more` stands beside the items (facets)."""
        body = {"items": items, "next_cursor": next_cursor, **more}
        return await self._reply_long(body, headers=self.link_next(next_cursor))

    def link_next(self, next_cursor: str | None) -> dict[str, str]:
        """Return the header that names the page after this one; none on the last."""
        if next_cursor is None:
            return {}
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name != "cursor"]
        query = urlencode([*kept, ("cursor", next_cursor)])
        return {"Link": f'<{self.request.url.path}?{query}>; rel="next"'}

    async def _reply_long(
        self, body: Mapping[str, Any], *, levels: int = PAGE_LEVELS, headers: Mapping[str, str] | None = None
    ) -> Response:
        pieces = await write_json(body, levels=levels)
        if len(pieces) > 1 and self.request.method in READS:
            return LongAnswer(pieces, headers=headers or {})
        # A write's answer is one text: it may be kept beside its Idempotency-Key.
        return Response(b"".join(pieces), media_type=JSON, headers=headers)


def _position(aggregate: str, state: Mapping[str, Any]) -> str:
    return positions.to_token([positions.Position(aggregate, state["id"], state["version"])])


async def _context_of(request: Request) -> RequestContext:
    context: RequestContext = request.state.context
    return context


Context = Annotated[RequestContext, Depends(_context_of)]
"""What every route takes first."""
