"""The knobs that every service has. A service adds its own in `settings.py`; nothing else reads the environment."""

from typing import Literal

from pydantic import AnyUrl, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from crm_shared.contracts.topics import COMPACTION_LAG_S


class ServiceSettings(BaseSettings):
    """Read from `CRM_…` variables. A service's subclass names its three DSNs."""

    model_config = SettingsConfigDict(env_prefix="CRM_", extra="ignore", frozen=True)

    service: str = Field(description="contacts, deals, activities, search or reporting")
    dsn: SecretStr = Field(description="PostgreSQL as `<service>_app`: what the API uses, under row-level security")
    worker_dsn: SecretStr = Field(description="PostgreSQL as `<service>_worker`: consumers and relay, all tenants")
    owner_dsn: SecretStr = Field(description="PostgreSQL as `<service>_owner`: migrations alone")
    admin_dsn: SecretStr | None = Field(None, description="PostgreSQL as an administrator: `provision` alone reads it")

    http_host: str = "127.0.0.1"
    http_port: int = 8000
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    database_pool_max_size: int = 10
    database_pool_wait_s: float = Field(5.0, description="then the answer is 503: better than a queue without end")
    database_behind_pooler: bool = Field(
        default=False, description="a transaction-mode pooler: the tenant is set per transaction, nothing is prepared"
    )

    kafka_bootstrap: str = "127.0.0.1:9092"
    topic_partitions: int = 12
    topic_replication: int = 1
    consumer_batch_records: int = Field(500, description="most records a projection takes in one transaction")
    consumer_batch_wait_ms: int = Field(10, description="how long a poll waits for a first record")
    group_instance_id: str | None = Field(None, description="Kafka static membership: no rebalance on a quick restart")

    auth_issuer: str = "crm-local"
    auth_audience: str = "crm"
    auth_jwks_url: AnyUrl = Field(AnyUrl("file:///nonexistent/jwks.json"), description="https:// or file://")
    auth_leeway_s: int = 5
    directory_cache_s: float = Field(0.5, description="how old what we know of a caller may be; contacts takes 0")

    contacts_url: str = "http://127.0.0.1:8001"
    deals_url: str = "http://127.0.0.1:8002"
    upstream_timeout_s: float = 2.0

    max_body_bytes: int = 1024 * 1024
    max_batch_body_bytes: int = 8 * 1024 * 1024
    rate_limit_requests: int = Field(2000, description="per user and window")
    rate_limit_window_s: int = 10
    idempotency_keep_h: int = 24

    relay_batch_rows: int = 2000

    custom_field_check_s: float = Field(1.0, description="how often the worker looks for indexes and values to see to")
    custom_field_repair_s: float = Field(300.0, description="how often it compares all indexes with what is wanted")

    compaction_lag_s: int = Field(
        COMPACTION_LAG_S,
        ge=1,
        description="how long compacted topics may keep what a newer record of its key has replaced",
    )
    erasure_check_s: float = Field(
        600.0, description="how often erased records are looked for that are to be told of again (erasure.md)"
    )
