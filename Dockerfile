# Two ways to the same image. The default compiles from source; `--target prebuilt` copies a binary that was compiled on
# the host (same C library: Debian bookworm), which is how the tests get an image in seconds and without a registry.

FROM debian:bookworm-slim AS base
RUN useradd --uid 10001 --user-group --no-create-home equipoise \
 && mkdir /results && chown equipoise:equipoise /results
COPY scenarios /scenarios
WORKDIR /
USER equipoise
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
