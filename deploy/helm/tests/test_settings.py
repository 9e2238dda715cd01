"""A process of the chart would start: with the files that it is mounted, and no other, its settings are whole."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deploy.helm.tests.rendering import SITES, read
from deploy.helm.tests.test_processes import BOTH, MIGRATIONS, SETTINGS

from crm_shared.database_access import list_dsns
from crm_testing.certificates import ThrowAwayAuthority


def list_mounted(pod: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    """Yield the paths of the files that a container finds, of Secrets by key."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        secrets = [source["secret"] for source in volume.get("projected", {}).get("sources", [])]
        secrets += [volume["secret"]] if "items" in volume.get("secret", {}) else []
        for secret in secrets:
            yield from (f"{mount['mountPath']}/{item['path']}" for item in secret["items"])


def write(path: Path, authority: ThrowAwayAuthority) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == "ca.crt":
        shutil.copy(authority.ca_file, path)
    elif path.name in ("user.crt", "user.key"):
        pair = authority.issue("client")  # one that is there is made anew: both are of the last
        shutil.copy(pair.certificate, path.with_name("user.crt"))
        shutil.copy(pair.key, path.with_name("user.key"))
    else:
        path.write_text(f"postgresql://role:secret@db.example/{path.name}" if "dsn" in path.name else "secret")


@pytest.mark.parametrize("site", SITES)
def test_the_settings_of_every_container_are_whole(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("CRM_")]:
        monkeypatch.delenv(variable)
    authority = ThrowAwayAuthority(tmp_path)
    runs = {one["metadata"]["name"]: one for one in read(site) if one["kind"] in ("Deployment", "Job")}
    for name, process in BOTH.items():
        pod = runs[f"crm-{name}"]["spec"]["template"]["spec"]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            root = tmp_path / f"{name}-{container['name']}"
            for path in list_mounted(pod, container):
                write(root / path.lstrip("/"), authority)
            variables = {one["name"]: one["value"].replace("/run/", f"{root}/run/") for one in container["env"]}
            with monkeypatch.context() as environment:
                for variable, value in variables.items():
                    environment.setenv(variable, value)
                settings = SETTINGS[process["service"]]()
            for dsn in list_dsns(process["service"], container["name"]):
                assert getattr(settings, dsn).get_secret_value(), f"{name} {container['name']}: {dsn}"
            if "kafka" in process["reaches"] and container["name"] != "provision":
                principal = f"crm-{process['service']}" + ("-migrate" if name in MIGRATIONS else "")
                assert settings.kafka.user == (principal if site == "values" else None)
                assert settings.kafka.protocol == ("SASL_SSL" if site == "values" else "SSL")
