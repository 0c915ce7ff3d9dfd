import { resolve } from 'node:path';
import type { PolicyDefaults } from '../core/turn.ts';
import type { FileSettings } from './schema.ts';

/** How to treat one model of a claw, where the catalogue does not know it or knows it differently. */
export interface ModelSettings {
  /** The model's name at the provider. */
  readonly id: string;
  /** Tokens, input and output together. */
  readonly context?: number;
  /** Tokens. */
  readonly output?: number;
  /** This and the further prices: US dollars per million tokens. */
  readonly inputPrice?: number;
  readonly outputPrice?: number;
  readonly cacheReadPrice?: number;
  readonly cacheWritePrice?: number;
}

/** What the configuration says about one claw; what is absent comes from the catalogue or the environment. */
export interface ClawSettings {
  /** Without trailing slash. */
  readonly baseUrl?: string;
  readonly apiKey?: string;
  readonly enabled: boolean;
  readonly protocol?: 'openai-chat' | 'openai-responses' | 'anthropic' | 'gemini';
  readonly models: readonly ModelSettings[];
  /** Overrides the catalogue's quirks one by one. */
  readonly quirks: {
    readonly maxTokensField?: 'max_tokens' | 'max_completion_tokens';
    readonly noStreamOptions?: boolean;
    readonly developerRole?: boolean;
    readonly noParallelToolCalls?: boolean;
    readonly noJsonSchema?: boolean;
  };
}

/** A caller's key that the operator has chosen. Names and keys are unique. */
export interface ConfiguredKey {
  readonly name: string;
  readonly key: string;
  readonly tenant: string;
  /** Its own words, and those for all keys where it has none. */
  readonly policy: PolicyDefaults;
}

/** The whole configuration: validated, every default in place, never changed after the start. */
export interface Config {
  /** The file it was read from, absolute; absent when there is none. */
  readonly file?: string;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  /** The root key, where the operator gave one; at least 16 characters. */
  readonly masterKey?: string;
  readonly storage: { readonly kind: 'sqlite' | 'memory' };
  /** By the provider's id, as the operator wrote it (an alias of the catalogue is possible). */
  readonly claws: Readonly<Record<string, ClawSettings>>;
  /** `provider/model` names in order of preference; never empty. */
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  readonly keys: readonly ConfiguredKey[];
  readonly limits: {
    readonly bodyBytes: number;
    readonly sessionQueue: number;
    readonly sessionWaitMs: number;
    readonly backgroundQueue: number;
    readonly socketMs: number;
  };
  readonly turns: {
    readonly policy: PolicyDefaults;
    readonly deferMs: number;
    /** What becomes of a turn that was running when the gateway died. */
    readonly recovery: 'rescue' | 'close';
    /** How many background turns run at once. */
    readonly background: number;
  };
  /** Milliseconds. */
  readonly retention: { readonly idempotencyMs: number };
  /** Milliseconds. */
  readonly timeouts: {
    readonly connectMs: number;
    readonly firstTokenMs: number;
    readonly idleMs: number;
    readonly totalMs: number;
  };
  readonly context: { readonly overflow: 'truncate' | 'error' };
  /** Whether to look for local model servers. */
  readonly detect: boolean;
  /** `silent` is for programs that start a gateway of their own; the file cannot ask for it. */
  readonly log: { readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent' };
  /** Milliseconds. */
  readonly shutdown: { readonly drainMs: number };
}

/** The one place where the file's names become the code's. */
export function toConfig(settings: FileSettings, cwd: string, file?: string): Config {
  const { limits, timeouts, turns } = settings;
  return {
    file,
    host: settings.host,
    port: settings.port,
    dataDir: resolve(cwd, settings.data_dir),
    masterKey: settings.master_key,
    storage: settings.storage,
    claws: mapValues(settings.claws, toClaw),
    aliases: mapValues(settings.aliases, (target) => (typeof target === 'string' ? [target] : target)),
    keys: settings.keys.map(({ turns: own, ...key }) => ({ ...key, policy: toPolicy({ ...turns, ...own }) })),
    limits: {
      bodyBytes: limits.body_bytes,
      sessionQueue: limits.session_queue,
      sessionWaitMs: limits.session_wait_ms,
      backgroundQueue: limits.background_queue,
      socketMs: limits.socket_ms,
    },
    turns: {
      policy: toPolicy(turns),
      deferMs: turns.defer_ms,
      recovery: turns.recovery,
      background: turns.background,
    },
    retention: { idempotencyMs: settings.retention.idempotency_ms },
    timeouts: {
      connectMs: timeouts.connect_ms,
      firstTokenMs: timeouts.first_token_ms,
      idleMs: timeouts.idle_ms,
      totalMs: timeouts.total_ms,
    },
    context: settings.context,
    detect: settings.detect,
    log: settings.log,
    shutdown: { drainMs: settings.shutdown.drain_ms },
  };
}

function toPolicy(words: FileSettings['turns']): PolicyDefaults {
  return {
    onDisconnect: words.on_disconnect,
    whenBusy: words.when_busy,
    whenDown: words.when_down,
    whenBroken: words.when_broken,
  };
}

function toClaw(claw: FileSettings['claws'][string]): ClawSettings {
  const { quirks } = claw;
  return {
    baseUrl: claw.base_url?.replace(/\/+$/, ''),
    apiKey: claw.api_key,
    enabled: claw.enabled,
    protocol: claw.protocol,
    models: claw.models.map((model) => ({
      id: model.id,
      context: model.context,
      output: model.output,
      inputPrice: model.input_price,
      outputPrice: model.output_price,
      cacheReadPrice: model.cache_read_price,
      cacheWritePrice: model.cache_write_price,
    })),
    quirks: {
      maxTokensField: quirks.max_tokens_field,
      noStreamOptions: quirks.no_stream_options,
      developerRole: quirks.developer_role,
      noParallelToolCalls: quirks.no_parallel_tool_calls,
      noJsonSchema: quirks.no_json_schema,
    },
  };
}

function mapValues<From, To>(record: Record<string, From>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
