"""Counts the figures of weights.toml in labelled contacts: `python -m benchmarks.duplicates.estimate [--seed 1]`."""

import argparse
from collections import Counter, defaultdict
from uuid import UUID

from benchmarks.duplicates.people import Person
from benchmarks.duplicates.quality import Crowd, Pair
from benchmarks.duplicates.records import make_contacts
from crm_contacts.duplicates.comparisons import compare
from crm_contacts.duplicates.findings import Finding
from crm_contacts.duplicates.keys import hashed
from crm_contacts.duplicates.profiles import LAST_DIGITS
from crm_contacts.duplicates.scoring import SHARED_PHONE_FROM
from crm_contacts.duplicates.weights import WEIGHTS, Kind

LEAST = 0.0005


def kind_of(pair: Pair, people: dict[UUID, Person]) -> Kind:
    one, other = (people[contact_id] for contact_id in pair)
    if one.number == other.number:
        return Kind.SAME
    if one.number in (other.number, other.family) or (other.number in (one.number, one.family)):
        return Kind.KIN
    return Kind.COLLEAGUE if one.employer and one.employer == other.employer else Kind.STRANGER


def findings_of(pair: Pair, labelled: Crowd) -> list[Finding]:
    ours, theirs = (labelled.profiles[contact_id] for contact_id in pair)
    term = hashed("phone-term", ours.phone[-LAST_DIGITS:])
    return compare(ours, theirs, is_shared_phone=labelled.frequencies.count(term) >= SHARED_PHONE_FROM)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=60_000)
    arguments = parser.parse_args()
    contacts = make_contacts(arguments.people, arguments.seed)
    labelled, people = Crowd.of(contacts), {contact.id: contact.person for contact in contacts}
    counts: dict[tuple[str, Kind], Counter[str]] = defaultdict(Counter)
    for pair in labelled.list_candidates() | labelled.true_pairs:
        kind, findings = kind_of(pair, people), findings_of(pair, labelled)
        are_alike = all(f.level != "different" for f in findings if f.comparison in {"first_name", "last_name"})
        for finding in findings:
            # What namesakes' addresses have in common is what the addresses add to an equal name.
            if finding.comparison.startswith("email") and kind is not Kind.SAME and not are_alike:
                continue
            counts[finding.comparison, kind][finding.level] += 1
    for comparison, levels in WEIGHTS.levels.items():
        print(f"[levels.{comparison}]")
        for level in levels:
            shares = []
            for kind in Kind:
                found = counts[comparison, kind]
                shares.append(f"{kind} = {max((found[level] + 0.5) / (found.total() + 1), LEAST):.4f}")
            print(f"{level} = {{ {', '.join(shares)} }}")
        print("#", {str(kind): counts[comparison, kind].total() for kind in Kind})


if __name__ == "__main__":
    main()
