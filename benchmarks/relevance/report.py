"""The table of relevance: of each class of queries, how high what was meant stands among 50,000 records."""

from pathlib import Path
from uuid import uuid4

from benchmarks.arena import ROOT, Row
from benchmarks.relevance.judgements import make_judgements
from benchmarks.relevance.measuring import Figure, fill, judge
from benchmarks.relevance.office import Office
from benchmarks.size import sized
from crm_search.app import make_app
from crm_search.index import open_client, prepare_index
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_testing.service_kit import running_service

RECORDS, EACH, SEED = sized(50_000, tiny=400), sized(30, tiny=2), 11
NOISE_TENANTS, NOISE_RECORDS = 3, sized(4_000, tiny=50)
AIM = 0.9
MISSED_SHOWN = 3
MIGRATIONS: Path = ROOT / "services/search/migrations/versions"


async def run(admin_dsn: str, elasticsearch_url: str) -> list[Row]:
    """Fill an index of its own, ask, and leave nothing behind."""
    prefix = f"bench-relevance-{uuid4().hex[:12]}"
    overrides = {"elasticsearch_url": elasticsearch_url, "index_prefix": prefix, "elasticsearch_timeout_s": 60}
    async with (
        running_service(SearchSettings, make_app, MIGRATIONS, admin_dsn=admin_dsn, **overrides) as kit,
        open_client(kit.settings, timeout_s=60) as client,
    ):
        name = await prepare_index(client, kit.settings)
        try:
            store = DocumentStore(client, prefix)
            for number in range(NOISE_TENANTS):
                noise = await kit.seed_tenant()
                await fill(
                    Office(noise.id, noise.rep.id, records=NOISE_RECORDS, seed=SEED + 1 + number), kit.database, store
                )
            tenant = await kit.seed_tenant()
            office = Office(tenant.id, tenant.rep.id, records=RECORDS, seed=SEED)
            await fill(office, kit.database, store)
            figures = await judge(kit.client(tenant.admin), make_judgements(office, each=EACH, seed=SEED))
        finally:
            await client.indices.delete(index=name)
    return [_to_row(figure) for figure in figures]


def _to_row(figure: Figure) -> Row:
    worst = sorted(figure.missed, key=lambda one: one.ndcg)[:MISSED_SHOWN]
    missed = "; ".join(f"{one.judged.query} ({one.ndcg:.2f})" for one in worst)
    what = f"relevance, {figure.kind}: nDCG@10 of {figure.queries} queries"
    return Row(what, f"{len(figure.missed)} below 1", missed, figure.ndcg, AIM)
