"""The canary in the chart: one, with the settings that it has, who reaches the APIs and nothing behind them."""

import shutil
import subprocess
from typing import Any, Final

import pytest
from deploy.helm.tests.rendering import find_helm, read, render
from deploy.helm.tests.test_processes import COMPOSE

from crm_canary.settings import CanarySettings

NAME: Final = "crm-canary"


def find(kind: str) -> dict[str, Any]:
    (found,) = [one for one in read("values") if one["kind"] == kind and one["metadata"]["name"] == NAME]
    return found


def names_of_settings() -> set[str]:
    names: set[str] = set()
    for name, field in CanarySettings.model_fields.items():
        choices = getattr(field.validation_alias, "choices", None)
        names.update(choices or {f"CRM_CANARY_{name.upper()}"})
    return names


def test_there_is_one_and_never_two() -> None:
    spec = find("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    (container,) = spec["template"]["spec"]["containers"]
    assert (container["args"], "/crm-canary:" in container["image"]) == (["serve"], True)


def test_every_variable_is_one_of_its_settings_here_and_in_compose() -> None:
    (container,) = find("Deployment")["spec"]["template"]["spec"]["containers"]
    here = {one["name"]: one["value"] for one in container["env"]}
    assert set(here) | set(COMPOSE["canary"]["environment"]) <= names_of_settings()
    assert set(COMPOSE["canary"]["environment"]) <= set(here)
    assert here["CRM_DEALS_URL"] == "http://crm-deals-api:8000"
    assert here["CRM_CANARY_TOKEN_URL"] == "https://login.example/token"


def test_it_reaches_the_apis_and_the_issuer_alone() -> None:
    policy = find("NetworkPolicy")["spec"]
    asked = {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for rule in policy["egress"]
        if rule["ports"][0]["port"] == "http"
        for peer in rule["to"]
    }
    assert asked == {f"{service}-api" for service in ("deals", "activities", "search", "reporting")}
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {53, 443, "http"}
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == {"operations"}


def test_it_is_off_unless_it_is_asked_for() -> None:
    assert [one for one in read("values-least") if one["metadata"]["name"] == NAME] == []


@pytest.mark.skipif(find_helm() is None, reason="helm renders it: `make chart-check` builds one")
def test_a_token_of_a_file_is_one_that_somebody_renews() -> None:
    helm = find_helm() or shutil.which("helm") or "helm"
    manifests = render(helm, "values-least", "--set", "canary.enabled=true,canary.tokenSecret=mine")
    (deployment,) = [one for one in manifests if one["kind"] == "Deployment" and one["metadata"]["name"] == NAME]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one["value"] for one in container["env"]}
    assert environment["CRM_CANARY_TOKEN_FILE"] == "/run/secrets/token"
    assert "CRM_CANARY_TOKEN_URL" not in environment
    with pytest.raises(subprocess.CalledProcessError) as refused:
        render(helm, "values-least", "--set", "canary.enabled=true")
    assert "canary.tokenSecret" in refused.value.stderr
