import sys; sys.path.insert(0,'/work/main/tests')
import importlib.util, time, asyncio
T0=time.monotonic()
def log(*a): print(f"[probe {time.monotonic()-T0:7.2f}]",*a,flush=True)
spec=importlib.util.spec_from_file_location('td','/work/main/tests/e2e/test_debezium.py'); td=importlib.util.module_from_spec(spec); sys.modules['td']=td; spec.loader.exec_module(td)
publisher=td.publisher
pytestmark=td.pytestmark
async def test_probe(publisher):
    begin=await publisher.find_ends(); log('ends')
    before=td.tell_of_several(2)
    await publisher.write(*before)
    with publisher.connect() as c:
        import crm_local.engines.connect as cc
        c.prepare(); 
        f=c.home/'log4j2.yaml'; 
        orig=c.prepare
        def prep():
            orig(); f.write_text(f.read_text().replace('level: WARN','level: INFO'))
        c.prepare=prep
        async with td.started(c):
            log('ready')
            r=await publisher.wait_for(begin,before); log('snapshot seen')
            for x in r[:2]: log(x.topic,x.partition,x.key,x.headers,x.timestamp, x.value[:80])
            for i in range(3):
                e=td.tell_of_several(1); await publisher.write(*e); log('written'); await publisher.wait_for(begin,e); log('seen')
        log('stopped')
        async with td.started(c):
            log('ready'); e=td.tell_of_several(1); await publisher.write(*e); log('written'); r=await publisher.wait_for(begin,e); log('seen',len(r))
            import asyncpg
            a=await asyncpg.connect(publisher.admin_dsn)
            for i in range(4):
                log(dict((await a.fetch("select slot_name,active,failover,restart_lsn::text,confirmed_flush_lsn::text,catalog_xmin::text, pg_current_wal_lsn()::text from pg_replication_slots"))[0])); await asyncio.sleep(1)
                await a.execute("create table if not exists zz()"); await a.execute("drop table zz")
            await a.close()
        log('stopped')
        log((c.log_file.read_text())[:200000])
