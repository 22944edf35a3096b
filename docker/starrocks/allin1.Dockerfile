# StarRocks' own image with muster in front: any node.
#
# FE and BE are both in it, so every container says which one it is: `environment: {COMPONENT: fe}`.
#
#   docker build --tag starrocks-allin1 - <docker/starrocks/allin1.Dockerfile
#
# BASE is the image to start from, MUSTER the one that holds /muster (docker/muster.Dockerfile makes it).
ARG BASE=starrocks/allin1-ubuntu:3.5-latest
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
