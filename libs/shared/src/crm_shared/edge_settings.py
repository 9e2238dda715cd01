"""What a connection may cost before anybody knows who calls: the limits of the one server that every API runs."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from crm_shared.secret_files import SettingsByFile


class EdgeSettings(SettingsByFile):
    """Every limit with its unit. The defaults suit an API that is reached directly; see docs/guides/edge.md."""

    model_config = SettingsConfigDict(env_prefix="CRM_", extra="ignore", frozen=True)

    http_max_head_bytes: int = Field(65_536, ge=1024, description="of the request line and all headers; beyond: 431")
    http_max_headers: int = Field(100, ge=1, description="lines of headers; beyond: 431")
    http_head_deadline_s: float = Field(10.0, gt=0, description="from a request's first byte to its last header: 408")
    http_body_min_bytes_s: int = Field(1024, ge=1, description="a body slower than this is cut: 408")
    http_body_window_s: float = Field(10.0, gt=0, description="over which a body's pace is measured")
    http_body_deadline_s: float = Field(3600.0, gt=0, description="for a whole body: 500 MB at 1.2 Mbit/s")
    http_write_deadline_s: float = Field(
        30.0, gt=0, description="in which a reader must take http_write_min_bytes of what waits for it, or is cut off"
    )
    http_write_min_bytes: int = Field(30_720, ge=1, description="within http_write_deadline_s")
    http_keep_alive_s: int = Field(75, ge=1, description="between two requests of a connection")
    http_drain_s: float = Field(
        3.0,
        ge=0,
        description="how long an API that is told to end goes on answering, each time as the connection's last",
    )
    http_max_connections: int = Field(1000, ge=1, description="open at once in one process; beyond: 503")
    http_max_connections_per_address: int = Field(
        250,
        ge=0,
        description="of http_max_connections; an IPv6 /64 is one. 0 for no limit, as behind a proxy that all share",
    )
    http_hsts_max_age_s: int = Field(
        0, ge=0, description="Strict-Transport-Security, where TLS ends before the API; 0 sends none"
    )
    http_trusted_proxies: str = Field(
        "", description="addresses and networks, by commas, whose X-Forwarded-For names the client: for limits alone"
    )
    http_stream_page_deadline_s: float = Field(
        60.0, gt=0, description="for the next page of a stream to be read from its store; then the stream is cut"
    )
    operations_port: int | None = Field(
        None,
        description="/readyz, /metrics, /docs and /openapi.json are answered there alone; without it, beside the API",
    )
