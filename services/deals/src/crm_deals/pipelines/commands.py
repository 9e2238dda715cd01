"""Use cases of pipelines: one transaction each."""

from dataclasses import dataclass
from uuid import UUID

from crm_deals.pipelines import domain, events, repository
from crm_deals.pipelines.domain import Stage
from crm_shared.clock import Clock
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.outbox import append


@dataclass(frozen=True, slots=True)
class EnsureDefaultPipeline:
    """Give a tenant its first pipeline, unless it has one. Safe to repeat and to race."""

    tenant_id: UUID


async def ensure_default_pipeline(command: EnsureDefaultPipeline, unit_of_work: UnitOfWork, clock: Clock) -> None:
    async with unit_of_work.begin(command) as transaction:
        await load_default_stages(transaction, command.tenant_id, clock)


async def load_default_stages(transaction: Transaction, tenant_id: UUID, clock: Clock) -> list[Stage]:
    """Give the default pipeline's stages in order, making the pipeline first for a tenant that is new here.

    A tenant's first deal may come before `crm.tenant.created` has reached us.
    """
    stages = await repository.find_default_stages(transaction, tenant_id)
    if stages:
        return stages
    created = domain.create_default(tenant_id, now=clock.now())
    if not await repository.insert(transaction, tenant_id, created.pipeline):
        return await repository.find_default_stages(transaction, tenant_id)  # another was quicker, and has committed
    await append(transaction, [events.to_wire(created, tenant_id=tenant_id, actor_id=None)])
    return list(created.pipeline.stages)
