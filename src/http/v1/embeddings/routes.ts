import { z } from 'zod';
import type { Api } from '../../../api/api.ts';
import { candidateName } from '../../../core/candidate.ts';
import type { EmbeddingInput } from '../../../core/embedding.ts';
import { dollars } from '../../../core/usage.ts';
import { quotaHeaders } from '../../envelope.ts';
import { json, published } from '../../published.ts';
import type { Handler, Route, SettingsSource } from '../../route.ts';
import { invalid, unknownFields, validate } from '../fields.ts';
import type { ReplyHeaders } from '../reply-headers.ts';
import { readBody } from '../request.ts';
import { visible } from '../turn-headers.ts';

/** OpenAI API reference, "Create embeddings": the most inputs, and the longest list of tokens. */
const MOST_INPUTS = 2_048;

const INPUT = 'expected a text, a list of texts, a list of tokens, or a list of lists of tokens';
const text = z.string().min(1, { error: 'expected a text that is not empty' });
const tokens = z
  .array(
    z
      .int({ error: 'expected the number of a token' })
      .min(0)
      .max(2 ** 31),
  )
  .min(1)
  .max(300_000);
const listOf = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .array(schema)
    .min(1, { error: INPUT })
    .max(MOST_INPUTS, { error: `expected at most ${MOST_INPUTS} inputs` });

const Body = published(
  'EmbeddingRequest',
  z.looseObject({
    model: z
      .string({ error: 'expected the name of a model' })
      .min(1)
      .max(512)
      .describe('`provider/model`, a known embedding model, or an alias.'),
    input: z
      .union([text, listOf(text), tokens, listOf(tokens)], { error: INPUT })
      .describe('What to embed: a text, or up to 2,048 of them. OpenAI’s API also takes tokens.'),
    dimensions: z
      .int()
      .min(1)
      .max(16_384)
      .nullish()
      .describe('The length of the vectors, for models that can shorten them.'),
    encoding_format: z
      .enum(['float', 'base64'], { error: 'expected float or base64' })
      .nullish()
      .describe('`base64`: 32-bit floats in little endian. Default: `float`.'),
    user: z
      .string()
      .max(1_024)
      .nullish()
      .describe("An id of the caller's user, for limits and the provider."),
  }),
);

const Reply = published(
  'EmbeddingList',
  z.strictObject({
    object: z.literal('list'),
    data: z.array(
      z.strictObject({
        object: z.literal('embedding'),
        index: z.int(),
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    ),
    model: z.string().describe('The model that embedded, as `provider/model`.'),
    usage: z.strictObject({ prompt_tokens: z.int(), total_tokens: z.int() }),
  }),
);

const KNOWN = new Set(['model', 'input', 'dimensions', 'encoding_format', 'user']);

/** OpenAI's `POST /v1/embeddings`. Nothing is stored, and there are no sessions. */
export function embeddingRoutes({ embeddings }: Pick<Api, 'embeddings'>, settings: SettingsSource): Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/embeddings',
      access: 'key',
      doc: {
        what: 'Embeds texts: gives each a vector, so that texts with close meanings have close vectors.',
        body: Body,
        replies: [json(Reply)],
      },
      handle: create(embeddings, settings),
    },
  ];
}

function create(embeddings: Api['embeddings'], settings: SettingsSource): Handler {
  return async ({ request, caller }) => {
    const { body } = await readBody(request, settings());
    expectFewInputs(body.input);
    const { model, input, dimensions, encoding_format: format, user } = validate(Body, body);
    const ask = {
      ...{ model, inputs: inputsOf(input) },
      ...(dimensions != null && { dimensions }),
      ...(user && { user }),
      extra: unknownFields(body, KNOWN),
    };
    const { embedded, quota } = await embeddings.create(ask, caller, request.signal);
    const { vectors, candidate, usage, estimated, cost } = embedded;
    const headers: ReplyHeaders = { 'x-clawhold-model-id': visible(candidateName(candidate)) };
    if (cost !== undefined) headers['x-clawhold-response-cost'] = String(dollars(cost));
    if (cost !== undefined && estimated) headers['x-clawhold-cost-estimated'] = 'true';
    return Response.json(
      {
        object: 'list',
        data: vectors.map((vector, index) => ({
          ...{ object: 'embedding', index },
          embedding: format === 'base64' ? base64(vector) : Array.from(vector, shortest),
        })),
        model: candidateName(candidate),
        usage: { prompt_tokens: usage.input, total_tokens: usage.input },
      },
      { headers: quota ? Object.assign(headers, quotaHeaders(quota)) : headers },
    );
  };
}

/** Of a list of forms, an error names none. */
function expectFewInputs(input: unknown): void {
  if (Array.isArray(input) && typeof input[0] !== 'number' && input.length > MOST_INPUTS)
    throw invalid('input', `at most ${MOST_INPUTS} inputs, not ${input.length}`);
}

function inputsOf(input: z.output<typeof Body>['input']): EmbeddingInput[] {
  if (typeof input === 'string') return [input];
  if (input.every((entry) => typeof entry === 'number')) return [input];
  if (input.some((entry) => entry.length === 0)) throw invalid('input', INPUT);
  return input as EmbeddingInput[];
}

/** A 32-bit float has at most 9 significant digits; as a 64-bit number it would be written with 17. */
const shortest = (value: number): number => Number(value.toPrecision(9));

/** All platforms that Bun runs on are little endian. */
const base64 = (vector: Float32Array): string =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
