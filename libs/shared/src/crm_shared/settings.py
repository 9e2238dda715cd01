"""The knobs that every service has. A service adds its own in `settings.py`; nothing else reads the environment."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import AnyUrl, Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from crm_shared.contracts.topics import COMPACTION_LAG_S
from crm_shared.database_access import explain_wrong_dsn
from crm_shared.edge_settings import EdgeSettings
from crm_shared.kafka_access import KafkaAccess, SaslMechanism, SecurityProtocol
from crm_shared.service_registry import SERVICES
from crm_shared.tls import TlsFiles

RelayKind = Literal["built-in", "debezium"]

NOT_GIVEN: Final = SecretStr("")
"""A DSN that this process was not told of, as it has no use for it. Entry points ask for theirs by name."""


class ServiceSettings(EdgeSettings):
    """Read from `CRM_…` variables; `CRM_…_FILE` names a file that holds the value. A subclass names its three DSNs."""

    model_config = SettingsConfigDict(env_prefix="CRM_", extra="ignore", frozen=True)

    service: str = Field(description=", ".join(SERVICES))
    dsn: SecretStr = Field(
        NOT_GIVEN, description="PostgreSQL as `<service>_app`: what the API uses, under row-level security"
    )
    worker_dsn: SecretStr = Field(
        NOT_GIVEN, description="PostgreSQL as `<service>_worker`: consumers and relay, all tenants"
    )
    owner_dsn: SecretStr = Field(
        NOT_GIVEN, description="PostgreSQL as `<service>_owner`: migrations, and indexes on custom fields"
    )
    admin_dsn: SecretStr = Field(NOT_GIVEN, description="PostgreSQL as an administrator: `provision` alone reads it")

    http_host: str = "127.0.0.1"
    http_port: int = 8000
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    database_pool_max_size: int = 10
    database_pool_wait_s: float = Field(5.0, description="then the answer is 503: better than a queue without end")
    database_behind_pooler: bool = Field(
        default=False, description="a transaction-mode pooler: the tenant is set per transaction, nothing is prepared"
    )

    kafka_bootstrap: str = "127.0.0.1:9092"
    kafka_security_protocol: SecurityProtocol = "PLAINTEXT"
    kafka_sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    kafka_user: str | None = Field(None, description="the principal; with a SASL protocol")
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = Field(None, description="PEM; without it the system's authorities are trusted")
    kafka_certificate_file: Path | None = Field(None, description="PEM: this client's own, where the broker asks")
    kafka_key_file: Path | None = Field(None, description="PEM: of that certificate, without a passphrase")
    kafka_check_hostname: bool = True
    topic_partitions: int = 12
    topic_replication: int = 1
    consumer_batch_records: int = Field(500, description="most records a projection takes in one transaction")
    group_instance_id: str | None = Field(None, description="Kafka static membership: no rebalance on a quick restart")

    auth_issuer: str = "crm-local"
    auth_audience: str = "crm"
    auth_jwks_url: AnyUrl = Field(AnyUrl("file:///nonexistent/jwks.json"), description="https:// or file://")
    auth_leeway_s: int = 5
    auth_jwks_refresh_s: float = Field(300.0, gt=0, description="how often the issuer's keys are fetched")
    auth_jwks_max_age_s: float = Field(
        24 * 3600.0, gt=0, description="how old keys may be while the issuer can't be asked; then every call is 503"
    )
    auth_max_token_ttl_s: int = Field(24 * 3600, ge=1, description="the longest life (exp - iat) of a token: else 401")
    directory_cache_s: float = Field(0.5, description="how old what we know of a caller may be; contacts takes 0")

    contacts_url: str = "http://127.0.0.1:8001"
    deals_url: str = "http://127.0.0.1:8002"
    activities_url: str = Field("http://127.0.0.1:8003", description="`repair` asks it what it still has")
    upstream_timeout_s: float = 2.0

    max_body_bytes: int = 1024 * 1024
    max_batch_body_bytes: int = 8 * 1024 * 1024
    rate_limit_requests: int = Field(2000, description="per user and window")
    api_processes: int = Field(
        1, ge=1, description="how many answer for this service; each takes its share of what is limited by tenant"
    )
    rate_limit_tenant_requests: int = Field(20_000, description="per tenant and window, all its users together")
    rate_limit_bad_tokens: int = Field(
        200,
        description="per IPv4 address or IPv6 /64 and window; then tokens not yet known to be good are 429 from there",
    )
    rate_limit_window_s: int = 10
    batch_limit_items: int = Field(20_000, description="records in batches per tenant and window")
    batch_limit_window_s: int = 10
    batch_free_items: int = Field(
        1000,
        ge=0,
        description="records in batches per tenant and window that wait for nobody; more wait until `bulk_readers` are"
        " near enough",
    )
    batch_readers_behind: int = Field(
        1000,
        ge=0,
        description="the most records before everybody's next write for more batches of a tenant to be let in",
    )
    batch_wait_s: float = Field(5.0, ge=0, description="how long a batch waits for that before it is 429")
    idempotency_keep_h: int = 24

    outbox_relay: RelayKind = Field(
        "built-in", description="who brings the outbox to Kafka; debezium: the relay's process deletes what has arrived"
    )
    relay_batch_rows: int = 2000
    relay_poll_s: float = Field(0.015, gt=0, description="how often the relay looks for rows while it is awake")

    bulk_outbox_rows: int = Field(
        250,
        ge=0,
        description="bulk work waits while more events than these are unsent: others' would wait behind them. 0: the"
        " outbox is not looked at, nor is it with Debezium, which confirms what it has sent by the second",
    )
    bulk_readers: tuple[str, ...] = Field(
        (
            "search.index",
            "contacts.duplicates",
            "deals.replicas",
            "deals.webhooks",
            "activities.replicas",
            "activities.erasures",
            "activities.deal-notes",
            "activities.contact-notes",
            "reporting.contacts",
            "reporting.deals",
        ),
        description="consumer groups that bulk work waits for, a JSON list; [] waits for none",
    )
    bulk_readers_behind: int = Field(
        250, description="the most records that one of them may have before it for bulk work to add to them"
    )
    bulk_poll_s: float = Field(0.05, description="how often bulk work that waits looks again")

    compaction_lag_s: int = Field(
        COMPACTION_LAG_S,
        ge=1,
        description="how long compacted topics may keep what a newer record of its key has replaced",
    )

    @property
    def kafka(self) -> KafkaAccess:
        """Where Kafka is and as whom we ask it. Raises WrongKafkaAccess."""
        password = self.kafka_password
        return KafkaAccess(
            bootstrap=self.kafka_bootstrap,
            protocol=self.kafka_security_protocol,
            mechanism=self.kafka_sasl_mechanism,
            user=self.kafka_user,
            password=password.get_secret_value() if password is not None else None,
            tls=TlsFiles(
                "CRM_KAFKA",
                ca_file=self.kafka_ca_file,
                certificate_file=self.kafka_certificate_file,
                key_file=self.kafka_key_file,
                check_hostname=self.kafka_check_hostname,
            ),
        )

    @field_validator("dsn", "worker_dsn", "owner_dsn", "admin_dsn", "read_dsn", check_fields=False)
    @classmethod
    def _require_database(cls, given: SecretStr | None) -> SecretStr | None:
        """Refuse at the start what leads nowhere: it would be waited for as a database that is away."""
        if given is None or given == NOT_GIVEN:
            return given
        wrong = explain_wrong_dsn(given.get_secret_value())
        if wrong is not None:
            raise ValueError(wrong)
        return given

    @model_validator(mode="after")
    def _require_clients(self) -> Self:
        """Say at the start what no client could be made with, not at the first connection, which is tried for ever."""
        self.kafka.to_arguments()
        return self
