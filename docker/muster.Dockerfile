# muster alone: an image with one file, /muster, for other images to copy.
#
#   docker build --tag muster --build-arg COMMIT=$(git describe --always --dirty) --file docker/muster.Dockerfile .
#
#   COPY --from=muster /muster /usr/local/bin/muster      in any Dockerfile
#   docker run --rm muster --help
#
# COMMIT is what `muster --version` names. If you have the program already (from scripts/build or a release), import it
# instead: tar -C dist -c muster | docker import - muster
ARG RUST=rust:1.95-bookworm
FROM ${RUST} AS build
WORKDIR /src
COPY . .
ARG COMMIT=
RUN MUSTER_COMMIT=$COMMIT scripts/build

FROM scratch
COPY --from=build /src/dist/muster /muster
ENTRYPOINT ["/muster"]
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.title="muster" \
      org.opencontainers.image.description="PID 1 of a StarRocks container: makes one cluster from two addresses a host" \
      org.opencontainers.image.licenses="Apache-2.0"
