"""Every knob of the search service."""

from pydantic import AliasChoices, Field, SecretStr

from crm_shared.settings import ServiceSettings


class SearchSettings(ServiceSettings):
    service: str = "search"
    dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_SEARCH_DSN", "dsn"))
    worker_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_SEARCH_WORKER_DSN", "worker_dsn"))
    owner_dsn: SecretStr = Field(validation_alias=AliasChoices("CRM_SEARCH_OWNER_DSN", "owner_dsn"))

    elasticsearch_url: str = "http://127.0.0.1:9200"
    elasticsearch_api_key: SecretStr | None = Field(None, description="for a cluster with security")
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
    position_wait_s: float = Field(2.0, description="how long `after` waits for the index (api.md)")
