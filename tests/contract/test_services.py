"""What spells the services' names beside the registry spells those names: images, types, the local suite, the chart.

docker-compose.yml and the chart's processes are held against it by the tests beside them, in `deploy/`.
"""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from deploy.service_lists import list_service_lists, write_lists

from crm_shared.contracts.topics import TOPICS
from crm_shared.service_registry import PUBLISHERS, REGISTRY, SERVICES, Service
from crm_shared.settings import ServiceSettings

ROOT: Final = Path(__file__).parents[2]
WORKSPACE: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MEMBERS: Final = sorted(
    str(folder.relative_to(ROOT))
    for pattern in WORKSPACE["tool"]["uv"]["workspace"]["members"]
    for folder in ROOT.glob(pattern)
    if (folder / "pyproject.toml").exists()
)
EACH: Final = pytest.mark.parametrize("service", REGISTRY, ids=SERVICES)


def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_the_folders_are_those_of_the_registry() -> None:
    assert {member.removeprefix("services/") for member in MEMBERS if member.startswith("services/")} == set(SERVICES)


@EACH
def test_a_service_is_called_after_its_name(service: Service) -> None:
    project = tomllib.loads(read(f"services/{service.name}/pyproject.toml"))["project"]
    assert project["name"] == service.image
    assert project["scripts"] == {service.image: f"{service.package}.cli:main"}
    assert (ROOT / f"services/{service.name}/src/{service.package}/worker.py").exists()


def test_those_publish_that_own_a_topic() -> None:
    assert {spec.service for spec in TOPICS.values()} == set(PUBLISHERS)
    assert {reader for spec in TOPICS.values() for reader in spec.readers} <= set(SERVICES)


def test_a_services_address_is_its_port_of_the_local_suite() -> None:
    fields = ServiceSettings.model_fields
    urls = {name: fields[f"{name}_url"].default for name in SERVICES if f"{name}_url" in fields}
    assert urls == {name: f"http://127.0.0.1:{8001 + SERVICES.index(name)}" for name in urls}


def test_the_images_build_copies_the_outline_of_every_package() -> None:
    outlines = re.findall(r"^COPY (\S+)/pyproject\.toml (\S+)/$", read("Dockerfile"), flags=re.MULTILINE)
    assert sorted(source for source, _ in outlines) == MEMBERS
    assert all(source == target for source, target in outlines)
    (choice,) = re.findall(r"--build-arg SERVICE=(\w+(?:\|\w+)+)", read("Dockerfile"))
    assert choice.split("|") == [*SERVICES, "issuer", "canary"]


def test_mypy_finds_every_package() -> None:
    places = WORKSPACE["tool"]["mypy"]["mypy_path"].replace("$MYPY_CONFIG_FILE_DIR/", "").split(":")
    assert sorted(places) == sorted([*(f"{member}/src" for member in MEMBERS), "tests"])


def test_the_files_have_the_lists_that_the_registry_makes() -> None:
    made = write_lists(ROOT, list_service_lists(REGISTRY))
    assert {path: read(path) for path in made} == made, "run `make services` and look at the diff"


def test_a_sixth_service_comes_into_every_list() -> None:
    sixth = list(list_service_lists((*REGISTRY, Service("quotes", publishes=True))))
    assert all("quotes" in one.names for one in sixth)
    for path, text in write_lists(ROOT, iter(sixth)).items():
        for one in (one for one in sixth if one.path == path):
            assert one.names in text
            assert one.write(text) == text


@EACH
def test_the_readme_shows_every_service(service: Service) -> None:
    assert f"| [{service.name}](services/{service.name}/README.md) |" in read("README.md")
