"""Every command of the suite that the documentation or an alert names is there, with the options that it names."""

import pytest
from contract.documented_commands import Command, explain_refusal, read_commands


def test_documentation_names_no_command_or_option_that_is_not_there() -> None:
    commands = read_commands()
    assert {command.service for command in commands} >= {None, "contacts", "deals", "search", "reporting"}
    assert len(commands) > 50
    refused = {f"{one.place}: {' '.join(one.words)}": reason for one in commands if (reason := explain_refusal(one))}
    assert refused == {}


@pytest.mark.parametrize(
    ("service", "words", "reason"),
    [
        ("search", ["verify", "--heal", "--tenant", "ID"], None),
        ("reporting", ["bi", "grant", "--tenant", "ID"], None),
        ("deals", ["redrive", "deals.replicas"], "redrive takes no 1 words"),
        ("deals", ["republish", "--quietly"], "republish has no option --quietly"),
        ("deals", ["recount"], " has no command recount"),
        (None, ["run", "search", "rebuild", "--abandon"], None),
        (None, ["logs", "deals-worker", "-f"], None),
    ],
)
def test_what_is_not_there_would_be_seen(service: str | None, words: list[str], reason: str | None) -> None:
    found = explain_refusal(Command("here", service, words))
    assert found is None if reason is None else (found or "").endswith(reason)
