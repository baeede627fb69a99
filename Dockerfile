# syntax=docker/dockerfile:1
# The image holds one static program, certificates and an empty data directory;
# no shell, no package manager. It runs as nobody, with a read-only root.
FROM golang:1.26-bookworm AS build
WORKDIR /src
ENV GOCACHE=/cache/build GOMODCACHE=/cache/modules
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/cache go mod download
COPY . .
ARG VERSION=devel
RUN --mount=type=cache,target=/cache \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/tributary-data/tributary/internal/cli.release=${VERSION}" -o /out/tributary . \
    && mkdir -p /out/data

FROM gcr.io/distroless/static-debian12
COPY --from=build /out/tributary /usr/bin/tributary
COPY --from=build --chown=65534:65534 /out/data /data
USER 65534:65534
ENV TRIBUTARY_STATE_DIR=/data/state
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["/usr/bin/tributary", "health"]
ENTRYPOINT ["/usr/bin/tributary"]
CMD ["serve"]
