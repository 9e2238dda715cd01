"""Rows of reporting's tables as its projections write them: many deals at once, and single acts upon them."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from crm_shared.clock import new_id

BEGAN_AT = datetime(2026, 1, 5, 9, 30, 0, 123456, tzinfo=UTC)
TABLES = (
    "directory_tenants, directory_users, contacts, pipelines, stages, stage_versions, exchange_rates, quotas,"
    " deal_facts, deal_periods, stage_transitions, activity_facts"
)
CURRENCIES = ("EUR", "USD", "JPY", "KWD")

INSERT_DEALS = """
    INSERT INTO deal_facts (tenant_id, deal_id, version, name, pipeline_id, stage_id, owner_id, contact_id, status,
                            amount, currency, close_date, created_at, stage_changed_at, closed_at, is_deleted,
                            lost_reason)
    SELECT %(tenant)s, d.id, 2, 'Deal "' || n || E'",\n' || n, %(pipeline)s, %(stage)s, %(owner)s, %(contact)s,
           CASE WHEN n %% 3 = 0 THEN 'WON' ELSE 'OPEN' END,
           CASE WHEN n %% 7 = 0 THEN NULL
                WHEN n %% 4 = 2 THEN (n * 1000)::numeric
                WHEN n %% 4 = 3 THEN n + 0.125 ELSE n + 0.01 END,
           (ARRAY['EUR', 'USD', 'JPY', 'KWD'])[n %% 4 + 1], date '2026-01-01' + (n %% 365)::int,
           %(at)s + n * interval '1 minute', %(at)s + n * interval '2 minutes',
           CASE WHEN n %% 3 = 0 THEN %(at)s + n * interval '2 minutes' END, false, CASE WHEN n %% 5 = 0 THEN '' END
      FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS d (id, n)
"""
INSERT_PASTS = """
    INSERT INTO deal_periods (tenant_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, stage_changed_at, status,
                              closed_at, amount, currency, owner_id, close_date)
    SELECT f.tenant_id, f.deal_id, p.valid_from, p.valid_to, f.pipeline_id, f.stage_id, p.valid_from,
           CASE WHEN p.valid_to IS NULL THEN f.status ELSE 'OPEN' END,
           CASE WHEN p.valid_to IS NULL THEN f.closed_at END,
           f.amount, f.currency, f.owner_id, f.close_date
      FROM deal_facts f
     CROSS JOIN LATERAL (VALUES (f.created_at, f.stage_changed_at), (f.stage_changed_at, NULL))
                     AS p (valid_from, valid_to)
     WHERE f.deal_id = ANY (%(ids)s);
"""
INSERT_MOVES = """
    INSERT INTO stage_transitions (tenant_id, deal_id, version, pipeline_id, to_stage_id, to_stage_name, changed_at,
                                   owner_id, amount, currency)
    SELECT f.tenant_id, f.deal_id, v, f.pipeline_id, f.stage_id, 'Proposal', f.created_at + v * interval '1 s',
           f.owner_id, f.amount, f.currency
      FROM deal_facts f
     CROSS JOIN generate_series(1, 2) AS v
     WHERE f.deal_id = ANY (%(ids)s);
"""


@dataclass
class Business:
    """One tenant (EUR, Berlin) with a user, a contact, a pipeline and a stage. `connection` is the worker role's."""

    connection: psycopg.Connection[Any]
    tenant: UUID = field(default_factory=new_id)
    user: UUID = field(default_factory=new_id)
    contact: UUID = field(default_factory=new_id)
    pipeline: UUID = field(default_factory=new_id)
    stage: UUID = field(default_factory=new_id)

    def run(self, statement: str, **parameters: Any) -> int:
        """Run one statement with this tenant's ids among its parameters; return how many rows it touched."""
        known = {name: getattr(self, name) for name in ("tenant", "user", "contact", "pipeline", "stage")}
        return self.connection.execute(statement.encode(), {**known, "at": BEGAN_AT, **parameters}).rowcount

    def clear(self) -> None:
        for table in TABLES.split(", "):
            self.run(f"DELETE FROM {table}")  # noqa: S608 - names of ours

    def begin(self) -> None:
        """Write the tenant and what its deals are in."""
        self.run(
            "INSERT INTO directory_tenants (tenant_id, name, base_currency, time_zone, manager_scope, auto_merge,"
            " default_region, version, created_at, updated_at)"
            " VALUES (%(tenant)s, 'Acme', 'EUR', 'Europe/Berlin', 'DIRECT', false, 'DE', 1, %(at)s, %(at)s)"
        )
        self.run(
            "INSERT INTO directory_users (tenant_id, id, email, full_name, role, active, version, created_at,"
            " updated_at)"
            " VALUES (%(tenant)s, %(user)s, 'ann@example.org', 'Ann Owner', 'REP', true, 1, %(at)s, %(at)s)"
        )
        self.run(
            "INSERT INTO contacts (tenant_id, id, version, owner_id, source)"
            " VALUES (%(tenant)s, %(contact)s, 1, %(user)s, 'WEB')"
        )
        self.run("INSERT INTO pipelines VALUES (%(tenant)s, %(pipeline)s, 1, 'Sales', true, false)")
        self.run("INSERT INTO stages VALUES (%(tenant)s, %(stage)s, %(pipeline)s, 'Proposal', 50, 'OPEN', 0, false)")
        for version in (1, 2):
            self.run(
                "INSERT INTO stage_versions VALUES (%(tenant)s, %(pipeline)s, %(version)s, %(stage)s,"
                " %(at)s + %(version)s * interval '1 day', 'Proposal', 50 * %(version)s, 'OPEN', 0)",
                version=version,
            )

    def rate(self, currency: str, day: str, rate: str) -> None:
        self.run(
            "INSERT INTO exchange_rates VALUES (%(tenant)s, %(id)s, 'EUR', %(currency)s, %(day)s, %(rate)s::numeric, 1,"
            " %(at)s, %(at)s) ON CONFLICT (tenant_id, base_currency, currency, effective_on)"
            " DO UPDATE SET rate = excluded.rate, version = exchange_rates.version + 1",
            id=new_id(),
            currency=currency,
            day=day,
            rate=rate,
        )

    def quota(self, month: str, amount: str, currency: str = "EUR") -> UUID:
        quota = new_id()
        self.run(
            "INSERT INTO quotas VALUES (%(tenant)s, %(id)s, %(user)s, %(month)s, %(amount)s::numeric, %(currency)s, 1,"
            " %(at)s, %(at)s)",
            id=quota,
            month=month,
            amount=amount,
            currency=currency,
        )
        return quota

    def deals(self, count: int) -> list[UUID]:
        """Write deals in four currencies, a third of them won, each with two periods and two moves."""
        ids = [new_id() for _ in range(count)]
        self.run(INSERT_DEALS, ids=ids, owner=self.user)
        self.run(INSERT_PASTS, ids=ids)
        self.run(INSERT_MOVES, ids=ids)
        return ids

    def activities(self, count: int, *contacts: UUID) -> list[UUID]:
        ids = [new_id() for _ in range(count)]
        self.run(
            "INSERT INTO activity_facts (tenant_id, activity_id, version, type, user_id, contact_ids, direction,"
            " occurred_at, reference_keys, is_automatic, is_system, is_deleted)"
            " SELECT %(tenant)s, i, 1, 'EMAIL', %(user)s, %(contacts)s::uuid[], 'INBOUND', %(at)s, '{}', false, false,"
            " false"
            " FROM unnest(%(ids)s::uuid[]) i",
            ids=ids,
            contacts=list(contacts or [self.contact]),
        )
        return ids

    def change(self, deals: list[UUID], chance: random.Random) -> None:
        """Change the deals' amounts and currencies, and their present periods, as an edit does."""
        self.run(
            "UPDATE deal_facts f SET version = version + 1, amount = c.amount, currency = c.currency"
            " FROM unnest(%(ids)s::uuid[], %(amounts)s::numeric[], %(currencies)s::text[]) AS c (id, amount, currency)"
            " WHERE f.deal_id = c.id",
            ids=deals,
            amounts=[f"{chance.randrange(10**9)}.{chance.randrange(1000):03}" for _ in deals],
            currencies=[chance.choice(CURRENCIES) for _ in deals],
        )
        self.run(
            "UPDATE deal_periods p SET amount = f.amount, currency = f.currency FROM deal_facts f"
            " WHERE f.deal_id = p.deal_id AND p.valid_to IS NULL AND f.deal_id = ANY (%(ids)s)",
            ids=deals,
        )

    def delete(self, deals: list[UUID]) -> None:
        self.run(
            "UPDATE deal_facts SET is_deleted = true, version = version + 1 WHERE deal_id = ANY (%(ids)s)", ids=deals
        )
        self.run("DELETE FROM deal_periods WHERE valid_to IS NULL AND deal_id = ANY (%(ids)s)", ids=deals)

    def restore(self, deals: list[UUID]) -> None:
        self.run(
            "UPDATE deal_facts SET is_deleted = false, version = version + 1 WHERE deal_id = ANY (%(ids)s)", ids=deals
        )
