"""What the gateway's one file promises: whole addresses, problems that say their status, and logs without secrets."""

import json
import re
from pathlib import Path
from typing import Final

from crm_shared.service_registry import SERVICES

TEXT: Final = (Path(__file__).parents[3] / "deploy/compose/gateway/nginx.conf").read_text("utf-8")


def test_the_gateway_speaks_for_every_service() -> None:
    assert f"~^/(?<named>{'|'.join(SERVICES)})/v1/ $named;" in TEXT
    assert f"location ~ ^/({'|'.join(SERVICES)})/v1/ {{" in TEXT


def test_the_gateways_log_holds_no_addresses() -> None:
    """Whatever nginx says of a request below this level ends in the request's line and the address it asked for."""
    assert re.findall(r"error_log (.*);", TEXT) == ["/dev/stderr alert"]
    [form] = re.findall(r"log_format requests (.*?);\n", TEXT, re.DOTALL)
    assert not {"$request", "$request_uri", "$uri", "$args", "$query_string"} & set(re.findall(r"\$\w+", form))


def test_the_next_page_of_a_list_is_at_the_gateway_too() -> None:
    [(pattern, value)] = re.findall(r'map \$upstream_http_link \$own_link \{\s*~(\S+) "(\S+)";', TEXT)
    found = re.match(pattern.replace("?<", "?P<"), '</v1/deals?limit=2&cursor=x>; rel="next"')
    assert found is not None
    sent = value.replace("$service", "deals").replace("$linked", found["linked"])
    assert sent == '</deals/v1/deals?limit=2&cursor=x>; rel="next"'
    assert "proxy_hide_header Link;" in TEXT
    assert "add_header Link $own_link always;" in TEXT


def test_an_error_of_the_gateway_is_the_status_that_its_problem_says() -> None:
    """Without `=` nginx sends the status that it came by: 502 with a problem of 503."""
    given = {
        place: (int(status), json.loads(problem.replace("\\'", "'"))["status"])
        for place, status, problem in re.findall(r"location (?:= )?([@/]\S+) \{[^}]*?return (\d+) '(\{.*\})\\n';", TEXT)
        if "type" in problem
    }
    pages = re.findall(r"error_page ([\d ]+?)(?: =(\d+))? ([@/]\S+);", TEXT)
    assert {place for _, _, place in pages} == set(given)
    for codes, sent, place in pages:
        statuses = {int(sent)} if sent else {400 if code == "497" else int(code) for code in codes.split()}
        assert statuses | {given[place][0]} == {given[place][1]}, place
    # What may come before there is an address: for a named place it would be a 500.
    assert not [
        place for codes, _, place in pages if {"400", "414", "494", "501", "505"} & set(codes.split()) if "@" in place
    ]
    assert "absolute_redirect off;" in TEXT  # the port listened on is seldom the one that is published
