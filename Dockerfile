# One image for any service: docker build --build-arg SERVICE=deals -t crm-deals .
# It runs `crm-<service>` with api, worker, relay, migrate, redrive or republish as its argument.

FROM python:3.13-slim AS build
ARG SERVICE
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /opt/crm
# The workspace's outline first: the dependencies' layer lasts until the lock changes.
COPY pyproject.toml uv.lock ./
COPY libs/shared/pyproject.toml libs/shared/
COPY services/contacts/pyproject.toml services/contacts/
COPY services/deals/pyproject.toml services/deals/
COPY services/activities/pyproject.toml services/activities/
COPY services/search/pyproject.toml services/search/
COPY services/reporting/pyproject.toml services/reporting/
COPY deploy/local/pyproject.toml deploy/local/
RUN test -n "$SERVICE" || { echo "say which: --build-arg SERVICE=contacts|deals|activities|search|reporting"; exit 1; } \
    && uv sync --frozen --no-dev --no-install-workspace --package "crm-$SERVICE"
COPY libs/shared libs/shared
COPY services services
RUN find services -mindepth 1 -maxdepth 1 ! -name "$SERVICE" -exec rm -r {}/src {}/migrations \; \
    && uv sync --frozen --no-dev --package "crm-$SERVICE" \
    && ln -s "/opt/crm/.venv/bin/crm-$SERVICE" /opt/crm/crm-service

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home crm
COPY --from=build /opt/crm /opt/crm
ENV PATH=/opt/crm/.venv/bin:$PATH PYTHONUNBUFFERED=1 CRM_HTTP_HOST=0.0.0.0 CRM_HTTP_PORT=8000
USER crm
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['CRM_HTTP_PORT'] + '/livez', timeout=2)"]
ENTRYPOINT ["/opt/crm/crm-service"]
CMD ["api"]
