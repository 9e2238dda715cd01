"""Which base amounts changed though no row of theirs did: rates that came, went or began to count, and new bases.

What is remembered of a tenant's currency is a digest of its rates up to a day. The same digest up to that day, and
newer rates since: only what is open or closed since then changed. Another digest: all in that currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from crm_warehouse.source.snapshot import Snapshot

LIST_BASES: Final = """
    SELECT t.tenant_id::text, t.base_currency || ' ' || t.time_zone
      FROM directory_tenants t
     WHERE %(tenant)s::uuid IS NULL OR t.tenant_id = %(tenant)s::uuid
"""
# A rate counts from its day on: one that is dated ahead is not looked at before.
DIGEST_RATES: Final = """
    SELECT r.tenant_id::text, r.currency,
           md5(string_agg(r.effective_on || '=' || r.rate, ' ' ORDER BY r.effective_on)
               FILTER (WHERE r.effective_on <= k.until)) AS until_then,
           md5(string_agg(r.effective_on || '=' || r.rate, ' ' ORDER BY r.effective_on)) AS by_now,
           min(r.effective_on) FILTER (WHERE r.effective_on > k.until) AS newer,
           max(r.effective_on) AS until
      FROM exchange_rates r
      JOIN directory_tenants t ON (t.tenant_id, t.base_currency) = (r.tenant_id, r.base_currency)
      LEFT JOIN unnest(%(tenants)s::uuid[], %(currencies)s::text[], %(days)s::date[])
                AS k (tenant_id, currency, until)
        ON (k.tenant_id, k.currency) = (r.tenant_id, r.currency)
     WHERE r.effective_on <= (now() AT TIME ZONE t.time_zone)::date
       AND (%(tenant)s::uuid IS NULL OR r.tenant_id = %(tenant)s::uuid)
     GROUP BY r.tenant_id, r.currency, k.until
"""


@dataclass(slots=True)
class Rerated:
    """What to look at: (tenant, currency or None for all, from which day on or None for ever)."""

    found: list[tuple[str, str | None, date | None]] = field(default_factory=list)

    def to_parameters(self) -> dict[str, Any]:
        return {
            "rated_tenants": [tenant for tenant, _, _ in self.found],
            "rated_currencies": [currency for _, currency, _ in self.found],
            "rated_since": [since for _, _, since in self.found],
        }


@dataclass(frozen=True, slots=True)
class KnownRates:
    """What base amounts were last made of. `bases`: by tenant; `digests`: day and digest by `tenant currency`."""

    bases: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def compare_rates(snapshot: Snapshot, known: KnownRates) -> tuple[KnownRates, Rerated]:
    """Return what base amounts are made of now, and which were made of something else when `known` was."""
    rerated = Rerated()
    bases = dict(snapshot.fetch(LIST_BASES))
    rerated.found += [(tenant, None, None) for tenant, base in bases.items() if known.bases.get(tenant) != base]
    digests = dict(known.digests)
    gone = set(known.digests)
    pairs = [key.split(" ") for key in known.digests]
    days = [until for until, _ in known.digests.values()]
    for tenant, currency, until_then, by_now, newer, until in snapshot.fetch(
        DIGEST_RATES, tenants=[pair[0] for pair in pairs], currencies=[pair[1] for pair in pairs], days=days
    ):
        key = f"{tenant} {currency}"
        gone.discard(key)
        if key in known.digests and until_then == known.digests[key][1] and newer is None:
            continue
        since = newer if key in known.digests and until_then == known.digests[key][1] else None
        rerated.found.append((tenant, currency, since))
        digests[key] = (until.isoformat(), by_now)
    for key in gone:
        tenant, currency = key.split(" ")
        rerated.found.append((tenant, currency, None))
        del digests[key]
    return KnownRates(bases, digests), rerated
