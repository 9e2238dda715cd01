"""An import as GET answers it."""

from typing import Any

from crm_shared.features.imports.domain import ITS_TURN, Import, ImportStatus, Revert
from crm_shared.features.imports.encodings import SHOWN


def to_state(job: Import) -> dict[str, Any]:
    """Return what GET answers of an import."""
    return {
        "id": job.id,
        "version": job.version,
        "status": job.status,
        "entity_type": job.entity_type,
        "mode": job.mode,
        "id_property": job.id_property,
        "match_by": list(job.match_by),
        "dry_run": job.dry_run,
        "file_name": job.file_name,
        "file_bytes": job.file_bytes,
        "encoding": SHOWN.get(job.encoding, job.encoding),
        "delimiter": job.delimiter,
        "date_format": job.options.forms.date_format,
        "decimal_mark": job.options.forms.decimal_mark,
        "value_separator": job.options.forms.value_separator,
        "on_missing_company": job.options.on_missing_company,
        "mapping": dict(job.columns),
        "warnings": [{"column": one.column, "detail": one.detail} for one in job.warnings],
        "counts": {
            "rows": job.rows_read,
            "created": job.created,
            "updated": job.updated,
            "unchanged": job.unchanged,
            "failed": job.failed,
        },
        "progress": _find_progress(job),
        "waits_for": ITS_TURN if job.status is ImportStatus.QUEUED else job.waits_for,
        "problem": job.problem,
        "preview": job.preview,
        "reverted": None if job.reverted is None else _count_reverted(job.reverted),
        "created_by": job.created_by,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def _find_progress(job: Import) -> float:
    """Return how much of the file is read or, of an import that is taken back, how much of it is undone."""
    if job.status is ImportStatus.REVERTED:
        return 1.0
    if job.reverted is not None:
        return round(job.reverted.chunks_done / (job.reverted.chunks or 1), 4)
    return round(job.bytes_read / (job.file_bytes or 1), 4)


def _count_reverted(reverted: Revert) -> dict[str, int]:
    return {"deleted": reverted.deleted, "restored": reverted.restored, "kept": reverted.kept}
