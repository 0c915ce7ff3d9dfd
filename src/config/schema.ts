import { z } from 'zod';
import { POLICY_WORDS } from '../core/policy.ts';
import { aliasesSchema, callTimeouts, contextPolicy, historyTokens } from './alias-schema.ts';
import { clawSchema } from './claw-schema.ts';
import { alerts, metrics, telemetry } from './observability.ts';
import { overload, rateLimit, rateLimits } from './rate-limits.ts';
import { breaker, bulkhead, retries } from './resilience.ts';
import {
  flag,
  list,
  name,
  oneOf,
  partialSection,
  secret,
  section,
  text,
  wholeNumber,
  wholeNumberOrAuto,
} from './setting.ts';

/**
 * Every setting of the configuration, as the file writes it: snake_case, all optional. This file,
 * with `claw-schema.ts` for the settings of a claw, is the only place that describes a setting. Everything else
 * is derived from it: the `Config` type and its values (`config.ts`), the `CLAWHOLD_…` variables, the messages about mistakes, and the files that
 * `bun src/composition/write-docs.ts` writes (JSON Schema, example, reference).
 */

const MIB = 1024 * 1024;
const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

const storage = section({
  kind: oneOf(['sqlite', 'memory']).default('sqlite').meta({
    description: 'A database in `data_dir`, or memory. Memory loses everything at every stop.',
    restart: true,
  }),
});

const claws = z
  .record(text('letters, digits or . _ - as a name', /^[A-Za-z0-9][\w.-]*$/), clawSchema)
  .prefault({})
  .meta({
    description:
      'Connections to providers, by name. A provider whose key is in the environment (OPENAI_API_KEY, ' +
      'ANTHROPIC_API_KEY, GEMINI_API_KEY…) needs no entry. An entry changes something, or adds a server of ' +
      'your own.',
    example: `
openai:
  api_key: \${OPENAI_API_KEY:-sk-not-set}
  enabled: false
in-house:
  protocol: openai-chat
  region: eu
  # Two servers; the second gets twice as many requests.
  instances:
    - { base_url: http://127.0.0.1:9000/v1 }
    - { base_url: http://127.0.0.1:9001/v1, weight: 2 }
  models:
    # US dollars per million tokens.
    - { id: our-model, context: 32768, output: 4096, input_price: 0.1, output_price: 0.4 }
  quirks:
    no_parallel_tool_calls: true
`,
  });

/** How turns meet trouble: for all turns in `turns`, for the turns of one key in `keys`. */
const policy = {
  on_disconnect: oneOf(POLICY_WORDS.onDisconnect).meta({
    description:
      'When the client disconnects before the answer is complete: run on and record it, or cancel the turn.',
  }),
  when_busy: oneOf(POLICY_WORDS.whenBusy).meta({
    description:
      'While another turn writes to the session: wait for it, or fork from what the session holds.',
  }),
  when_down: oneOf(POLICY_WORDS.whenDown).meta({
    description: 'While no provider can be reached: fail, or defer the turn until one can.',
  }),
  when_broken: oneOf(POLICY_WORDS.whenBroken).meta({
    description:
      'When an answer broke off and cannot be continued: restart it, or fail. Without this setting, ' +
      'responses restart. Chat completions fail, because they cannot take text back.',
  }),
  drop_tools: flag().meta({
    description:
      'When a model lacks a tool of the request: leave the tool out (true), or ask another model that has it ' +
      'and refuse the request if there is none. The reply names what was left out.',
  }),
};

const turns = section({
  on_disconnect: policy.on_disconnect.default('run_on'),
  when_busy: policy.when_busy.default('wait'),
  when_down: policy.when_down.default('fail'),
  defer_ms: wholeNumber(1, 7 * DAY_MS)
    .default(HOUR_MS)
    .meta({
      description: 'How long a deferred turn waits for a provider, in milliseconds.',
    }),
  when_broken: policy.when_broken.optional().meta({ example: 'restart' }),
  drop_tools: policy.drop_tools.optional().meta({ example: 'true' }),
  recovery: oneOf(['rescue', 'close'])
    .default('rescue')
    .meta({
      description:
        'What happens to turns that were running when the gateway died: rescue continues them, close ends ' +
        'them as incomplete.',
    }),
  background: wholeNumber(1, 10_000).default(16).meta({
    description: 'How many background turns run at once.',
  }),
});

const key = section({
  name: text('a name', /\S/).meta({ description: 'Shown in logs and usage reports instead of the key.' }),
  key: secret(16).meta({ description: 'What clients send as `Authorization: Bearer <key>`.' }),
  tenant: text('1 to 64 letters, digits or . _ -', /^[\w.-]{1,64}$/)
    .default('default')
    .meta({
      description: 'Whose sessions the key can use. Keys of one tenant share their sessions.',
    }),
  keep: flag()
    .default(true)
    .meta({
      description:
        'False: nothing of the requests of this key is kept. Its turns read sessions, and write nothing. A request ' +
        'can ask for this by the header `x-clawhold-keep: false`.',
    }),
  sessions: oneOf(['named', 'recognise'])
    .default('named')
    .meta({
      description:
        'Named: a request belongs to a session if it names one. Recognise: a request that names none belongs to the ' +
        'session whose history it repeats, or begins a new one; for clients that send their whole history and no id.',
    }),
  models: list(name('the name of a model', /\S/), 'a list of names')
    .min(1, { error: 'expected at least one name' })
    .optional()
    .meta({
      description:
        'The only models that the key may use: aliases or `provider/model`. `*` stands for any text. Absent: all.',
    }),
  regions: list(name('a region: letters, digits or . _ -', /^[\w.-]+$/), 'a list of regions')
    .min(1, { error: 'expected at least one region' })
    .optional()
    .meta({
      description: 'The only regions whose claws the key may use (`claws.<name>.region`). Absent: all.',
    }),
  data_collection: oneOf(['allow', 'deny']).default('allow').meta({
    description:
      'With deny, the key uses only claws that keep no data and train on none (`claws.<name>.data_collection`).',
  }),
  timeouts: callTimeouts.optional().meta({ description: 'Time limits of the requests of this key.' }),
  context: contextPolicy(),
  history_tokens: historyTokens(),
  turns: partialSection(policy).prefault({}).meta({
    description: 'How the turns of this key meet trouble, where it differs from the general `turns`.',
  }),
  limits: rateLimit.prefault({}).meta({
    description: 'What this key may use, where it differs from `rate_limits.per_key`.',
  }),
});

const keys = list(key, 'a list of keys')
  .prefault([])
  .meta({
    description: 'Keys for clients, in addition to the root key. Keys of one tenant share their sessions.',
    example: `
- name: website
  key: \${WEBSITE_KEY:-change-me-to-a-long-secret}
  tenant: website
  # How the turns of this key differ.
  turns: { on_disconnect: cancel }
  limits: { requests_per_minute: 60, tokens_per_minute: 100000, streams: 5 }
`,
  });

const limits = section({
  body_bytes: wholeNumber(1024, 2048 * MIB)
    .default(32 * MIB)
    .meta({
      description: 'The largest request body, in bytes.',
    }),
  body_ms: wholeNumber(1, DAY_MS).default(300_000).meta({
    description: 'How long the body of a request may take to arrive, in milliseconds.',
  }),
  session_queue: wholeNumber(0, 10_000).default(16).meta({
    description: 'How many turns may wait for one session. Further turns are refused.',
  }),
  session_wait_ms: wholeNumber(1, DAY_MS).default(120_000).meta({
    description: 'How long a turn waits for its session before it is refused, in milliseconds.',
  }),
  background_queue: wholeNumber(0, 1_000_000).default(1000).meta({
    description: 'How many background turns may wait. Further ones are refused.',
  }),
  socket_ms: wholeNumber(1, HOUR_MS).default(HOUR_MS).meta({
    description: 'How long a WebSocket may be open before its client has to reconnect, in milliseconds.',
  }),
});

const retention = section({
  idempotency_ms: wholeNumber(1, 365 * DAY_MS)
    .default(DAY_MS)
    .meta({
      description: 'How long idempotency keys are kept.',
    }),
});

const timeouts = section({
  connect_ms: wholeNumber(1, DAY_MS).default(10_000).meta({
    description: 'The time to connect to a provider, with TLS.',
  }),
  first_token_ms: wholeNumber(1, DAY_MS).default(120_000).meta({
    description: 'The time from the request until the answer begins.',
  }),
  sign_of_life_ms: wholeNumber(1, DAY_MS)
    .default(12_000)
    .meta({
      description:
        'The time before the answer begins in which a stream must show a sign of life: an event, a comment or ' +
        'a ping. Then the next model is called. A long prompt adds up to one and a half times as much. The limit ' +
        'holds while another model can be called, and not for models that are known to reason in silence.',
    }),
  idle_ms: wholeNumber(1, DAY_MS).default(60_000).meta({
    description: 'The time between two signs of life of an answer that has begun.',
  }),
  total_ms: wholeNumber(1, DAY_MS).default(1_800_000).meta({
    description: 'The time for the whole answer of one call.',
  }),
  turn_ms: wholeNumber(1, 7 * DAY_MS)
    .default(3_600_000)
    .meta({
      description: 'The time for all calls of one turn together.',
    }),
  probe_ms: wholeNumber(1, DAY_MS)
    .default(15_000)
    .meta({
      description:
        'After each silence of this length, the gateway probes the provider: it tries to open a connection. If two ' +
        'probes in a row fail, the connection of the call is dead, and the call fails.',
    }),
});

const answers = section({
  line_chars: wholeNumber(1024, 1024 * MIB)
    .default(32 * MIB)
    .meta({
      description: 'The longest line of a stream, in characters. An image may be one line.',
    }),
  event_chars: wholeNumber(1024, 1024 * MIB)
    .default(32 * MIB)
    .meta({
      description: 'The most data of one event of a stream, in characters.',
    }),
  total_bytes: wholeNumber(1024, 2048 * MIB)
    .default(128 * MIB)
    .meta({
      description: 'The largest answer, streamed or not, in bytes after decompression.',
    }),
  error_bytes: wholeNumber(1024, 16 * MIB)
    .default(64 * 1024)
    .meta({
      description: "How much of a provider's error is read, in bytes. The rest is left out.",
    }),
});

const context = section({
  policy: contextPolicy().meta({ example: 'auto' }),
  history_tokens: historyTokens().meta({ example: '100000' }),
  embeddings: text('the name of a model', /\S/)
    .optional()
    .meta({
      description:
        'The embedding model that recall uses beside words: `provider/model`, or an alias. The messages of long ' +
        'sessions are sent to it, in the background. Absent: words and the built-in word vectors only.',
      example: 'openai/text-embedding-3-small',
    }),
});

const log = section({
  level: oneOf(['debug', 'info', 'warn', 'error']).default('info').meta({
    description: 'The least severe level that is logged: debug, info, warn or error.',
  }),
});

const shutdown = section({
  drain_ms: wholeNumber(0, DAY_MS).default(30_000).meta({
    description: 'How long running turns may go on when the gateway stops, in milliseconds.',
  }),
});

export const fileSchema = section({
  host: text('a host name or address', /^\S+$/).default('127.0.0.1').meta({
    description: 'The address to listen on. 0.0.0.0 lets other machines connect.',
    restart: true,
  }),
  port: wholeNumber(0, 65_535).default(2529).meta({
    description: 'The port to listen on. 0 takes any free port.',
    restart: true,
  }),
  data_dir: text('a directory', /\S/).default('./clawhold-data').meta({
    description:
      'The directory where sessions are kept, relative to the working directory. `~` is the home directory.',
    restart: true,
  }),
  storage: storage.prefault({}).meta({ description: 'How sessions are stored.' }),
  workers: wholeNumberOrAuto(1, 64)
    .default('auto')
    .meta({
      description:
        'How many processes serve the port (see docs/operations.md). Auto: one on machines with up to two cores, with ' +
        'memory storage, and on systems other than Linux; elsewhere one less than there are cores, and at most 16.',
      restart: true,
    }),
  root_key: secret(16)
    .optional()
    .meta({
      description:
        'The root key. Without this setting, the first start makes one, shows it and writes it into the file ' +
        '`root-key` in the data directory (see docs/keys.md).',
      example: `\${CLAWHOLD_ROOT_KEY}`,
      restart: true,
    }),
  region: text('a region: letters, digits or . _ -', /^[\w.-]+$/)
    .optional()
    .meta({
      description: 'Where the gateway runs. The strategy `nearest` prefers claws in the same region.',
      example: 'eu',
    }),
  claws,
  aliases: aliasesSchema,
  keys,
  turns: turns.prefault({}).meta({
    description:
      'How turns meet trouble. A key may have settings of its own, and a request may override both by a ' +
      'header: `x-clawhold-when-busy: fork`.',
  }),
  limits: limits.prefault({}).meta({ description: 'What clients may use.' }),
  overload: overload.prefault({}).meta({
    description:
      'When the gateway itself has too much work: bounds for the delay of its event loop, in milliseconds.',
  }),
  retention: retention.prefault({}).meta({ description: 'How long data is kept, in milliseconds.' }),
  timeouts: timeouts.prefault({}).meta({ description: 'How long to wait for a provider, in milliseconds.' }),
  retries: retries
    .prefault({})
    .meta({ description: 'When a model is called again after its failure, before the next one is called.' }),
  breaker: breaker.prefault({}).meta({
    description:
      'When a model of a provider is not called for a while, because its calls fail or are slow. Errors of a request ' +
      'never count. All times are in milliseconds.',
  }),
  bulkhead: bulkhead.prefault({}).meta({
    description: 'How many calls of one provider run and wait at once.',
  }),
  answers: answers
    .prefault({})
    .meta({ description: "How much of a provider's answer is read. A larger one is an error." }),
  context: context.prefault({}).meta({ description: 'How a prompt is made from a session.' }),
  detect: flag().default(true).meta({
    description: 'Look for Ollama, LM Studio, vLLM and llama.cpp on this machine.',
    restart: true,
  }),
  preconnect: flag()
    .default(true)
    .meta({
      description:
        'Connect to each provider before its first request, and keep a connection ready to those that were called in ' +
        'the last ten minutes.',
    }),
  log: log.prefault({}).meta({ description: 'Logging.' }),
  metrics: metrics.prefault({}).meta({
    description: 'Metrics for Prometheus, at `/metrics` (see docs/observability.md).',
  }),
  telemetry: telemetry.prefault({}).meta({
    description: 'Traces, metrics and logs for an OpenTelemetry collector (see docs/observability.md).',
  }),
  alerts: alerts.prefault({}).meta({
    description: 'Messages to people or programs when something is wrong (see docs/observability.md).',
  }),
  shutdown: shutdown.prefault({}).meta({ description: 'Stopping.' }),
  rate_limits: rateLimits.prefault({}).meta({
    description:
      'What callers may use in a minute and at the same time (see docs/limits.md). Without a setting, there is no limit.',
  }),
}).meta({ description: 'Configuration of Clawhold.' });
