import { anthropic } from '../claws/anthropic/protocol.ts';
import { loadCatalogue } from '../claws/catalogue/catalogue.ts';
import type { Provider, WireProtocol } from '../claws/claw.ts';
import { ClawDirectory } from '../claws/claw-directory.ts';
import { type FoundProvider, findProviders } from '../claws/find-providers.ts';
import { gemini } from '../claws/gemini/protocol.ts';
import { httpClaw } from '../claws/http-claw.ts';
import { recall } from '../claws/local/recall.ts';
import { detectLocalServers, localCandidates } from '../claws/local-servers.ts';
import { openaiChat } from '../claws/openai-chat/protocol.ts';
import { openaiResponses } from '../claws/openai-responses/protocol.ts';
import { redactionOf } from '../claws/redaction.ts';
import type { Config } from '../config/config.ts';
import type { ProtocolName } from '../core/prompt.ts';
import type { Alias } from '../core/routing.ts';
import { embeddingClaw, LOCAL_EMBEDDING } from './embedding-claws.ts';
import { openNetwork } from './provider-network.ts';

const PROTOCOLS: Record<Exclude<ProtocolName, 'local'>, WireProtocol> = {
  'openai-chat': openaiChat,
  'openai-responses': openaiResponses,
  anthropic,
  gemini,
};

/** Local servers start and stop while the gateway runs. */
const DETECT_EVERY_MS = 30_000;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface OpenClaws {
  directory: ClawDirectory;
  /** Every provider, on or off, as it was found at the start. */
  providers: readonly FoundProvider[];
  /** Finds the providers again, with the settings of a new configuration. */
  reconfigure(config: Config): Promise<void>;
  close(): void;
}

/** The claws of all providers that have a key or need none, and of local servers that are found. */
export async function openClaws(initial: Config, env: Environment): Promise<OpenClaws> {
  let config = initial;
  const catalogue = loadCatalogue();
  const network = openNetwork(() => config, env);
  const limits = () => config.answers;
  let redact = redactionOf([]);
  /** With the claw's own key: after a change of the configuration, calls with the earlier key go on. */
  const redactWith = (key: string | undefined) => {
    const own = redactionOf(key === undefined ? [] : [key]);
    return (text: string) => redact(own(text));
  };
  const connectionOf = (provider: Provider) => ({
    ...{ provider, post: network.post, limits },
    redact: redactWith(provider.apiKey),
  });
  const directory = new ClawDirectory({
    catalogue,
    settings: modelSettings(config),
    makeClaw(provider, protocol) {
      const origin = URL.parse(provider.baseUrl)?.origin ?? '';
      return httpClaw({
        ...connectionOf(provider),
        protocol: PROTOCOLS[protocol as keyof typeof PROTOCOLS],
        reach: network.reach,
        checkSocket: network.checkSocket,
        connectMs: () => network.connectMs(origin),
      });
    },
    makeEmbedding: (provider, protocols) => embeddingClaw(protocols, connectionOf(provider)),
    builtIn: { local: { claw: recall, models: ['recall'], embedding: LOCAL_EMBEDDING } },
  });
  const find = async (next?: Config) => {
    const { detect } = next ?? config;
    const localServers = detect ? await detectLocalServers(fetch, localCandidates(catalogue.providers)) : [];
    // From here on nothing waits: a request finds all of the earlier configuration, or all of the next one.
    config = next ?? config;
    const found = findProviders({
      rows: catalogue.providers,
      settings: config.claws,
      env,
      localServers,
      ownPort: config.port,
    });
    redact = redactionOf(secretsOf(config, found));
    directory.reconfigure(modelSettings(config));
    directory.update(found);
    network.update(baseUrlsOf(found));
    return found;
  };
  const providers = await find();
  const timer = config.detect ? setInterval(() => find(), DETECT_EVERY_MS) : undefined;
  timer?.unref();
  return {
    directory,
    providers,
    async reconfigure(next) {
      await find(next);
    },
    close() {
      clearInterval(timer);
      network.close();
    },
  };
}

const baseUrlsOf = (found: readonly FoundProvider[]): string[] =>
  found.flatMap((provider) =>
    provider.state === 'on' ? provider.connections.map((connection) => connection.provider.baseUrl) : [],
  );

/** The gateway's keys at providers, and the keys of its own callers as far as they are known. */
function secretsOf({ keys, rootKey, claws }: Config, found: readonly FoundProvider[]): string[] {
  const all = [
    rootKey,
    ...keys.map(({ key }) => key),
    ...Object.values(claws).flatMap(({ apiKey, instances }) => [
      apiKey,
      ...instances.map((instance) => instance.apiKey),
    ]),
    ...found.flatMap((provider) =>
      provider.state === 'on' ? provider.connections.map((connection) => connection.provider.apiKey) : [],
    ),
  ];
  return all.filter((secret) => secret !== undefined);
}

const modelSettings = ({ claws, aliases }: Config) => ({
  overrides: Object.fromEntries(Object.entries(claws).map(([id, { models }]) => [id, models])),
  multipliers: Object.fromEntries(
    Object.entries(claws).map(([id, { priceMultipliers }]) => [id, priceMultipliers]),
  ),
  aliases: Object.entries(aliases).map(([name, alias]) => aliasOf(name, alias)),
});

function aliasOf(name: string, settings: Config['aliases'][string]): Alias {
  const { models, lastResort, hedge, hedgeAfterMs, timeouts: limits, ...alias } = settings;
  return {
    ...{ ...alias, name, limits },
    members: models.map((member, index) => ({ ...member, order: member.order ?? index })),
    // The schema allows one of both.
    lastResort: lastResort as Alias['lastResort'],
    hedge: hedge ? { afterMs: hedgeAfterMs } : undefined,
  };
}
