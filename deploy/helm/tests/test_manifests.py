"""What the chart promises of every pod and every flow, read off its renderings."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import pytest
from deploy.helm.tests.rendering import CHART, SITES, Manifest, read
from deploy.helm.tests.test_processes import BOTH, PROCESSES

PODS: Final = ("Deployment", "Job", "Pod")
SCALERS: Final = ("HorizontalPodAutoscaler", "ScaledObject")
DEPLOYED: Final = [*product(SITES, PROCESSES), ("values", "gateway")]


def pods(site: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, {metadata, spec}) of every pod that the site runs."""
    for one in read(site):
        if one["kind"] in PODS:
            template = one if one["kind"] == "Pod" else one["spec"]["template"]
            yield f"{one['kind']}/{one['metadata']['name']}", template


def find(site: str, kind: str, name: str) -> Manifest:
    (found,) = [one for one in read(site) if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def containers_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*spec.get("initContainers", []), *spec["containers"]]


@pytest.mark.parametrize("site", SITES)
def test_every_pod_is_as_the_restricted_standard_has_it(site: str) -> None:
    for name, pod in pods(site):
        spec = pod["spec"]
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 10001), name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        kinds = {kind for volume in spec.get("volumes", []) for kind in volume if kind != "name"}
        assert kinds <= {"emptyDir", "secret", "projected", "configMap"}, name
        for container in containers_of(spec):
            own = container["securityContext"]
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert own["readOnlyRootFilesystem"] is own["runAsNonRoot"] is True, name
            assert own["allowPrivilegeEscalation"] is own["privileged"] is False, name
            assert container["resources"]["limits"]["memory"], name
            assert container["resources"]["requests"]["cpu"], name
            assert not any("hostPort" in port for port in container.get("ports", [])), name


@pytest.mark.parametrize(("site", "name"), DEPLOYED)
def test_what_stays_is_probed_and_ends_in_time(site: str, name: str) -> None:
    spec = find(site, "Deployment", f"crm-{name}")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    if name == "gateway":
        assert set(paths.values()) == {"/livez"}
    else:
        assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
        assert all(container[f"{kind}Probe"]["httpGet"]["port"] == ports["operations"] for kind in paths)
    # Ten seconds for what is being answered, fifteen for what a handler is about, and what goes before.
    assert spec["terminationGracePeriodSeconds"] >= 45
    assert {one["topologyKey"] for one in spec["topologySpreadConstraints"]} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }


@pytest.mark.parametrize("site", SITES)
def test_each_secret_is_mounted_key_by_key_and_none_stands_in_a_variable(site: str) -> None:
    for name, pod in pods(site):
        for container in containers_of(pod["spec"]):
            for variable in container.get("env", []):
                assert set(variable) == {"name", "value"}, name
                assert "postgresql://" not in variable["value"], name
        for volume in pod["spec"].get("volumes", []):
            secrets = [one["secret"] for one in volume.get("projected", {}).get("sources", [])]
            if "secret" in volume and volume["name"] != "postgres-ca":  # certificates, whatever their names
                secrets.append(volume["secret"])
            assert all(secret["items"] for secret in secrets), name
            assert all(secret.get("name", secret.get("secretName")) for secret in secrets), name


def test_whoever_migrates_sees_no_more_than_its_step_needs() -> None:
    for name in BOTH:
        if not name.endswith("-migrate"):
            continue
        spec = find("values", "Job", f"crm-{name}")["spec"]["template"]["spec"]
        mounts = {one["name"]: {mount["name"] for mount in one["volumeMounts"]} for one in containers_of(spec)}
        assert mounts["provision"] == {"tmp", "databases-provision", "postgres-ca"}
        assert "databases-provision" not in mounts["migrate"]
        assert {"kafka", "databases"} <= mounts["migrate"]


@pytest.mark.parametrize("site", SITES)
def test_all_is_closed_but_what_is_named(site: str) -> None:
    policies = [one for one in read(site) if one["kind"] == "NetworkPolicy"]
    (closed,) = [one for one in policies if one["metadata"]["name"] == "crm-closed"]
    assert set(closed["spec"]) == {"podSelector", "policyTypes"}
    assert closed["spec"]["policyTypes"] == ["Ingress", "Egress"]
    for name, pod in pods(site):
        wanted = closed["spec"]["podSelector"]["matchLabels"].items()
        assert wanted <= pod["metadata"]["labels"].items(), name
    for one in policies:
        # A rule without peers, or without ports, lets in everybody.
        for rule in one["spec"].get("ingress") or []:
            assert rule["from"], one["metadata"]["name"]
            assert rule["ports"], one["metadata"]["name"]
        for rule in one["spec"].get("egress") or []:
            assert rule["to"], one["metadata"]["name"]
            assert rule["ports"], one["metadata"]["name"]


@pytest.mark.parametrize("name", BOTH)
def test_a_process_speaks_to_those_whom_it_uses(name: str) -> None:
    policy = find("values", "NetworkPolicy", f"crm-{name}")["spec"]
    ports = {"postgres": 5432, "kafka": 9093, "elasticsearch": 9200, "issuer": 443, "webhooks": 8443}
    opened = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    wanted = {ports[one] for one in BOTH[name]["reaches"]} | ({443} if "webhooks" in BOTH[name]["reaches"] else set())
    traced = set() if name.endswith("-migrate") else {4318}
    assert opened == wanted | traced | {53} | ({"http"} if BOTH[name]["asks"] else set())
    asked = {_component(peer) for rule in policy["egress"] for peer in rule["to"]} - {None}
    assert asked == set(BOTH[name]["asks"])
    callers = {
        _component(peer)
        for rule in policy.get("ingress") or []
        if rule["ports"][0]["port"] == "http"
        for peer in rule["from"]
    }
    wanted_callers = {other for other, one in PROCESSES.items() if name in one["asks"]} | {"gateway", "test"}
    wanted_callers |= set() if name.startswith("contacts") else {"canary"}
    assert callers == (wanted_callers if name.endswith("-api") else set())


def _component(peer: dict[str, Any]) -> str | None:
    labels: dict[str, str] = peer.get("podSelector", {}).get("matchLabels", {})
    return labels.get("app.kubernetes.io/component")


def test_every_process_is_scaled_by_one_and_kept_by_a_budget() -> None:
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in read("values") if one["kind"] in SCALERS}
    counted = {
        one["metadata"]["name"] for one in read("values") if one["kind"] == "Deployment" and "replicas" in one["spec"]
    }
    assert scaled == {f"crm-{name}" for name in PROCESSES if not name.endswith("-relay")}
    # A number of its own would undo what the scaler has just decided, at each upgrade.
    assert counted == {"crm-gateway", "crm-canary", *(f"crm-{name}" for name in PROCESSES if name.endswith("-relay"))}
    budgets = {one["metadata"]["name"] for one in read("values") if one["kind"] == "PodDisruptionBudget"}
    assert budgets == {f"crm-{name}" for name in [*PROCESSES, "gateway"]}


def test_metrics_carry_the_labels_that_rules_ask_for() -> None:
    (endpoint,) = find("values", "PodMonitor", "crm")["spec"]["podMetricsEndpoints"]
    assert {one["targetLabel"] for one in endpoint["relabelings"]} == {"job", "service", "role"}
    labels = {name: pod["metadata"]["labels"] for name, pod in pods("values")}
    for name, one in PROCESSES.items():
        of_pod = labels[f"Deployment/crm-{name}"]
        assert (of_pod["crm/service"], of_pod["crm/role"]) == (one["service"], one["role"])


def test_the_gateways_configuration_has_what_the_chart_puts_a_clusters_names_in_place_of() -> None:
    """It is compose's own; where the words were others, the chart would leave compose's names in it."""
    configuration = (CHART / "files/nginx.conf").read_text("utf-8")
    template = (CHART / "templates/gateway.yaml").read_text("utf-8")
    replaced = re.findall(r'replace "([^"]+)"', template)
    assert replaced == ["resolver 127.0.0.11 ", "http://$service-api:8000"]
    assert all(configuration.count(words) >= 1 for words in replaced)
    others = {"http://issuer:8000"}  # the one for trials, which no cluster has: 503
    assert set(re.findall(r"http://[^/;]*:8000", configuration)) - others == {"http://$service-api:8000"}
