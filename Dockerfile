# syntax=docker/dockerfile:1

# The dependencies are Bun, which runs the gateway, and three libraries.
FROM node:24.12.0-bookworm-slim AS dependencies
WORKDIR /opt/clawhold
COPY package.json package-lock.json .npmrc ./
# Not `npm ci`: see bin/setup.mjs.
RUN npm install --omit=dev --no-save --no-fund --no-audit --loglevel=error

FROM node:24.12.0-bookworm-slim
WORKDIR /opt/clawhold
COPY --from=dependencies /opt/clawhold/node_modules ./node_modules
COPY package.json LICENSE ./
COPY bin ./bin
COPY src ./src
RUN node bin/build.mjs
RUN install -d -o node -g node -m 0700 /data

# In a container, the port is reachable only where it is published.
ENV NODE_ENV=production \
    CLAWHOLD_HOST=0.0.0.0 \
    CLAWHOLD_PORT=2529 \
    CLAWHOLD_DATA_DIR=/data
VOLUME /data
EXPOSE 2529
USER node

HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.CLAWHOLD_PORT + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

ENTRYPOINT ["node", "bin/clawhold.mjs"]
CMD ["start"]
