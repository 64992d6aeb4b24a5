# syntax=docker/dockerfile:1
# Dateline with its model weights, seeds and the drivers of both servers. Needs no network but for what it is asked to reach.
FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY bot bot
COPY rag rag
COPY vectorstore vectorstore
COPY seeds seeds
# Every dependency has a wheel: a compiler in the image would be one that nobody needs.
RUN python -m venv /opt/dateline \
    && /opt/dateline/bin/pip install --no-cache-dir --only-binary :all: --no-binary dateline -c constraints.txt '.[mcp,postgres]' \
    # 143 MB that nothing here imports: Chroma asks for the first for clusters of its own.
    && /opt/dateline/bin/pip uninstall --yes --quiet kubernetes pip

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 dateline \
    && useradd --system --uid 10001 --gid 10001 --home-dir /tmp --shell /usr/sbin/nologin dateline \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /opt/dateline /opt/dateline
ENV PATH=/opt/dateline/bin:$PATH \
    DATELINE_HOME=/data \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
# Holds no .env: settings come from the environment.
WORKDIR /opt/dateline
VOLUME /data
# Started for each check, this costs two seconds of one core without DATELINE_DISCORD_PORT, a tenth of one with it.
HEALTHCHECK --interval=60s --timeout=30s --start-period=90s CMD ["dateline", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["dateline"]
CMD ["bot"]
