"""Every knob of the search service."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, model_validator

from crm_shared.settings import NOT_GIVEN, ServiceSettings
from crm_shared.tls import TlsFiles, WrongTls


class SearchSettings(ServiceSettings):
    service: str = "search"
    dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_SEARCH_DSN", "dsn"))
    worker_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_SEARCH_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_SEARCH_OWNER_DSN", "owner_dsn"))

    elasticsearch_url: str = Field(
        "http://127.0.0.1:9200",
        description="of a node, or of several with commas between them: one that is away is passed over",
    )
    elasticsearch_api_key: SecretStr | None = Field(None, description="for a cluster with security")
    elasticsearch_ca_file: Path | None = Field(None, description="PEM; without it the usual authorities are trusted")
    elasticsearch_certificate_file: Path | None = Field(None, description="PEM: this client's own")
    elasticsearch_key_file: Path | None = Field(None, description="PEM: of that certificate, without a passphrase")
    elasticsearch_shards: int = Field(
        1,
        ge=1,
        validation_alias=AliasChoices("CRM_ELASTICSEARCH_SHARDS", "CRM_SEARCH_INDEX_SHARDS", "elasticsearch_shards"),
        description="of an index that is made from now on: `crm-search rebuild` makes one",
    )
    elasticsearch_replicas: str = Field(
        "0-1",
        pattern=r"^(?:[0-9]|[0-9]-(?:[0-9]|all))$",
        description="copies of each shard: a number, or the least and the most, as nodes allow. `migrate` applies it",
    )
    elasticsearch_timeout_s: float = Field(5.0, description="of a search; then the answer is 503")
    elasticsearch_write_timeout_s: float = Field(30.0, description="of one bulk request; then it is sent again")

    index_prefix: str = Field(
        "crm-search",
        validation_alias=AliasChoices("CRM_SEARCH_INDEX_PREFIX", "index_prefix"),
        description="the alias, and the beginning of the index's name: suites on one cluster take different ones",
    )
    index_refresh_ms: int = Field(
        200,
        validation_alias=AliasChoices("CRM_SEARCH_INDEX_REFRESH_MS", "index_refresh_ms"),
        description="how long a written document may stay unseen",
    )
    drop_traces_every_s: float = Field(
        6 * 3600.0,
        validation_alias=AliasChoices("CRM_SEARCH_DROP_TRACES_EVERY_S", "drop_traces_every_s"),
        description="how often the index drops from its files what was erased, if anything was: a merge of it all",
    )
    index_work_every_s: float = Field(
        10.0,
        validation_alias=AliasChoices("CRM_SEARCH_INDEX_WORK_EVERY_S", "index_work_every_s"),
        description="how often the worker looks whether an index is to be filled, compared, or removed",
    )
    verify_every_s: float = Field(
        3600.0,
        validation_alias=AliasChoices("CRM_SEARCH_VERIFY_EVERY_S", "verify_every_s"),
        description="how often each tenant's documents are compared with its rows, by one worker in turn",
    )
    position_wait_s: float = Field(2.0, description="how long `after` waits for the index (api.md)")

    @property
    def elasticsearch_nodes(self) -> list[str]:
        return [url.strip() for url in self.elasticsearch_url.split(",")]

    @property
    def elasticsearch_tls(self) -> TlsFiles:
        return TlsFiles(
            "CRM_ELASTICSEARCH",
            ca_file=self.elasticsearch_ca_file,
            certificate_file=self.elasticsearch_certificate_file,
            key_file=self.elasticsearch_key_file,
        )

    @model_validator(mode="after")
    def _require_elasticsearch_tls(self) -> Self:
        """Say at the start what no client could be made with."""
        if not all(
            urlsplit(url).scheme in {"http", "https"} and urlsplit(url).port for url in self.elasticsearch_nodes
        ):
            raise ValueError("CRM_ELASTICSEARCH_URL: each address is http:// or https://, a host, and a port")
        if self.elasticsearch_tls.are_given:
            if not all(url.startswith("https://") for url in self.elasticsearch_nodes):
                raise WrongTls("CRM_ELASTICSEARCH_…_FILE are not used: CRM_ELASTICSEARCH_URL is not https://")
            self.elasticsearch_tls.make_context()
        return self
