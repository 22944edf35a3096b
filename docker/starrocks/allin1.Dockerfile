# The vendor's image with muster as PID 1: any node.
#
# FE and BE are both in it, so every container says which one it is: `environment: {COMPONENT: fe}`.
#
#   docker build --tag starrocks-allin1 - <docker/starrocks/allin1.Dockerfile
#
# BASE is the vendor's image; MUSTER is the image with /muster, which docker/muster.Dockerfile makes.
ARG BASE=starrocks/allin1-ubuntu:3.5-latest
ARG MUSTER=muster
FROM ${MUSTER} AS muster

FROM ${BASE}
COPY --from=muster /muster /usr/local/bin/muster
ENTRYPOINT ["muster", "run"]
# A check takes 2 ms. The start period is shorter than WAIT_TIMEOUT: a node without a leader is unhealthy before it ends.
HEALTHCHECK --interval=10s --timeout=5s --start-period=2m --retries=3 CMD ["muster", "health"]
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.title="StarRocks with muster" \
      org.opencontainers.image.description="StarRocks that forms one cluster from MASTER_HOST and LOCAL_HOST"
