"""The images' build: nothing but the service in the last stage, seven of them alike, each base by digest if wanted."""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types

from crm_shared.service_registry import SERVICES

ROOT: Final = Path(__file__).parents[3]
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text("utf-8")
BAKE: Final = (ROOT / "docker-bake.hcl").read_text("utf-8")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
LOCK: Final = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
IMAGES: Final = (*SERVICES, "issuer", "canary")
PLACE: Final = re.compile(r"\$\{(CRM_[A-Z]+_IMAGE):-([^}]+)\}")
PYTHON: Final = ("CRM_PYTHON_IMAGE", "python:3.13-slim")
# The interpreter of that image, as wheels name it.
TAG: Final = "cp313"


def list_stages() -> dict[str, str]:
    """Return the text of each stage by its name; the last has none."""
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    return {(re.match(r"\S+ AS (\S+)", stage) or [None, "last"])[1] or "last": stage for stage in stages}


def test_what_runs_was_built_elsewhere() -> None:
    stages = list_stages()
    assert stages["last"].startswith("runtime\n")
    assert "RUN" not in stages["last"]
    assert re.findall(r"COPY (\S+)", stages["last"]) == ["--from=described", "--from=build"]
    assert "COPY" not in stages["runtime"]
    assert not re.search(r"apt-get|pip install|gcc", stages["runtime"] + stages["last"])
    assert "rm -rf /usr/local/bin/pip*" in stages["runtime"]


def test_the_last_stage_says_what_it_is_and_whose_it_runs_as() -> None:
    last = list_stages()["last"]
    labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", last))
    assert labels == {"title", "description", "licenses", "source", "version", "revision", "created"}
    assert "USER 10001\n" in last
    # Commands as lists: no shell stands between them and the process.
    assert all(json.loads(words) for words in re.findall(r"^\s*(?:ENTRYPOINT|CMD) (\[.*\])$", last, flags=re.MULTILINE))


@pytest.mark.parametrize("base", [stage for stage in list_stages().values() if not stage.startswith("scratch")])
def test_every_stage_is_of_the_one_base(base: str) -> None:
    assert base.partition(" ")[0].partition("\n")[0] in {"${PYTHON_IMAGE}", "runtime", "tools", "dependencies"}


def test_compose_and_bake_build_the_same_images() -> None:
    built = {
        container["build"]["args"]["SERVICE"]: container["build"]["args"]
        for container in COMPOSE["services"].values()
        if "build" in container
    }
    assert set(built) == set(IMAGES)
    assert {arguments["PYTHON_IMAGE"] for arguments in built.values()} == {f"${{{PYTHON[0]}:-{PYTHON[1]}}}"}
    matrices = re.findall(r"matrix\s+= \{ service = (\[.*?\]) \}", BAKE)
    assert [json.loads(matrix) for matrix in matrices] == [list(IMAGES)] * 3
    assert f'variable "{PYTHON[0]}" {{ default = "{PYTHON[1]}" }}' in BAKE
    assert f"ARG PYTHON_IMAGE={PYTHON[1]}\n" in DOCKERFILE
    assert '["linux/amd64", "linux/arm64"]' in BAKE


def test_every_image_of_compose_has_a_place_for_its_digest() -> None:
    own = re.compile(rf"crm-({'|'.join(IMAGES)}):\$\{{CRM_VERSION:-latest\}}")
    images = {container["image"] for container in COMPOSE["services"].values()}
    assert {image for image in images if not own.fullmatch(image) and not PLACE.fullmatch(image)} == set()


STAND_IN: Final = """#!/bin/sh
[ "$1 $2 $3 $4" = "buildx imagetools inspect --format" ] || exit 64
[ "$6" != "no.such/registry:1" ] || { echo "not found" >&2; exit 1; }
echo "sha256:$(printf %s "$6" | sha256sum | cut -d' ' -f1)"
"""


def pin(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script as it would lie in a checkout at `folder`, where a registry gives each name its digest."""
    script = folder / "deploy" / "compose" / "pin"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text((ROOT / "deploy/compose/pin").read_text("utf-8"))
    (folder / "docker-compose.yml").write_text((ROOT / "docker-compose.yml").read_text("utf-8"))
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "docker").write_text(STAND_IN)
    (programs / "docker").chmod(0o755)
    return subprocess.run(  # noqa: S603 - this checkout's own script
        ["/bin/sh", str(script)],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
    )


def test_one_command_pins_them_all(tmp_path: Path) -> None:
    assert pin(tmp_path).returncode == 2  # prepare first
    environment = tmp_path / ".env"
    environment.write_text("CRM_SECRETS=./.secrets\nCRM_KAFKA_IMAGE=mirror.example/kafka:4.2.0@sha256:old\n")
    assert pin(tmp_path).returncode == 0
    secrets, *pinned = environment.read_text().splitlines()
    assert secrets == "CRM_SECRETS=./.secrets"
    arguments = dict(line.split("=", 1) for line in pinned)
    named = dict(PLACE.findall((ROOT / "docker-compose.yml").read_text("utf-8")))
    assert set(arguments) == set(named)
    for name, image in (named | {"CRM_KAFKA_IMAGE": "mirror.example/kafka:4.2.0"}).items():
        assert re.fullmatch(rf"{re.escape(image)}@sha256:[0-9a-f]{{64}}", arguments[name])
    assert pin(tmp_path).returncode == 0
    assert environment.read_text().splitlines() == [secrets, *pinned]


def test_what_has_no_digest_leaves_all_as_it_was(tmp_path: Path) -> None:
    before = "CRM_SECRETS=./.secrets\nCRM_NGINX_IMAGE=no.such/registry:1\n"
    (tmp_path / ".env").write_text(before)
    assert pin(tmp_path).returncode != 0
    assert (tmp_path / ".env").read_text() == before


def list_installed() -> Iterator[dict[str, Any]]:
    """Yield what is locked for the images: all that their packages need, on Linux and this Python."""
    packages: dict[str, list[dict[str, Any]]] = {}
    for package in LOCK["package"]:
        packages.setdefault(package["name"], []).append(package)
    wanted = [f"crm-{image}" for image in IMAGES]
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        for package in packages[name]:
            yield package
            extras = package.get("optional-dependencies", {}).values()
            wanted += [needed["name"] for needed in (*package.get("dependencies", ()), *(n for e in extras for n in e))]


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_every_package_has_a_wheel_for_both_architectures(architecture: str) -> None:
    """No stage has a compiler: what had to be compiled would fail the build, for arm64 where nobody here sees it."""
    lacking = [
        package["name"]
        for package in list_installed()
        if "registry" in package["source"]
        and not any(fits(wheel["url"].rpartition("/")[2], architecture) for wheel in package.get("wheels", ()))
    ]
    assert lacking == []


def fits(wheel: str, architecture: str) -> bool:
    """Return whether the wheel of this file name can be installed in the image, whose C library is glibc."""
    interpreter, abi, platform = wheel.removesuffix(".whl").rsplit("-", 3)[1:]
    runs = (
        TAG in interpreter.split(".") or abi == "abi3" or any(tag.startswith("py3") for tag in interpreter.split("."))
    )
    built = platform == "any" or any(
        tag.startswith("manylinux") and tag.endswith(architecture) for tag in platform.split(".")
    )
    return runs and built


def test_a_wheel_for_another_machine_does_not_fit() -> None:
    assert fits("uvloop-0.23.0-cp313-cp313-manylinux_2_17_aarch64.manylinux2014_aarch64.whl", "aarch64")
    assert not fits("uvloop-0.23.0-cp313-cp313-musllinux_1_2_aarch64.whl", "aarch64")
    assert not fits("uvloop-0.23.0-cp312-cp312-manylinux_2_17_x86_64.whl", "x86_64")
    assert not fits("uvloop-0.23.0-cp313-cp313-manylinux_2_17_x86_64.whl", "aarch64")
    assert fits("click-8.5.1-py3-none-any.whl", "aarch64")
