"""An import as GET answers it."""

from typing import Any

from crm_shared.features.imports.domain import ITS_TURN, Import, ImportStatus
from crm_shared.features.imports.encodings import SHOWN


def to_state(job: Import) -> dict[str, Any]:
    """Return what GET answers of an import."""
    total = job.file_bytes or 1
    progress = round(job.bytes_read / total, 4)
    if job.reverted is not None:
        progress = round(job.reverted.chunks_done / (job.reverted.chunks or 1), 4)
    if job.status is ImportStatus.REVERTED:
        progress = 1.0
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
        "progress": progress,
        "waits_for": ITS_TURN if job.status is ImportStatus.QUEUED else job.waits_for,
        "problem": job.problem,
        "preview": job.preview,
        "reverted": None
        if job.reverted is None
        else {"deleted": job.reverted.deleted, "restored": job.reverted.restored, "kept": job.reverted.kept},
        "created_by": job.created_by,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }
