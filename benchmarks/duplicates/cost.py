"""What looking for duplicates costs for a contact, at 10,000, 100,000 and 1,000,000 contacts in the tenant.

The crowd is 50,000 labelled contacts, then copies of them: a copy has the same name, so that names grow as common as
they are in life, and an address, a number and an employer of its own. The copies are made in SQL, hashes and all, since
making a million in Python would take minutes.
"""

import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from benchmarks.arena import Arena, Row
from benchmarks.duplicates.quality import CUSTOM_KEYS
from benchmarks.duplicates.records import Contact, make_contacts
from benchmarks.size import sized
from crm_contacts.duplicates import index
from crm_contacts.duplicates.candidate_search import find_duplicates
from crm_contacts.duplicates.keys import EVERYBODY, hashed, keys_of, list_keys, terms_of
from crm_contacts.duplicates.profiles import Profile, to_profile
from crm_shared.database import Database

SEED, BATCH = 4, sized(250, tiny=10)
CROWD, SIZES, ROUNDS = sized((50_000, (10_000, 100_000, 1_000_000), 4), tiny=(100, (100, 200, 300), 2))
NAME_KEYS = frozenset({"names", "last-and-beginning", "first-and-beginning", "beginnings", "name-part"})

# Looking for duplicates reads contacts by id; the lists' indexes would only make the loading of a million slow.
DROP_INDEXES = """
    DO $$ DECLARE name text;
    BEGIN
        FOR name IN SELECT i.indexrelid::regclass::text FROM pg_index i
                     WHERE i.indrelid = 'contacts'::regclass AND NOT i.indisprimary LOOP
            EXECUTE 'DROP INDEX ' || name;
        END LOOP;
    END $$
"""

# Faster built at once than row by row.
DROP_KEYS_INDEX = "ALTER TABLE matching_keys DROP CONSTRAINT matching_keys_pkey"
ADD_KEYS_INDEX = "ALTER TABLE matching_keys ADD CONSTRAINT matching_keys_pkey PRIMARY KEY (tenant_id, key, contact_id)"

STAGING = """
    CREATE TABLE crowd (number int, first_name text, last_name text, email text, phone text, job_title text);
    CREATE TABLE crowd_keys (number int, key bigint, is_of_name boolean);
    CREATE TABLE crowd_terms (number int, term bigint, is_of_name boolean);
"""

COPY_CONTACTS = """
    INSERT INTO contacts (tenant_id, id, version, first_name, last_name, email, phone, phone_e164, job_title, owner_id,
                          tags, custom_data, shares, created_at, updated_at)
    SELECT $1, md5(c.number || ' ' || copy)::uuid, 1, c.first_name, c.last_name, copy || c.email, c.phone, c.phone,
           c.job_title, $2, '{}', '{}', '[]', now(), now()
      FROM crowd c CROSS JOIN generate_series($3::int, $4::int) AS copy
     WHERE c.number < $5
"""

COPY_KEYS = """
    INSERT INTO matching_keys (tenant_id, key, contact_id)
    SELECT $1, CASE WHEN k.is_of_name OR copy = 0 THEN k.key ELSE abs(hashint8extended(k.key, copy) / 2) END,
           md5(k.number || ' ' || copy)::uuid
      FROM crowd_keys k CROSS JOIN generate_series($2::int, $3::int) AS copy
     WHERE k.number < $4
"""

COPY_TERMS = """
    INSERT INTO matching_terms AS t (tenant_id, term, contacts)
    SELECT $1, CASE WHEN k.is_of_name OR copy = 0 THEN k.term ELSE abs(hashint8extended(k.term, copy) / 2) END, count(*)
      FROM crowd_terms k CROSS JOIN generate_series($2::int, $3::int) AS copy
     WHERE k.number < $4
     GROUP BY 2
        ON CONFLICT (tenant_id, term) DO UPDATE SET contacts = t.contacts + excluded.contacts
"""

INSERT_NEW = """
    INSERT INTO contacts (tenant_id, id, version, first_name, last_name, email, phone, phone_e164, job_title, owner_id,
                          tags, custom_data, shares, created_at, updated_at)
    VALUES ($1, $2, 1, $3, $4, $5, $6, $6, $7, $8, '{}', '{}', '[]', $9, $9)
"""

EMPTY = "TRUNCATE contacts, matching_keys, matching_terms, matching_profiles, duplicate_candidates CASCADE"


async def run(arena: Arena) -> list[Row]:
    """Load each size, let ROUNDS batches of new contacts come, and time the looking for their duplicates."""
    contacts = make_contacts(CROWD, SEED)
    crowd, new = contacts[:CROWD], contacts[CROWD : CROWD + BATCH * ROUNDS]
    owner = await asyncpg.connect(arena.environment["CRM_CONTACTS_OWNER_DSN"])
    worker = await asyncpg.connect(arena.worker_dsn)
    database = await Database.open(arena.worker_dsn, max_size=2)
    found: dict[int, tuple[float, float]] = {}
    try:
        await owner.execute(DROP_INDEXES)
        await _stage(owner, crowd)
        await owner.execute("GRANT SELECT ON crowd, crowd_keys, crowd_terms TO contacts_worker")
        for size in SIZES:
            await owner.execute(EMPTY)
            await owner.execute(DROP_KEYS_INDEX)
            await _load(worker, arena, size)
            await owner.execute(ADD_KEYS_INDEX, timeout=600)
            await owner.execute("VACUUM ANALYZE contacts, matching_keys, matching_terms")
            found[size] = await _measure(database, arena, new)
    finally:
        await database.close()
        await worker.close()
        await owner.close()
    return _to_rows(found)


def _to_rows(found: dict[int, tuple[float, float]]) -> list[Row]:
    least_ms, _ = found[SIZES[0]]
    return [
        Row(
            f"duplicates of a new contact among {size:,}",
            f"{ms:.2f} ms, compared with {partners:.1f}",
            f"among {SIZES[0]:,}: {least_ms:.2f} ms",
            least_ms / ms,
            0.5,
        )
        for size, (ms, partners) in found.items()
    ]


async def _stage(owner: asyncpg.Connection, crowd: Sequence[Contact]) -> None:
    await owner.execute(STAGING)
    profiles = [to_profile(contact.to_row(), CUSTOM_KEYS) for contact in crowd]
    await owner.copy_records_to_table(
        "crowd",
        records=[
            (number, one.first_name, one.last_name, one.email, one.phone, one.job_title)
            for number, one in enumerate(crowd)
        ],
    )
    await owner.copy_records_to_table(
        "crowd_keys",
        records=[
            (number, hashed(*parts), parts[0] in NAME_KEYS)
            for number, profile in enumerate(profiles)
            for parts in set(list_keys(profile))
        ],
    )
    await owner.copy_records_to_table(
        "crowd_terms",
        records=[(number, term, is_name) for number, one in enumerate(profiles) for term, is_name in _list_terms(one)],
    )


def _list_terms(profile: Profile) -> list[tuple[int, bool]]:
    names = {hashed("name", part) for part in (profile.name.first, profile.name.last)}
    return [(term, term in names or term == EVERYBODY) for term in terms_of(profile)]


async def _load(worker: asyncpg.Connection, arena: Arena, size: int) -> None:
    tenant_id, last_copy = arena.tenant.id, max(size // CROWD - 1, 0)
    await worker.execute(COPY_CONTACTS, tenant_id, arena.tenant.admin.id, 0, last_copy, size, timeout=600)
    await worker.execute(COPY_KEYS, tenant_id, 0, last_copy, size, timeout=600)
    await worker.execute(COPY_TERMS, tenant_id, 0, last_copy, size, timeout=600)


async def _measure(database: Database, arena: Arena, new: Sequence[Contact]) -> tuple[float, float]:
    """Return the median of ms per contact, and the mean of contacts that one is compared with."""
    tenant_id, spent_ms, partners = arena.tenant.id, [], []
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        await _insert(database, arena, batch)
        began_s = time.perf_counter()
        async with database.begin_as_worker() as transaction:
            await find_duplicates(
                transaction, tenant_id, dict.fromkeys((contact.id for contact in batch), 1), now=datetime.now(UTC)
            )
        spent_ms.append((time.perf_counter() - began_s) * 1000 / len(batch))
        async with database.read_as_worker() as connection:
            keys = {one.id: keys_of(to_profile(one.to_row(), CUSTOM_KEYS)) for one in batch}
            compared = await index.find_partners(connection, tenant_id, keys)
        partners.append(sum(len(ids) for ids in compared.values()) / len(batch))
    return statistics.median(spent_ms[1:]), statistics.mean(partners)  # the first warms caches and plans


async def _insert(database: Database, arena: Arena, batch: Sequence[Contact]) -> None:
    now, owner_id = datetime.now(UTC), arena.tenant.admin.id
    async with database.begin_as_worker() as transaction:
        await transaction.executemany(
            INSERT_NEW,
            [
                (
                    arena.tenant.id,
                    one.id,
                    one.first_name,
                    one.last_name,
                    one.email,
                    one.phone,
                    one.job_title,
                    owner_id,
                    now,
                )
                for one in batch
            ],
        )
