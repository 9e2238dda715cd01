import sys; sys.path.insert(0,'/work/main/tests')
import importlib.util, time, asyncio
T0=time.monotonic()
def log(*a): print(f"[probe {time.monotonic()-T0:7.2f}]",*a,flush=True)
spec=importlib.util.spec_from_file_location('td','/work/main/tests/e2e/test_debezium.py'); td=importlib.util.module_from_spec(spec); sys.modules['td']=td; spec.loader.exec_module(td)
publisher=td.publisher
pytestmark=td.pytestmark
async def test_probe(publisher):
    import asyncpg
    begin=await publisher.find_ends(); log('ends')
    before=td.tell_of_several(2)
    await publisher.write(*before)
    a=await asyncpg.connect(publisher.admin_dsn)
    async def slot(label):
        r=await a.fetch("select active,restart_lsn::text,confirmed_flush_lsn::text,catalog_xmin::text, pg_current_wal_lsn()::text as now from pg_replication_slots")
        log(label, [dict(x) for x in r])
    async def noise():
        await a.execute("create table if not exists zz()"); await a.execute("drop table zz")
    with publisher.connect() as c:
        orig=c.prepare
        def prep():
            orig(); f=c.home/'log4j2.yaml'; f.write_text(f.read_text().replace('level: WARN','level: INFO'))
        c.prepare=prep
        async with td.started(c):
            log('ready')
            r=await publisher.wait_for(begin,before); log('snapshot seen')
            e=td.tell_of_several(1); await publisher.write(*e); log('written'); await publisher.wait_for(begin,e); log('seen')
            for i in range(16):
                await noise(); await slot(i); await asyncio.sleep(1.5)
        log('stopped'); await slot('stopped')
        mark=len(c.log_file.read_text())
        async with td.started(c):
            log('ready'); await slot('restarted'); e=td.tell_of_several(1); await publisher.write(*e); log('written'); r=await publisher.wait_for(begin,e); log('seen',len(r))
            for i in range(12):
                await noise(); await slot(i); await asyncio.sleep(1)
        log('stopped'); await slot('stopped')
        print("SECOND", c.log_file.read_text()[mark:])
        mark=len(c.log_file.read_text())
        await td.drop_slot(a, publisher)
        e=td.tell_of_several(1); await publisher.write(*e)
        async with td.started(c):
            log('ready'); await slot('restarted'); r=await publisher.wait_for(begin,e); log('seen',len(r)); 
        print("THIRD", c.log_file.read_text()[mark:])
        await a.close()
