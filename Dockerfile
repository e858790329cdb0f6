# The worker of one installation. Everything that must outlive the container is below /data: mount a volume there.
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements-bootstrap.lock requirements.lock ./
RUN python -m venv .venv \
    && .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock \
    && VIRTUAL_ENV=/app/.venv .venv/bin/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
COPY . .
RUN VIRTUAL_ENV=/app/.venv .venv/bin/uv pip install --quiet --no-deps --no-build-isolation --offline --editable . \
    && .venv/bin/python -m compileall -q cartwire ingestion activation clients flows sandbox

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin cartwire \
    && install -d -o cartwire -g cartwire -m 0700 /data /app/var
COPY --from=build /app /app
WORKDIR /app
ENV CARTWIRE_WAREHOUSE=/data/warehouse.duckdb \
    CARTWIRE_LEDGER=/data/ledger.sqlite \
    CARTWIRE_ANALYST_DB=/data/analyst.duckdb \
    CARTWIRE_STATE_DIR=/data/state \
    DO_NOT_TRACK=1 \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PREFECT_HOME=/data/state/prefect \
    PYTHONUNBUFFERED=1
USER cartwire
VOLUME /data
# The first sync of a large shop takes longer than the start period is meant for: give it with --health-start-period.
HEALTHCHECK --interval=60s --timeout=30s --start-period=30m --retries=3 \
    CMD ["/app/.venv/bin/cartwire", "status", "--max-age", "30m"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/.venv/bin/cartwire"]
CMD ["serve"]
