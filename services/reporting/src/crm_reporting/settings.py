"""Every knob of the reporting service."""

from pydantic import AliasChoices, Field, SecretStr

from crm_shared.settings import NOT_GIVEN, ServiceSettings


class ReportingSettings(ServiceSettings):
    service: str = "reporting"
    dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_REPORTING_DSN", "dsn"))
    worker_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_REPORTING_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_REPORTING_OWNER_DSN", "owner_dsn"))
    read_dsn: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("CRM_REPORTING_READ_DSN", "read_dsn"),
        description="a streaming standby that reports read while it is close behind; without it they read `dsn`",
    )
    reporting_replica_max_lag_s: float = Field(
        10.0, gt=0, description="a standby whose view may be older is not read; read again once within half of it"
    )
    reporting_replica_max_lag_bytes: int = Field(
        64 * 1024 * 1024, gt=0, description="a standby that has more WAL to replay is not read, and likewise"
    )
    verification_interval_s: float = Field(3600.0, description="how often sums and periods are held against the deals")
    freshness_cache_s: float = Field(1.0, description="how old an answer about what waits on the bus may be")
    freshness_timeout_s: float = Field(3.0, description="how long Kafka is asked before freshness answers 503")
