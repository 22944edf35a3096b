# StarRocks' own image with muster in front: a BE.
#
#   docker build --tag starrocks-be - <docker/starrocks/be.Dockerfile
#
# BASE is the image to start from, MUSTER the one that holds /muster (docker/muster.Dockerfile makes it).
ARG BASE=starrocks/be-ubuntu:3.5-latest
ARG MUSTER=muster
FROM ${MUSTER} AS muster

FROM ${BASE}
COPY --from=muster /muster /usr/local/bin/muster
ENTRYPOINT ["muster", "run"]
# A check takes 2 ms. A node that waits for its leader is starting, not unhealthy: the start period is longer than WAIT_TIMEOUT.
HEALTHCHECK --interval=10s --timeout=5s --start-period=6m --retries=3 CMD ["muster", "health"]
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.title="StarRocks with muster" \
      org.opencontainers.image.description="One healthy cluster out of MASTER_HOST and LOCAL_HOST"
