"""Elasticsearch over TLS: what the settings say is what the client is made with, and what can't be is said."""

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from crm_search.index import open_client, to_index_settings
from crm_search.settings import SearchSettings
from crm_testing.certificates import ThrowAwayAuthority


async def test_the_client_trusts_the_authority_named_and_shows_its_certificate(tmp_path: Path) -> None:
    authority = ThrowAwayAuthority(tmp_path)
    pair = authority.issue("search")
    settings = SearchSettings.model_validate(
        {
            "elasticsearch_url": "https://search.example:9200",
            "elasticsearch_ca_file": authority.ca_file,
            "elasticsearch_certificate_file": pair.certificate,
            "elasticsearch_key_file": pair.key,
        }
    )
    async with open_client(settings, timeout_s=1) as client:
        (node,) = client.transport.node_pool.all()
        context = node.config.ssl_context
        assert context is not None
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert len(context.get_ca_certs()) == 1


def test_an_api_key_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("of-the-index\n")
    monkeypatch.setenv("CRM_ELASTICSEARCH_API_KEY_FILE", str(tmp_path / "key"))
    key = SearchSettings().elasticsearch_api_key
    assert key is not None
    assert key.get_secret_value() == "of-the-index"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"elasticsearch_ca_file": "/nowhere/ca.pem"}, "is not https://"),
        (
            {"elasticsearch_url": "https://x:9200", "elasticsearch_ca_file": "/nowhere/ca.pem"},
            "CRM_ELASTICSEARCH_CA_FILE: /nowhere/ca.pem holds no certificates",
        ),
        ({"elasticsearch_url": "https://x:9200", "elasticsearch_key_file": "/nowhere/key"}, "one is missing"),
    ],
)
def test_what_can_not_be_is_said_at_the_start(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SearchSettings.model_validate(settings)


async def test_several_nodes_are_known(tmp_path: Path) -> None:
    authority = ThrowAwayAuthority(tmp_path)
    settings = SearchSettings.model_validate(
        {
            "elasticsearch_url": "https://one.example:9200, https://two.example:9243",
            "elasticsearch_ca_file": authority.ca_file,
        }
    )
    async with open_client(settings, timeout_s=1) as client:
        nodes = {(node.config.host, node.config.port) for node in client.transport.node_pool.all()}
        assert nodes == {("one.example", 9200), ("two.example", 9243)}


@pytest.mark.parametrize("url", ["one.example:9200", "http://one.example", "http://one.example:9200,"])
def test_an_address_that_is_none_is_said_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="CRM_ELASTICSEARCH_URL"):
        SearchSettings.model_validate({"elasticsearch_url": url})


def test_one_node_without_tls_among_several_is_said_at_the_start(tmp_path: Path) -> None:
    ca_file = ThrowAwayAuthority(tmp_path).ca_file
    with pytest.raises(ValidationError, match="is not https://"):
        SearchSettings.model_validate(
            {"elasticsearch_url": "https://x:9200,http://y:9200", "elasticsearch_ca_file": ca_file}
        )


@pytest.mark.parametrize(
    ("replicas", "settings"),
    [
        ("0-1", {"auto_expand_replicas": "0-1"}),
        ("1-all", {"auto_expand_replicas": "1-all"}),
        ("2", {"auto_expand_replicas": "false", "number_of_replicas": 2}),
    ],
)
def test_copies_are_a_number_or_as_many_as_nodes_allow(replicas: str, settings: dict[str, object]) -> None:
    made = to_index_settings(SearchSettings.model_validate({"elasticsearch_replicas": replicas}))
    assert made == {"number_of_shards": 1, "refresh_interval": "200ms", **settings}


@pytest.mark.parametrize("replicas", ["-1", "two", "1-", "all", "1\n"])
def test_copies_that_are_no_number_are_said_at_the_start(replicas: str) -> None:
    with pytest.raises(ValidationError, match="elasticsearch_replicas"):
        SearchSettings.model_validate({"elasticsearch_replicas": replicas})
