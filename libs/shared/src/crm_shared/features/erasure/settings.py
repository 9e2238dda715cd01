"""Knobs of a service that publishes what can be erased."""

from pydantic import Field

from crm_shared.settings import ServiceSettings


class ErasureSettings(ServiceSettings):
    erasure_check_s: float = Field(
        600.0, description="how often erased records are looked for that are to be published again (erasure.md)"
    )
