"""Every knob of the contacts service."""

from pydantic import AliasChoices, Field, SecretStr

from crm_shared.settings import ServiceSettings


class ContactsSettings(ServiceSettings):
    service: str = "contacts"
    dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_CONTACTS_DSN", "dsn"))
    worker_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_CONTACTS_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_CONTACTS_OWNER_DSN", "owner_dsn"))

    directory_cache_s: float = Field(0, description="the directory is here: a deactivation counts at once")

    import_max_bytes: int = Field(500 * 1024 * 1024, description="of one CSV file")
    import_chunk_rows: int = Field(
        5000, description="rows of one transaction: about a quarter of a second, for which another writer may wait"
    )
    import_poll_s: float = Field(1.0, description="how often the worker looks for imports that wait")
    import_outbox_rows: int = Field(
        20_000, description="an import waits while more events than these are unsent: others' would wait behind them"
    )
    import_errors_keep_days: int = Field(30, description="how long errors.csv and previews can be read")
