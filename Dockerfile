# syntax=docker/dockerfile:1

# Stage 1 builds a static binary, on the machine's own architecture and for the
# one that is asked for: no emulator is needed. Modules come before the source,
# so that a change of the source does not download them again.
# The digest is that of the list for all platforms. Dependabot proposes newer ones.
FROM --platform=$BUILDPLATFORM golang:1.26.8@sha256:0f063af2d465d8dcae54cce04278ada488b96f77b42449c8d071e47d016cc65a AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
ARG COMMIT=
ARG TARGETOS TARGETARCH
# timetzdata: CRON_TZ names time zones, and the image has no list of them.
# lambda.norpc: without the start of the old Go runtime, whose net/rpc makes the linker
# keep every method of every type: 10 MB.
# nethttpomithttp2: without HTTP/2, since AWS answers HTTP/1.1 as well: 0.5 MB.
# -l: calls within the SDK are not inlined, since the network is what they wait for: 1 MB.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -tags timetzdata,lambda.norpc,nethttpomithttp2 -gcflags=github.com/aws/...=-l -ldflags "-s -w -X main.linkedVersion=${VERSION} -X main.linkedCommit=${COMMIT}" -o /out/eventinvoke ./cmd/eventinvoke
RUN mkdir /out/state

# Stage 2 holds the binary, the CA certificates, a user without rights, and
# nothing else: no shell, no package manager.
FROM scratch
ARG VERSION=devel
ARG COMMIT=
LABEL org.opencontainers.image.title="eventinvoke" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/eventinvoke/eventinvoke" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/eventinvoke /eventinvoke
COPY --from=build /src/LICENSE /src/NOTICE /licenses/
# Where runs are remembered, unless --history says otherwise. Without a volume
# here, or s3://, the history ends with the container, and with it the way back.
# There is no VOLUME line: it would leave a nameless one behind after each run.
ENV XDG_STATE_HOME=/state
COPY --from=build --chown=65532:65532 /out/state /state
# 65532 is the "nonroot" user of the distroless images; numeric, so that
# Kubernetes' runAsNonRoot can check it without a passwd file.
USER 65532:65532
WORKDIR /fleet
# For serve, which has pages to ask. Start a run that ends by itself with
# --no-healthcheck: there is nothing to ask. Kubernetes and ECS take their
# checks from their own manifests and ignore this one.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/eventinvoke", "healthcheck"]
ENTRYPOINT ["/eventinvoke"]
CMD ["--help"]
