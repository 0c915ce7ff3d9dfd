import { z } from 'zod';

const providers = z.array(z.string().max(128)).max(64, { error: 'expected a list of at most 64 providers' });
const price = z.number({ error: 'expected US dollars per million tokens' }).min(0, {
  error: 'expected US dollars per million tokens',
});

/** `provider` in a body (openrouter.ai/docs, "Provider Routing"). Fields that are not here are OpenRouter's own. */
export const providerField = z
  .looseObject({
    order: providers.optional(),
    only: providers.optional(),
    ignore: providers.optional(),
    sort: z.enum(['price', 'latency', 'throughput'], 'expected price, latency or throughput').optional(),
    max_price: z.looseObject({ prompt: price.optional(), completion: price.optional() }).optional(),
    require_parameters: z.boolean().optional(),
    data_collection: z.enum(['allow', 'deny'], 'expected allow or deny').optional(),
    allow_fallbacks: z.boolean().optional(),
  })
  .nullish()
  .describe(
    'Which providers may answer: `order`, `only`, `ignore`, `sort` (price, latency, throughput), `max_price`, ' +
      '`require_parameters`, `data_collection`, `allow_fallbacks`. OpenRouter gets it unchanged.',
  );
