"""HTTP of imports. Each service makes it for the types of records that it keeps."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Any, Final, cast
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_shared.database import Database
from crm_shared.features.imports import commands, queries
from crm_shared.features.imports.adapter import Adapters
from crm_shared.features.imports.commands import BeginImport
from crm_shared.features.imports.domain import (
    AlreadyReverted,
    Import,
    ImportEnded,
    ImportNotEnded,
    ImportNotFound,
    NothingToRevert,
)
from crm_shared.features.imports.error_files import ErrorLines
from crm_shared.features.imports.intake.companies import CompanyKeeper, CompanySettling
from crm_shared.features.imports.intake.limits import TooManyImportBytes, TooManyImports
from crm_shared.features.imports.intake.uploads import ImportRoute, StoredFile
from crm_shared.features.imports.schemas import ImportFields, ImportList, ImportPage, ImportState, make_form
from crm_shared.features.imports.states import to_state
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.cursors import to_page
from crm_shared.http.exports import write_in_turns
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.http.streams import CheckedStream
from crm_shared.http.uploads import require_upload
from crm_shared.listing import Order, SortField
from crm_shared.refusals import InvalidField
from crm_shared.spreadsheets import CSV_TYPE, attachment, write_rows

ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {CSV_TYPE: {"schema": {"type": "string"}}},
        "description": "line, field, reason, import_row, cells",
    }
}

ORDER: Final = Order("-created_at", SortField("i.created_at", datetime), is_descending=True, id_column="i.id")


FindKeeper = Callable[[RequestContext], CompanyKeeper]


def make_routers(kinds: Adapters, *, find_keeper: FindKeeper | None = None) -> tuple[APIRouter, ...]:
    """Make `/imports` of a service that keeps the records of `kinds`; others are 422.

    `find_keeper`: whom companies are asked of that another service keeps.
    """
    return _make_upload(kinds, find_keeper), _make_reads(), _make_acts()


def _make_upload(kinds: Adapters, find_keeper: FindKeeper | None) -> APIRouter:
    settling = CompanySettling()
    router = APIRouter(prefix="/imports", tags=["imports"], route_class=ImportRoute)

    @router.post(
        "",
        response_model=ImportState,
        status_code=201,
        summary="Import a CSV file",
        responses=problems(TooManyImports, TooManyImportBytes),
        openapi_extra=make_form(kinds),
    )
    async def begin_import(context: Context) -> Response:
        upload = require_upload(context.request)
        if upload.file_name is None or not upload.file_bytes:
            raise InvalidField.at("/file", "is required" if upload.file_name is None else "is empty")
        file = cast("StoredFile", upload.sink)
        fields = ImportFields.read(upload.fields)
        if fields.entity_type not in kinds:
            raise InvalidField.at("/entity_type", f"takes one of {', '.join(kinds)}: others are another service's")
        command = BeginImport(
            caller=context.caller,
            kind=kinds[fields.entity_type],
            import_id=file.import_id,
            file_name=upload.file_name[:255] or "import.csv",
            file_bytes=upload.file_bytes,
            beginning=file.beginning,
            detected=file.encoding,
            **dict(fields),
        )

        async def settle(job: Import) -> Import:
            if find_keeper is None:
                return job
            keeper = find_keeper(context)
            return await settling.settle(job, command.kind, command.caller, context.database, keeper, context.clock)

        job = await commands.begin_import(
            command, context.unit_of_work, context.clock, database=context.database, settle=settle
        )
        upload.is_kept = True
        return context.reply_written("import", to_state(job), status=201)

    return router


def _make_reads() -> APIRouter:
    router = APIRouter(prefix="/imports", tags=["imports"], route_class=CrmRoute)

    @router.get("", response_model=ImportPage, summary="List your imports; an ADMIN sees all", responses=problems())
    async def list_imports(query: Annotated[ImportList, Query()], context: Context) -> Response:
        page = to_page(query, ORDER)
        statement = queries.select_imports(context.caller, page, status=query.status, entity_type=query.entity_type)
        async with context.database.read(context.caller.tenant_id) as connection:
            rows = await queries.list_imports(connection, statement)
        return await context.reply_sorted(rows, page)

    @router.get(
        "/{import_id}", response_model=ImportState, summary="Get one import", responses=problems(ImportNotFound)
    )
    async def get_import(import_id: UUID, context: Context) -> Response:
        async with context.database.read(context.caller.tenant_id) as connection:
            job = await queries.load_import(connection, context.caller, import_id)
        return context.reply(to_state(job))

    @router.get(
        "/{import_id}/errors.csv",
        response_class=Response,
        responses=ERRORS | problems(ImportNotFound),
        summary="Download the rows that failed, each with its line and reason",
    )
    async def get_errors(import_id: UUID, context: Context) -> Response:
        async with context.database.read(context.caller.tenant_id) as connection:
            job = await queries.load_import(connection, context.caller, import_id)
        lines = _write_errors(context.database, job)
        return CheckedStream(context, lines, media_type=CSV_TYPE, headers=attachment(f"import-{job.id}-errors"))

    return router


def _make_acts() -> APIRouter:
    router = APIRouter(prefix="/imports", tags=["imports"], route_class=CrmRoute)

    @router.post(
        "/{import_id}/cancel",
        response_model=ImportState,
        summary="End an import where it is",
        responses=problems(ImportNotFound, ImportEnded),
    )
    async def cancel_import(import_id: UUID, context: Context) -> Response:
        job = await commands.cancel_import(context.caller, import_id, context.unit_of_work, context.clock)
        return context.reply_written("import", to_state(job))

    @router.post(
        "/{import_id}/revert",
        response_model=ImportState,
        summary="Take a whole import back",
        responses=problems(ImportNotFound, AlreadyReverted, ImportNotEnded, NothingToRevert),
    )
    async def revert_import(import_id: UUID, context: Context) -> Response:
        job = await commands.revert_import(context.caller, import_id, context.unit_of_work, context.clock)
        return context.reply_written("import", to_state(job))

    return router


async def _write_errors(database: Database, job: Import) -> AsyncIterator[bytes]:
    lines = ErrorLines(job.id, [header for header, _ in job.columns])
    yield write_rows([lines.header])
    async for page in queries.walk_errors(database, job):
        async for piece in write_in_turns(lines.feed(page)):
            yield piece
    async for piece in write_in_turns(lines.end()):
        yield piece
