# For those who build with Docker or Podman:
#
#   docker build --build-arg VERSION=v0.1.0 --tag bucketcors .
#
# `make image` needs no container engine, and is what releases are built with.
# The program is the same, built with the same flags, at the same place; the base
# and the metadata differ, and so do the digests.

ARG GO_VERSION=1.26.8

# The builder runs on the machine's own platform and compiles for the one that is asked for.
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X github.com/bucketcors/bucketcors/internal/cli.version=${VERSION}" \
      -o /out/bucketcors .

# Certificate authorities and a user; no shell, no package manager.
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="bucketcors" \
      org.opencontainers.image.description="Keeps the CORS configuration of S3 buckets equal to what Kubernetes objects say" \
      org.opencontainers.image.url="https://github.com/bucketcors/bucketcors" \
      org.opencontainers.image.source="https://github.com/bucketcors/bucketcors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/bucketcors /bucketcors
# A number, which runAsNonRoot can check.
USER 65532:65532
ENTRYPOINT ["/bucketcors"]
