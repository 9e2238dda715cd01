"""`python -m crm_local.engines [postgres] [kafka] [elasticsearch]`: throw-away engines until Ctrl-C, for work on tests.

Prints the variables that make a test run use them (CRM_TEST_ENGINES=external), so that it starts at once.
"""

import signal
import sys
import threading

from crm_local.engines.native import ENGINE_NAMES, native_engines


def main() -> int:
    names = sys.argv[1:] or list(ENGINE_NAMES)
    if unknown := set(names) - set(ENGINE_NAMES):
        sys.stderr.write(f"no such engine: {', '.join(sorted(unknown))}; there are {', '.join(ENGINE_NAMES)}\n")
        return 2
    ended = threading.Event()
    for caught in (signal.SIGINT, signal.SIGTERM):
        signal.signal(caught, lambda *_: ended.set())
    with native_engines(*names) as engines:
        lines = ["export CRM_TEST_ENGINES=external"]
        if "postgres" in names:
            lines.append(f"export CRM_TEST_POSTGRES_ADMIN_DSN={engines.postgres_admin_dsn}")
        if "kafka" in names:
            lines.append(f"export CRM_TEST_KAFKA_BOOTSTRAP={engines.kafka_bootstrap}")
        if "elasticsearch" in names:
            lines.append(f"export CRM_TEST_ELASTICSEARCH_URL={engines.elasticsearch_url}")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
