"""Finds the reports: each folder here that has `routes` is one, and is served."""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from fastapi import APIRouter

from crm_reporting import reports


def list_routers() -> list[APIRouter]:
    """Return every report's router, by name."""
    folders = [f"{reports.__name__}.{found.name}" for found in iter_modules(reports.__path__) if found.ispkg]
    rooms = [room for folder in sorted(folders) if find_spec(room := f"{folder}.routes") is not None]
    routers: list[APIRouter] = [import_module(room).router for room in rooms]
    return routers
