import { z } from 'zod';
import { callTimeouts } from './alias-schema.ts';
import { flag, list, multiplier, name, oneOf, price, secret, section, text, wholeNumber } from './setting.ts';

/** The settings of one claw. */

const model = section({
  id: text('the name of a model', /\S/).meta({ description: "The model's name at the provider." }),
  context: wholeNumber(1, 1e9).optional().meta({
    description: 'The context window in tokens: input and output together.',
  }),
  output: wholeNumber(1, 1e9).optional().meta({ description: 'The most tokens that one answer can have.' }),
  input_price: price().optional().meta({ description: 'US dollars per million input tokens.' }),
  output_price: price().optional().meta({ description: 'US dollars per million output tokens.' }),
  cache_read_price: price().optional().meta({
    description: 'US dollars per million input tokens read from the prompt cache.',
  }),
  cache_write_price: price().optional().meta({
    description: 'US dollars per million input tokens written to the prompt cache.',
  }),
  cache_write_hour_price: price().optional().meta({
    description: 'US dollars per million input tokens written to the prompt cache for an hour.',
  }),
  inputs: list(oneOf(['text', 'image', 'audio', 'video', 'pdf']), 'a list of inputs')
    .optional()
    .meta({
      description: 'What the model accepts as input.',
    }),
  tools: flag().optional().meta({ description: 'Whether the model can call functions.' }),
  structured_output: flag().optional().meta({
    description: 'Whether the model can answer with JSON that fits a schema.',
  }),
});

/** The fields of `Quirks` in `src/claws/claw.ts`; `tests/unit/config/claws.test.ts` compares them. */
const quirks = section({
  max_tokens_field: oneOf(['max_tokens', 'max_completion_tokens']).optional().meta({
    description: 'The request field that limits the output.',
  }),
  no_stream_options: flag().optional().meta({ description: 'The server refuses `stream_options`.' }),
  developer_role: flag().optional().meta({
    description: 'The server accepts the role `developer` for instructions.',
  }),
  no_parallel_tool_calls: flag().optional().meta({
    description: 'The server refuses `parallel_tool_calls`.',
  }),
  no_json_schema: flag().optional().meta({
    description: 'The server supports JSON output, but not by JSON Schema.',
  }),
  prefill: oneOf(['partial', 'prefix', 'continue_final_message', 'plain'])
    .optional()
    .meta({
      description:
        'How a request asks the server to continue an assistant message that ends the conversation: by the ' +
        'field `partial` or `prefix` on the message, by the request field `continue_final_message` of vLLM, ' +
        'or by the message alone (`plain`). Set it only if this works with every model of the server.',
    }),
});

const baseUrl = () =>
  text('a URL that begins with http:// or https://', /^https?:\/\/[^\s/]+\S*$/).transform((url) =>
    url.replace(/\/+$/, ''),
  );

const region = () => name('a region: letters, digits or . _ -', /^[\w.-]+$/);

const instance = section({
  name: name('letters, digits or . _ - as a name', /^[A-Za-z0-9][\w.-]*$/)
    .optional()
    .meta({
      description: 'Its name in logs and reports. Without a name, its position in the list: `1`, `2`…',
    }),
  api_key: secret(1).optional().meta({ description: 'Its key.' }),
  base_url: baseUrl().optional().meta({ description: 'Its base URL.' }),
  weight: wholeNumber(1, 1000).default(1).meta({
    description: 'Its share of the requests, relative to the weights of the other instances.',
  }),
  region: region().optional().meta({ description: 'Where it is, if not in the region of the claw.' }),
});

export const clawSchema = section({
  base_url: baseUrl().optional().meta({
    description: "The API's base URL, as the provider's own SDK takes it. Required for a server of your own.",
  }),
  api_key: secret(1).optional().meta({
    description: `The key for the API. Write it as \${VARIABLE} to keep it out of the file.`,
  }),
  enabled: flag().default(true).meta({
    description: 'False turns the claw off, even if there is a key for it.',
  }),
  protocol: oneOf(['openai-chat', 'openai-responses', 'anthropic', 'gemini']).optional().meta({
    description: 'The wire protocol. Required for a server of your own.',
  }),
  instances: list(instance, 'a list of instances')
    .transform((instances) =>
      instances.map((each, index) => ({ ...each, name: each.name ?? String(index + 1) })),
    )
    .prefault([])
    .meta({
      description:
        'Several credentials or servers of one provider. Each needs a key or a base URL of its own; what it lacks ' +
        'is the key or the base URL of the claw. Requests are divided among them.',
    }),
  region: region().optional().meta({
    description: 'Where the servers are. Requests can be limited to a region.',
    example: 'eu',
  }),
  data_collection: oneOf(['deny', 'allow'])
    .default('allow')
    .meta({
      description:
        'Whether the provider may store requests or train on them: deny, if your contract with it excludes both; ' +
        'allow, if it may or if you do not know. Requests can ask for providers that do neither.',
    }),
  models: list(model, 'a list of models').prefault([]).meta({
    description: 'Models that the catalogue does not know, or knows with other facts.',
  }),
  max_calls: wholeNumber(1, 1_000_000).optional().meta({
    description:
      'The most calls of this claw that run at once, in place of `bulkhead.max`: 4 for a small local server.',
  }),
  timeouts: callTimeouts.optional().meta({ description: 'Time limits of calls to this claw.' }),
  price_multipliers: z
    .record(
      text('the name of a service tier', /^\S+$/),
      multiplier().meta({ description: 'The multiplier of one service tier.' }),
    )
    .prefault({})
    .meta({
      description:
        'The multiplier of all prices for each service tier that may answer: `{ flex: 0.5 }`. It replaces the known ' +
        "multiplier of the provider's tier. The cost of an answer in any other tier is an estimate.",
    }),
  trace_context: flag()
    .default(false)
    .meta({
      description:
        'Tell the provider the trace that a call is in, by the header `traceparent`: for servers of your own that record ' +
        'traces.',
    }),
  quirks: quirks.prefault({}).meta({
    description: 'How the server differs from OpenAI. Each overrides what the catalogue says.',
  }),
});
