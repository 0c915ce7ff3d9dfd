import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { anthropic } from './claws/anthropic/protocol.ts';
import { loadCatalogue } from './claws/catalogue/catalogue.ts';
import type { ProtocolName, Provider, WireProtocol } from './claws/claw.ts';
import { connectWithin } from './claws/connect.ts';
import { type FoundProvider, findProviders } from './claws/find-providers.ts';
import { gemini } from './claws/gemini/protocol.ts';
import { httpClaw } from './claws/http-claw.ts';
import { recall } from './claws/local/recall.ts';
import { detectLocalServers, localCandidates } from './claws/local-servers.ts';
import { openaiChat } from './claws/openai-chat/protocol.ts';
import { openaiResponses } from './claws/openai-responses/protocol.ts';
import { type Config, policyOf } from './config/config.ts';
import { systemClock } from './core/clock.ts';
import { Fault } from './core/errors.ts';
import type { Tenant } from './core/turn.ts';
import type { Gateway } from './http/gateway.ts';
import { healthRoutes } from './http/health.ts';
import { serve } from './http/server.ts';
import type { SocketRoute } from './http/socket.ts';
import { chatRoutes } from './http/v1/chat/routes.ts';
import { conversationRoutes } from './http/v1/conversations/routes.ts';
import { modelRoutes } from './http/v1/models.ts';
import { responseRoutes } from './http/v1/responses/routes.ts';
import { ResponseSockets } from './http/v1/responses/websocket.ts';
import { openLog } from './observe/log.ts';
import { DEFAULT_TENANT, hashKey, Keyring, newKey } from './security/keys.ts';
import type { Journal } from './session/journal.ts';
import { Leases } from './session/lease.ts';
import { Sessions } from './session/sessions.ts';
import type { BlobStore, KeyStore, SessionStore } from './session/store.ts';
import { FileBlobStore } from './stores/files/blob-store.ts';
import { FileJournal } from './stores/files/journal.ts';
import { MemoryBlobStore } from './stores/memory/blob-store.ts';
import { MemoryJournal } from './stores/memory/journal.ts';
import { MemoryKeyStore } from './stores/memory/key-store.ts';
import { MemorySessionStore } from './stores/memory/session-store.ts';
import { SqliteSessionStore } from './stores/sqlite/session-store.ts';
import { Background } from './turn/background.ts';
import { ClawDirectory } from './turn/claw-directory.ts';
import { recover } from './turn/recover.ts';
import { Repeats } from './turn/repeats.ts';
import { RunningTurns } from './turn/running-turns.ts';

/** The composition root: the only file that names concrete stores and claws. */

const PROTOCOLS: Record<Exclude<ProtocolName, 'local'>, WireProtocol> = {
  'openai-chat': openaiChat,
  'openai-responses': openaiResponses,
  anthropic,
  gemini,
};

/** Local servers come and go while the gateway runs. */
const DETECT_EVERY_MS = 30_000;
/** Another process on the same store may die. */
const NEIGHBOURS_MS = 10_000;
/** What is older than its retention is forgotten. */
const SWEEP_MS = 5 * 60_000;

export interface RunningGateway {
  /** `http://host:port`, with the port that was really taken. */
  url: string;
  /** The root key, if this start made it: shown once, kept only as a hash. */
  newRootKey?: string;
  /** Every provider, on or off. */
  providers: readonly FoundProvider[];
  /** Turns of an earlier process that this start took over. */
  recovered: number;
  /** What turns hold at this moment: all zero once every turn has ended. */
  counts(): GatewayCounts;
  /** Lets running turns end, within the configured time, and closes everything. */
  stop(): Promise<void>;
}

export interface GatewayCounts {
  running: number;
  /** Leases of sessions, and turns that wait for one. */
  leases: number;
  waiting: number;
  /** Background turns that run or wait. */
  background: number;
}

type Env = Readonly<Record<string, string | undefined>>;

export async function startGateway(config: Config, env: Env): Promise<RunningGateway> {
  const log = openLog(config.log.level);
  const stores = await openStores(config);
  const { keyring, newRootKey } = await openKeyring(config, stores.keys);
  const clock = systemClock;
  const claws = await openClaws(config, env);
  const running = new RunningTurns();
  const { store, journal } = stores;
  const { limits } = config;
  const leases = new Leases({ store, holder: journal.instance, clock, queue: limits.sessionQueue });
  const takeOver = () => recover(gateway, config.turns.recovery);
  const repeats = new Repeats({ store, journal, clock, retention: config.retention.idempotencyMs, takeOver });
  const gateway: Gateway = {
    ...stores,
    clock,
    directory: claws.directory,
    claw: (candidate) => claws.directory.claw(candidate),
    sessions: new Sessions({ ...stores, leases, clock }),
    running,
    repeats,
    background: new Background(config.turns.background, limits.backgroundQueue),
    timeouts: config.timeouts,
    patience: { sessionMs: limits.sessionWaitMs, deferMs: config.turns.deferMs },
    emit: log.turn,
    bodyLimit: limits.bodyBytes,
    overflow: config.context.overflow,
  };
  // Every turn that an earlier process left can be found again before the first request comes.
  const recovered = await takeOver();
  const housekeeping = [every(NEIGHBOURS_MS, takeOver), every(SWEEP_MS, () => repeats.sweep())];
  let accepting = true;
  const sockets = new ResponseSockets(gateway, limits.socketMs);
  const server = serve({
    host: config.host,
    port: config.port,
    keyring,
    routes: [
      ...chatRoutes(gateway),
      ...responseRoutes(gateway),
      ...conversationRoutes(gateway),
      ...modelRoutes(claws.directory, clock()),
    ],
    sockets,
    open: healthRoutes({ ready: () => accepting, probeStore: () => probe(store) }),
    onRequest: log.request,
  });
  return {
    url: `http://${config.host}:${server.port}`,
    newRootKey,
    providers: claws.providers,
    recovered,
    counts: () => countsOf(gateway, leases),
    async stop() {
      accepting = false;
      claws.close();
      for (const timer of housekeeping) clearInterval(timer);
      leases.close();
      const closed = closeDoor(server, sockets);
      await running.drain(config.shutdown.drainMs, closed);
      await Promise.race([closed, Bun.sleep(1_000)]);
      await server.stop(true);
      await stores.journal.close();
      await stores.store.close();
      log.flush();
    },
  };
}

/** Resolves when the store answers. */
const probe = (store: SessionStore): Promise<unknown> =>
  store.findSession(DEFAULT_TENANT, { name: 'health' });

function countsOf({ running, background }: Gateway, leases: Leases): GatewayCounts {
  const { held, waiting } = leases.counts;
  return { running: running.size, leases: held, waiting, background: background.counts.accepted };
}

/** Settles with the last open request: until then, turns that wait for their session may still begin. */
function closeDoor(server: ReturnType<typeof serve>, sockets: SocketRoute): Promise<void> {
  const closed = server.stop();
  sockets.retire(new Fault('shutting_down', 'The gateway is shutting down.'));
  return closed;
}

/** Does something again and again; what fails now is done the next time. */
function every(ms: number, work: () => Promise<unknown>): ReturnType<typeof setInterval> {
  const timer = setInterval(() => work().catch(() => {}), ms);
  timer.unref();
  return timer;
}

interface Stores {
  store: SessionStore;
  journal: Journal;
  blobs: BlobStore;
  keys: KeyStore;
}

async function openStores({ storage, dataDir }: Config): Promise<Stores> {
  if (storage.kind === 'memory') {
    return {
      store: new MemorySessionStore(),
      journal: new MemoryJournal(),
      blobs: new MemoryBlobStore(),
      keys: new MemoryKeyStore(),
    };
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const store = await SqliteSessionStore.open(join(dataDir, 'clawhold.db'));
  return { store, keys: store, journal: FileJournal.open(dataDir), blobs: new FileBlobStore(dataDir) };
}

async function openKeyring(
  config: Config,
  keys: KeyStore,
): Promise<{ keyring: Keyring; newRootKey?: string }> {
  const keyring = new Keyring();
  const root = { tenant: DEFAULT_TENANT, key: 'root', policy: policyOf(config.turns) };
  for (const { name, key, tenant, policy } of config.keys)
    keyring.add(hashKey(key), { tenant: tenant as Tenant, key: name, policy });
  if (config.masterKey !== undefined) {
    keyring.add(hashKey(config.masterKey), root);
    return { keyring };
  }
  const known = await keys.rootKeyHash();
  if (known !== undefined) {
    keyring.add(known, root);
    return { keyring };
  }
  const newRootKey = newKey();
  await keys.setRootKeyHash(hashKey(newRootKey));
  keyring.add(hashKey(newRootKey), root);
  return { keyring, newRootKey };
}

async function openClaws(config: Config, env: Env) {
  const catalogue = loadCatalogue();
  const connect = connectWithin(config.timeouts.connectMs, env);
  const directory = new ClawDirectory({
    catalogue,
    overrides: Object.fromEntries(Object.entries(config.claws).map(([id, { models }]) => [id, models])),
    aliases: config.aliases,
    makeClaw: (provider: Provider, protocol) =>
      httpClaw({ provider, protocol: PROTOCOLS[protocol as keyof typeof PROTOCOLS], fetch, connect }),
    builtIn: { local: { claw: recall, models: ['recall'] } },
  });
  const find = async () => {
    const localServers = config.detect
      ? await detectLocalServers(fetch, localCandidates(catalogue.providers))
      : [];
    const found = findProviders({
      rows: catalogue.providers,
      settings: config.claws,
      env,
      localServers,
      ownPort: config.port,
    });
    directory.update(found);
    return found;
  };
  const providers = await find();
  const timer = config.detect ? setInterval(find, DETECT_EVERY_MS) : undefined;
  timer?.unref();
  return { directory, providers, close: () => clearInterval(timer) };
}
