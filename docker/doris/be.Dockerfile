# The vendor's image with muster as PID 1: a BE, or a compute node with COMPONENT=cn.
#
#   docker build --tag doris-be - <docker/doris/be.Dockerfile
#
# BASE is the vendor's image; MUSTER is the image with /muster, which docker/muster.Dockerfile makes.
ARG BASE=apache/doris:be-4.0.1
ARG MUSTER=muster
FROM ${MUSTER} AS muster

FROM ${BASE}
COPY --from=muster /muster /usr/local/bin/muster
ENTRYPOINT ["muster", "run"]
# A check takes 2 ms. The start period is shorter than WAIT_TIMEOUT: a node without a leader is unhealthy before it ends.
HEALTHCHECK --interval=10s --timeout=5s --start-period=2m --retries=3 CMD ["muster", "health"]
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.title="Apache Doris with muster" \
      org.opencontainers.image.description="Apache Doris that forms one cluster from MASTER_HOST and LOCAL_HOST"
