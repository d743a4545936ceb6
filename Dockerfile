# One image, one binary, every role. Two ways to it: the default compiles from source; `--target prebuilt` copies a
# binary that was compiled on the host (same C library: Debian bookworm), which is how the tests get an image in seconds
# and without a registry.

FROM debian:bookworm-slim AS base
LABEL org.opencontainers.image.title="Equipoise" \
      org.opencontainers.image.description="A Byzantine-resilience testbed on a real network" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home equipoise \
 && install -d -m 1777 /results /state /keys/server /keys/workers /keys/attackers /keys/observer
COPY scenarios /scenarios
WORKDIR /
USER equipoise
ENV EQUIPOISE_METRICS=0.0.0.0:9464
EXPOSE 4747 9464
# Every role answers on the address of its metrics.
HEALTHCHECK --interval=2s --timeout=5s --start-period=30s --retries=15 CMD ["/usr/local/bin/equipoise", "health"]
ENTRYPOINT ["/usr/local/bin/equipoise"]
CMD ["--help"]

# The classic builder builds this stage on the way to the next, with or without a binary: hence the pattern.
FROM base AS prebuilt
COPY Cargo.toml target/release/equipois[e] /usr/local/bin/

FROM rust:1.89-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin equipoise

FROM base AS source
COPY --from=build /src/target/release/equipoise /usr/local/bin/
