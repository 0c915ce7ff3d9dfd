import { z } from 'zod';
import { partialSection, section, text, wholeNumber } from './setting.ts';

/** Settings about what callers may use, and about the overload of the gateway. */

const DAY_MS = 24 * 60 * 60 * 1000;

/** The limits of one caller, model or gateway; none where a setting is absent. */
export const rateLimit = partialSection({
  requests_per_minute: wholeNumber(1, 1e9).meta({
    description: 'The most requests for a turn in any minute.',
    example: '600',
  }),
  tokens_per_minute: wholeNumber(1, 1e12).meta({
    description: 'The most tokens in any minute, input and output together.',
    example: '200000',
  }),
  streams: wholeNumber(1, 1e6).meta({
    description: 'The most streamed answers at the same time.',
    example: '20',
  }),
});

export const rateLimits = section({
  global: rateLimit.prefault({}).meta({
    description: 'For all callers together.',
  }),
  per_key: rateLimit.prefault({}).meta({
    description: 'For each key, also the root key. A key may have `limits` of its own.',
  }),
  per_user: rateLimit.prefault({}).meta({
    description:
      'For each end user of a tenant, as the requests name them: `safety_identifier`, or `user` where it is absent. ' +
      'It does not hold for a request that names none.',
  }),
  per_model: z.record(text('the name of a model', /\S/), rateLimit).prefault({}).meta({
    description:
      'For models, by the name that requests ask for (a model or an alias), for all callers together.',
    example: '{ openai/gpt-5: { tokens_per_minute: 500000 } }',
  }),
});

export const overload = section({
  busy_ms: wholeNumber(1, DAY_MS).default(200).meta({
    description: 'From this delay on, no call is hedged.',
  }),
  heavy_ms: wholeNumber(1, DAY_MS).default(1_000).meta({
    description:
      'From this delay on, new background requests get 503 with `Retry-After`, and those that wait run one at a time.',
  }),
  critical_ms: wholeNumber(1, DAY_MS).default(3_000).meta({
    description: 'From this delay on, all new requests for a turn get 503 with `Retry-After`.',
  }),
});
