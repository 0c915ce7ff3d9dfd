import { z } from 'zod';

/**
 * The configuration file, field by field, as it is written: snake_case, everything optional. The JSON
 * Schema in `docs/`, the `CLAWHOLD_…` variables and the messages of mistakes are all derived from here.
 */

const MIB = 1024 * 1024;
const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

function wholeNumber(from: number, to: number) {
  const error = `expected a whole number from ${from} to ${to}`;
  return z.number({ error }).int({ error }).min(from, { error }).max(to, { error });
}

function text(expected: string, pattern: RegExp) {
  const error = `expected ${expected}`;
  return z.string({ error }).regex(pattern, { error });
}

function oneOf<const Word extends string>(words: readonly [Word, ...Word[]]) {
  return z.enum(words, { error: `expected one of ${words.join(', ')}` });
}

function flag() {
  return z.boolean({ error: 'expected true or false' });
}

function price(what: string) {
  const error = 'expected US dollars per million tokens, 0 or more';
  return z.number({ error }).min(0, { error }).optional().describe(`US dollars per million ${what}.`);
}

function secret(minimum: number) {
  const error = minimum === 1 ? 'expected a text' : `expected at least ${minimum} characters`;
  return z.string({ error }).min(minimum, { error });
}

const url = text('a URL that begins with http:// or https://', /^https?:\/\/[^\s/]+\S*$/);

const model = z.strictObject({
  id: text('the name of a model', /\S/).describe("The model's name at the provider."),
  context: wholeNumber(1, 1e9).optional().describe('The most tokens that fit: input and output together.'),
  output: wholeNumber(1, 1e9).optional().describe('The most tokens that one answer can have.'),
  input_price: price('input tokens'),
  output_price: price('output tokens'),
  cache_read_price: price('input tokens read from the prompt cache'),
  cache_write_price: price('input tokens written to the prompt cache'),
});

const quirks = z.strictObject({
  max_tokens_field: oneOf(['max_tokens', 'max_completion_tokens'])
    .optional()
    .describe('The request field that limits the output.'),
  no_stream_options: flag().optional().describe('The server refuses `stream_options`.'),
  developer_role: flag().optional().describe('The server takes the role `developer` for instructions.'),
  no_parallel_tool_calls: flag().optional().describe('The server refuses `parallel_tool_calls`.'),
  no_json_schema: flag().optional().describe('The server knows JSON output, but not by schema.'),
});

export const clawSchema = z.strictObject({
  base_url: url
    .optional()
    .describe("The API's base URL, as the provider's own SDK takes it. Required for a claw of your own."),
  api_key: secret(1).optional().describe(`The key; better as \${VARIABLE} than in the file.`),
  enabled: flag().default(true).describe('False turns the claw off, whatever keys are found.'),
  protocol: oneOf(['openai-chat', 'openai-responses', 'anthropic', 'gemini'])
    .optional()
    .describe('The wire protocol. Required for a claw of your own.'),
  models: z
    .array(model, { error: 'expected a list of models' })
    .default([])
    .describe('Models that the catalogue does not know, or whose facts differ.'),
  quirks: quirks.prefault({}).describe('How the server differs from OpenAI.'),
});

const aliasTarget = text('"provider/model"', /^[^\s/]+\/\S+$/);

/** How turns meet trouble; a key may have its own words for it. */
const policy = {
  on_disconnect: oneOf(['run_on', 'cancel']).describe(
    'When the client leaves before the answer is whole: go on and record it, or cancel it.',
  ),
  when_busy: oneOf(['wait', 'fork']).describe(
    'While another turn writes to the session: wait for it, or fork from what is there.',
  ),
  when_down: oneOf(['fail', 'defer']).describe(
    'While no provider can be reached: fail, or keep the turn until one can.',
  ),
  when_broken: oneOf(['restart', 'fail']).describe(
    'Where an answer broke off and cannot be continued: begin it anew, or fail. Unless it is said, responses restart and chat completions fail.',
  ),
};

const turns = z.strictObject({
  on_disconnect: policy.on_disconnect.default('run_on'),
  when_busy: policy.when_busy.default('wait'),
  when_down: policy.when_down.default('fail'),
  when_broken: policy.when_broken.optional(),
  defer_ms: wholeNumber(1, 7 * DAY_MS)
    .default(HOUR_MS)
    .describe('How long a deferred turn waits for a provider.'),
  recovery: oneOf(['rescue', 'close'])
    .default('rescue')
    .describe(
      'What becomes of turns that ran when the gateway died: go on with them, or close them as incomplete.',
    ),
  background: wholeNumber(1, 10_000).default(16).describe('How many background turns run at once.'),
});

const key = z.strictObject({
  name: text('a name', /\S/).describe('Shown in logs and usage reports instead of the key.'),
  key: secret(16).describe('What callers send as `Authorization: Bearer <key>`; at least 16 characters.'),
  tenant: text('1 to 64 letters, digits or . _ -', /^[\w.-]{1,64}$/)
    .default('default')
    .describe('Whose sessions the key sees. Keys of one tenant share them.'),
  turns: z
    .strictObject(policy)
    .partial()
    .prefault({})
    .describe('How the turns of this key meet trouble, where it differs.'),
});

const limits = z.strictObject({
  body_bytes: wholeNumber(1024, 2048 * MIB)
    .default(32 * MIB)
    .describe('The largest request body, in bytes.'),
  session_queue: wholeNumber(0, 10_000)
    .default(16)
    .describe('How many turns may wait for one session before further ones are refused.'),
  session_wait_ms: wholeNumber(1, DAY_MS)
    .default(120_000)
    .describe('How long a turn waits for its session before it is refused.'),
  background_queue: wholeNumber(0, 1_000_000)
    .default(1000)
    .describe('How many background turns may wait before further ones are refused.'),
  socket_ms: wholeNumber(1, HOUR_MS)
    .default(HOUR_MS)
    .describe('How long a WebSocket may be open before its client has to connect again.'),
});

const timeouts = z.strictObject({
  connect_ms: wholeNumber(1, DAY_MS).default(10_000).describe('To connect to a provider.'),
  first_token_ms: wholeNumber(1, DAY_MS)
    .default(120_000)
    .describe('From the request until the answer begins.'),
  idle_ms: wholeNumber(1, DAY_MS).default(60_000).describe('Between two parts of a streamed answer.'),
  total_ms: wholeNumber(1, DAY_MS).default(1_800_000).describe('For the whole answer.'),
});

export const fileSchema = z
  .strictObject({
    host: text('a host name or address', /^\S+$/)
      .default('127.0.0.1')
      .describe('The address to listen on; 0.0.0.0 for every interface.'),
    port: wholeNumber(0, 65_535).default(2529).describe('The port to listen on; 0 takes any free one.'),
    data_dir: text('a directory', /\S/)
      .default('./clawhold-data')
      .describe('Where sessions are kept; relative to the working directory.'),
    master_key: secret(16)
      .optional()
      .describe('The root key, instead of one made at the first start; at least 16 characters.'),
    storage: z
      .strictObject({
        kind: oneOf(['sqlite', 'memory']).default('sqlite').describe('Memory forgets all at every stop.'),
      })
      .prefault({})
      .describe('Where sessions are stored.'),
    claws: z
      .record(text('letters, digits or . _ - as a name', /^[A-Za-z0-9][\w.-]*$/), clawSchema)
      .default({})
      .describe('Connections to providers, by name. A provider of the catalogue needs only its key.'),
    aliases: z
      .record(
        text('a name without spaces', /^\S+$/),
        z.union([aliasTarget, z.array(aliasTarget).min(1)], {
          error: 'expected "provider/model", or a list of them',
        }),
      )
      .default({})
      .describe('Model names of your own: each stands for one model, or for several in order.'),
    keys: z
      .array(key, { error: 'expected a list of keys' })
      .default([])
      .describe('Keys for callers, beside the root key.'),
    limits: limits.prefault({}).describe('What callers may take.'),
    turns: turns
      .prefault({})
      .describe('How turns meet trouble, unless their key or their request says otherwise.'),
    retention: z
      .strictObject({
        idempotency_ms: wholeNumber(1, 365 * DAY_MS)
          .default(DAY_MS)
          .describe('How long idempotency keys are kept.'),
      })
      .prefault({})
      .describe('What is kept for how long, in milliseconds.'),
    timeouts: timeouts.prefault({}).describe('How long to wait for a provider, in milliseconds.'),
    context: z
      .strictObject({
        overflow: oneOf(['truncate', 'error'])
          .default('truncate')
          .describe(
            'When a session outgrows the model: leave out the oldest turns, or answer with an error.',
          ),
      })
      .prefault({})
      .describe('How a prompt is made from a session.'),
    detect: flag().default(true).describe('Look for Ollama, LM Studio, vLLM and llama.cpp on this machine.'),
    log: z
      .strictObject({
        level: oneOf(['debug', 'info', 'warn', 'error']).default('info').describe('The least severe to log.'),
      })
      .prefault({})
      .describe('Logging.'),
    shutdown: z
      .strictObject({
        drain_ms: wholeNumber(0, DAY_MS).default(30_000).describe('How long running turns get to end.'),
      })
      .prefault({})
      .describe('Stopping.'),
  })
  .describe('Configuration of Clawhold.');

/** The file after validation, with every default in place. */
export type FileSettings = z.output<typeof fileSchema>;
