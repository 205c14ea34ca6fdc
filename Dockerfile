# Tailgate's image. tools/image-steps.sh carries out these same steps without a container engine, so keep RUN lines
# relative to their WORKDIR and free of root; CI runs it.
ARG NODE_IMAGE=node:26.10.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json
RUN mkdir data

# What runs needs neither compilers nor the Node from npm: the base image has one.
FROM ${NODE_IMAGE} AS packages
WORKDIR /packages
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Tailgate" \
      org.opencontainers.image.description="A tail-sampling gateway for OpenTelemetry traces" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY package.json LICENSE ./
COPY bin bin
COPY proto proto
COPY config config
COPY --from=packages /packages/node_modules node_modules
COPY --from=build /build/dist dist
# The embedded store and the last good rules.
COPY --from=build --chown=1000:1000 /build/data /data
ENV NODE_ENV=production \
    TAILGATE_GRPC=0.0.0.0:4317 \
    TAILGATE_HTTP=0.0.0.0:4318 \
    TAILGATE_ADMIN=0.0.0.0:8888 \
    TAILGATE_DATA=/data \
    SQLITE_TMPDIR=/data
# Nothing is written but to /data, so that the root may be read-only; searches sort there what is too large for memory.
# The user `node` of the base image, by number so that Kubernetes can see it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 4317 4318 8888
STOPSIGNAL SIGTERM
# TAILGATE_ADMIN_SCHEME=https where the admin port speaks TLS; whoever asks here is inside, and knows whom it asks.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "const { TAILGATE_ADMIN_SCHEME: scheme = 'http', TAILGATE_ADMIN: at } = process.env; require(`node:${scheme}`).get({ host: '127.0.0.1', port: at.split(':').pop(), path: '/livez', rejectUnauthorized: false }, (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# bin/tailgate gives Node its V8 flags and becomes it: signals arrive.
ENTRYPOINT ["/app/bin/tailgate"]
CMD ["run"]
