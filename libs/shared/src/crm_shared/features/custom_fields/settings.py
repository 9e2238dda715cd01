"""Knobs of a service whose records have custom fields."""

from pydantic import Field

from crm_shared.settings import ServiceSettings


class CustomFieldSettings(ServiceSettings):
    custom_field_check_s: float = Field(1.0, description="how often the worker looks for indexes and values to see to")
    custom_field_repair_s: float = Field(300.0, description="how often it compares all indexes with what is wanted")
