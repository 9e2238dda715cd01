# One image for each service: docker build --build-arg SERVICE=deals -t crm-deals .    All seven: make images
# It runs `crm-<service>` with api, worker, relay, migrate, redrive or republish as its argument.
# docs/operations/containers.md says what is in it, and how it is built for two architectures.

# A name with its digest builds on that alone: deploy/compose/pin writes one.
ARG PYTHON_IMAGE=python:3.13-slim

# What all seven have below: the same layers, whatever the service.
FROM ${PYTHON_IMAGE} AS runtime
# Nothing is installed in a running container. The folders are of volumes: whichever container comes first, they belong
# to the one that writes.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip \
    && useradd --system --uid 10001 --no-create-home crm \
    && mkdir -p /run/issuer/private /run/issuer/public && chown -R crm: /run/issuer \
    && dpkg-query --show --showformat '${binary:Package}\t${Version}\t${Architecture}\n' > /usr/share/crm-system-packages.tsv

FROM ${PYTHON_IMAGE} AS tools
# strip: half of what compiled libraries weigh is names that only a debugger asks for.
RUN apt-get update && apt-get install -y --no-install-recommends binutils && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir uv==0.13.9
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/crm
# The workspace's outline first: the dependencies' layer lasts until the lock changes.
COPY pyproject.toml uv.lock ./
COPY libs/shared/pyproject.toml libs/shared/
COPY libs/testing/pyproject.toml libs/testing/
COPY services/contacts/pyproject.toml services/contacts/
COPY services/deals/pyproject.toml services/deals/
COPY services/activities/pyproject.toml services/activities/
COPY services/search/pyproject.toml services/search/
COPY services/reporting/pyproject.toml services/reporting/
COPY integrations/warehouse/pyproject.toml integrations/warehouse/
COPY deploy/canary/pyproject.toml deploy/canary/
COPY deploy/issuer/pyproject.toml deploy/issuer/
COPY deploy/local/pyproject.toml deploy/local/
COPY deploy/observability/pyproject.toml deploy/observability/
RUN UV_PROJECT_ENVIRONMENT=/opt/inventory uv sync --frozen --only-group inventory

FROM tools AS dependencies
ARG SERVICE
# What no process imports is not compiled beforehand either: its bytecode weighs as much as its source.
RUN test -n "$SERVICE" || { echo "say which: --build-arg SERVICE=contacts|deals|activities|search|reporting|issuer|canary"; exit 1; } \
    && uv sync --frozen --no-dev --no-install-workspace --package "crm-$SERVICE" \
    && find .venv -name '*.so*' -type f -exec strip --strip-unneeded {} + \
    && python -m compileall -q --invalidation-mode unchecked-hash .venv \
        -x '/(pygments/(lexers|styles)|sqlalchemy/(testing|orm|dialects/(mssql|mysql|oracle))|faststream/(confluent|mqtt|nats|rabbit|redis|specification)|elasticsearch/(_sync|dsl|esql)|opentelemetry/(sdk/_logs|proto_json/(collector/)?(logs|profiles)|semconv/_incubating/(attributes|metrics)/(?!otel_)))/'

FROM dependencies AS described
COPY deploy/images/inventory.py /opt/
COPY --from=runtime /usr/share/crm-system-packages.tsv /opt/
RUN /opt/inventory/bin/python /opt/inventory.py "crm-$SERVICE" /opt/crm-system-packages.tsv /inventory

# make images ARGS=inventory: what each image holds, as files on this machine.
FROM scratch AS inventory
COPY --from=described /inventory /

FROM dependencies AS build
COPY libs/shared libs/shared
COPY services services
COPY deploy/canary deploy/canary
COPY deploy/issuer deploy/issuer
# What the service does without goes. Its own is compiled too: the root is read-only, and each start would do it again.
RUN uv sync --frozen --no-dev --package "crm-$SERVICE" \
    && find services deploy -mindepth 1 -maxdepth 1 ! -name "$SERVICE" -exec rm -rf {} + \
    && rm -rf integrations libs/testing pyproject.toml uv.lock .venv/.lock .venv/bin/activate* \
    && python -m compileall -q --invalidation-mode unchecked-hash libs services deploy \
    && ln -s "/opt/crm/.venv/bin/crm-$SERVICE" crm-service

FROM runtime
COPY --from=described /inventory /opt/crm/inventory
COPY --from=build /opt/crm /opt/crm
ENV PATH=/opt/crm/.venv/bin:$PATH PYTHONUNBUFFERED=1 CRM_HTTP_HOST=0.0.0.0 CRM_HTTP_PORT=8000
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# A bare socket, no site-packages: sixteen containers that each import an HTTP client every few seconds keep a core busy.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --start-interval=2s \
    CMD ["python", "-ISc", "import os, socket; s = socket.create_connection(('127.0.0.1', int(os.environ['CRM_HTTP_PORT'])), 8); s.sendall(b'GET /livez HTTP/1.0\\r\\n\\r\\n'); raise SystemExit(b' 200 ' not in s.recv(64))"]
ENTRYPOINT ["/opt/crm/crm-service"]
CMD ["api"]
# Last, so that another commit makes no layer anew. Of the same values the same image is made.
ARG SERVICE
ARG VERSION=
ARG REVISION=
ARG CREATED=
ARG SOURCE=
LABEL org.opencontainers.image.title="crm-$SERVICE" \
    org.opencontainers.image.description="The CRM suite: $SERVICE" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.source="$SOURCE" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.created="$CREATED"
