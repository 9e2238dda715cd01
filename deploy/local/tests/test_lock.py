"""The lock names each file once and exactly; what differs from it is refused."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from crm_local.engines.fetch import FetchFailed, verify
from crm_local.engines.install import artifacts_of
from crm_local.engines.lock import POSTGRES_PLATFORMS, UnknownPlatform, digest, load_lock, postgres_group


def test_every_artifact_is_exact_and_lands_in_a_file_of_its_own() -> None:
    artifacts = [artifact for group in load_lock().values() for artifact in group]
    assert all(re.fullmatch(r"[0-9a-f]{64}", artifact.sha256) for artifact in artifacts)
    assert all(re.fullmatch(r"[\w.\-]+", artifact.version) for artifact in artifacts)
    assert len({artifact.filename for artifact in artifacts}) == len(artifacts)


def test_kafka_brings_one_version_of_its_client() -> None:
    clients = [artifact.version for artifact in artifacts_of("connect") if artifact.artifact == "kafka-clients"]
    assert clients == ["4.2.0"]


@pytest.mark.parametrize("platform", POSTGRES_PLATFORMS.values())
def test_postgres_is_locked_for_every_platform_named(platform: str) -> None:
    assert len(load_lock()[f"postgres-{platform}"]) == 1


def test_another_platform_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(UnknownPlatform, match="docker compose"):
        postgres_group()


def test_a_changed_lock_names_another_folder() -> None:
    artifacts = load_lock()["elasticsearch"]
    changed = (replace(artifacts[0], sha256="0" * 64),)
    assert digest(artifacts) != digest(changed)


def test_a_file_with_another_content_is_refused(tmp_path: Path) -> None:
    artifact = load_lock()["kafka"][0]
    file = tmp_path / artifact.filename
    file.write_bytes(b"not what the lock names")
    with pytest.raises(FetchFailed, match=re.escape(artifact.filename)):
        verify(file, artifact)
