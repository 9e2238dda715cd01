"""`--address` and `--also`: a host and perhaps a port, and nothing that would lead a login elsewhere."""

import pytest

from crm_reporting.bi.addresses import address_of, at_address, database_of, parse_address

DSN = "postgresql://reporting_app:se%40cret@db.example:6432/crm_reporting?sslmode=verify-full"


@pytest.mark.parametrize(
    "text", ["db.example", "db.example:5432", "10.0.0.7:1", "[2001:db8::1]", "[::1]:65535", "my_host:6432"]
)
def test_a_host_and_perhaps_a_port_are_taken_as_they_are(text: str) -> None:
    assert parse_address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", " db.example", "db.example ", "db example", "db.example:", "db.example:0", "db.example:65536",
        "db.example:http", "db.example:-1", "db.example:5432/other", "me@db.example", "me:secret@db.example:5432",
        "db.example?host=other", "db.example#x", "one,two", "one:1,two:2", "2001:db8::1", "[2001:db8::1",
        "[::1%25eth0]:5432", "[1.2.3]", "[]:1", "-db", "db.example\n", "x" * 301, "postgresql://db.example", "/var/run",
        "db:\N{ARABIC-INDIC DIGIT FIVE}",
    ],
    ids=range(27),
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"host\[:port\]|a port is|no IPv6"):
        parse_address(text)


def test_a_dsns_parts_and_the_same_login_at_another_server() -> None:
    assert (address_of(DSN), database_of(DSN)) == ("db.example:6432", "crm_reporting")
    assert at_address(DSN, "[::1]:7") == DSN.replace("db.example:6432", "[::1]:7")
