"""Every knob of the search service."""

from pathlib import Path
from typing import Self

from pydantic import AliasChoices, Field, SecretStr, model_validator

from crm_shared.settings import NOT_GIVEN, ServiceSettings
from crm_shared.tls import TlsFiles, WrongTls


class SearchSettings(ServiceSettings):
    service: str = "search"
    dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_SEARCH_DSN", "dsn"))
    worker_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_SEARCH_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(NOT_GIVEN, validation_alias=AliasChoices("CRM_SEARCH_OWNER_DSN", "owner_dsn"))

    elasticsearch_url: str = "http://127.0.0.1:9200"
    elasticsearch_api_key: SecretStr | None = Field(None, description="for a cluster with security")
    elasticsearch_ca_file: Path | None = Field(None, description="PEM; without it the usual authorities are trusted")
    elasticsearch_certificate_file: Path | None = Field(None, description="PEM: this client's own")
    elasticsearch_key_file: Path | None = Field(None, description="PEM: of that certificate, without a passphrase")
    elasticsearch_timeout_s: float = Field(5.0, description="of a search; then the answer is 503")
    elasticsearch_write_timeout_s: float = Field(30.0, description="of one bulk request; then it is sent again")

    index_prefix: str = Field(
        "crm-search",
        validation_alias=AliasChoices("CRM_SEARCH_INDEX_PREFIX", "index_prefix"),
        description="the alias, and the beginning of the index's name: suites on one cluster take different ones",
    )
    index_shards: int = Field(1, validation_alias=AliasChoices("CRM_SEARCH_INDEX_SHARDS", "index_shards"))
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
    rewrite_every_s: float = Field(
        60.0,
        validation_alias=AliasChoices("CRM_SEARCH_REWRITE_EVERY_S", "rewrite_every_s"),
        description="how often the worker looks for documents of another form than its own, to write them again",
    )
    position_wait_s: float = Field(2.0, description="how long `after` waits for the index (api.md)")

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
        if self.elasticsearch_tls.are_given:
            if not self.elasticsearch_url.startswith("https://"):
                raise WrongTls("CRM_ELASTICSEARCH_…_FILE are not used: CRM_ELASTICSEARCH_URL is not https://")
            self.elasticsearch_tls.make_context()
        return self
