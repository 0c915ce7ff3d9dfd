import { z } from 'zod';

/** `null` means absent in this API. */
const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined);

const providers = z.array(z.string().max(128)).max(64, { error: 'expected a list of at most 64 providers' });
const price = z.number({ error: 'expected US dollars per million tokens' }).min(0, {
  error: 'expected US dollars per million tokens',
});

/** `provider` in a body (openrouter.ai/docs, "Provider Routing"). Fields that are not here are OpenRouter's own. */
export const providerField = z
  .looseObject({
    order: optional(providers),
    only: optional(providers),
    ignore: optional(providers),
    sort: optional(z.enum(['price', 'latency', 'throughput'], 'expected price, latency or throughput')),
    max_price: optional(z.looseObject({ prompt: optional(price), completion: optional(price) })),
    require_parameters: optional(z.boolean()),
    data_collection: optional(z.enum(['allow', 'deny'], 'expected allow or deny')),
    allow_fallbacks: optional(z.boolean()),
  })
  .nullish()
  .describe(
    'Which providers may answer: `order`, `only`, `ignore`, `sort` (price, latency, throughput), `max_price`, ' +
      '`require_parameters`, `data_collection`, `allow_fallbacks`. OpenRouter gets it unchanged.',
  );
