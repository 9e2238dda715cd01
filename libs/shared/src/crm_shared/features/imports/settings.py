"""Knobs of a service that takes imports."""

from pydantic import Field

from crm_shared.settings import ServiceSettings


class ImportSettings(ServiceSettings):
    import_max_bytes: int = Field(500 * 1024 * 1024, description="of one CSV file")
    import_max_lines: int = Field(1_000_000, description="of one CSV file")
    import_tenant_files: int = Field(20, description="that a tenant may have waiting, at work or on their way here")
    import_tenant_bytes: int = Field(
        1024 * 1024 * 1024, description="that these may have together: they lie in PostgreSQL until their import ends"
    )
    import_lanes: int = Field(3, ge=1, description="imports that one worker is at, each with a process of 100 MiB")
    import_turn_s: float = Field(
        3.0, description="then an import makes room if others wait: of users of its tenant, or of tenants with fewer"
    )
    import_chunk_rows: int = Field(
        250, ge=1, description="rows of one transaction, for which another writer may wait; the first waits for nobody"
    )
    import_poll_s: float = Field(0.5, description="how often the worker looks for imports that wait")
    import_errors_keep_days: int = Field(7, description="how long errors.csv and previews can be read")
