"""Every route that writes is of the class that puts a Crm-Position on its answer."""

from importlib import import_module
from typing import Any, Final

import pytest
from fastapi.routing import iter_route_contexts

from crm_shared.http.methods import READS
from crm_shared.http.route import CrmRoute
from crm_shared.service_registry import REGISTRY, SERVICES, Service

NOWHERE: Final = "postgresql://nobody@127.0.0.1:9/nothing"
SETTINGS: Final = {
    **dict.fromkeys(("dsn", "worker_dsn", "owner_dsn"), NOWHERE),
    "auth_jwks_url": "http://127.0.0.1:9/jwks.json",
    "auth_issuer": "http://127.0.0.1:9",
    "auth_audience": "crm",
}
READS_ALONE: Final = {"search"}


def list_writes(service: Service) -> list[tuple[str, Any]]:
    """Return each route that takes a method which is no read, with its path."""
    settings_type = getattr(import_module(f"{service.package}.settings"), f"{service.name.capitalize()}Settings")
    app = import_module(f"{service.package}.app").make_app(settings_type.model_validate(SETTINGS))
    return [
        (f"{route.methods} {route.path}", route.original_route)
        for route in iter_route_contexts(app.routes)
        if route.path and route.methods and route.methods - READS - {"OPTIONS"}
    ]


@pytest.mark.parametrize("service", REGISTRY, ids=SERVICES)
def test_every_write_answers_with_a_position(service: Service) -> None:
    writes = list_writes(service)
    assert bool(writes) is (service.name not in READS_ALONE)
    assert [path for path, route in writes if not isinstance(route, CrmRoute)] == []
