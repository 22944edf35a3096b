# muster alone, for those who have no Rust: an image with one file, /muster, that other images copy from it.
#
#   docker build --tag muster --file docker/muster.Dockerfile .
#
#   COPY --from=muster /muster /usr/local/bin/muster      in any Dockerfile
#   docker run --rm muster --help
#
# Who has the file already (scripts/build, or a release) needs no build: tar -C dist -c muster | docker import - muster
ARG RUST=rust:1.95-bookworm
FROM ${RUST} AS build
WORKDIR /src
COPY . .
RUN scripts/build

FROM scratch
COPY --from=build /src/dist/muster /muster
ENTRYPOINT ["/muster"]
STOPSIGNAL SIGTERM
LABEL org.opencontainers.image.title="muster" \
      org.opencontainers.image.description="PID 1 of a StarRocks container: two addresses in, one healthy cluster out" \
      org.opencontainers.image.licenses="Apache-2.0"
