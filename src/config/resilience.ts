import { section, share, wholeNumber } from './setting.ts';

/** The sections of `schema.ts` about failing, slow and overloaded providers. */

const DAY_MS = 24 * 60 * 60 * 1000;

export const breaker = section({
  failure_rate: share().default(0.5).meta({
    description: 'The share of failed calls from which on a model is not called for a while.',
  }),
  slow_rate: share()
    .default(0.8)
    .meta({
      description:
        'The share of slow calls from which on a model is not called for a while. It is still called where no other ' +
        'model is left.',
    }),
  slow_ms: wholeNumber(1, DAY_MS)
    .default(60_000)
    .meta({
      description:
        'A streamed answer is slow if its first token comes later. Models that are known to reason in silence are ' +
        'never slow.',
    }),
  least_calls: wholeNumber(1, 1_000_000).default(10).meta({
    description: 'With fewer calls in the window, the shares say too little, and the model is called.',
  }),
  window_ms: wholeNumber(10, DAY_MS).default(30_000).meta({
    description: 'The calls of this time count.',
  }),
  open_ms: wholeNumber(1, DAY_MS)
    .default(10_000)
    .meta({
      description:
        'How long the model is not called. Then calls probe it, one at a time. It is twice as long if they fail, and ' +
        'six times as long if the provider refuses the key. Where other models can answer, it doubles with each ' +
        'failed probe, up to 30 times as long.',
    }),
  pause_ms: wholeNumber(0, DAY_MS)
    .default(30_000)
    .meta({
      description:
        'The longest time for which the model is not called because the provider asked for a pause (`Retry-After`) ' +
        'or said that a rate limit is used up. A provider may ask for hours, and recover earlier.',
    }),
});

export const bulkhead = section({
  max: wholeNumber(1, 1_000_000).default(20_000).meta({
    description: 'The most calls of one provider that run at once.',
  }),
  min: wholeNumber(1, 1_000_000).default(16).meta({
    description:
      'While first tokens take much longer than usual, fewer calls run at once, but always as many as this.',
  }),
  queue: wholeNumber(0, 1_000_000).default(1_000).meta({
    description: 'How many further calls of one provider may wait. Tenants take turns.',
  }),
  queue_ms: wholeNumber(1, DAY_MS).default(5_000).meta({
    description: 'How long a call may wait before the next model is called, in milliseconds.',
  }),
});

export const retries = section({
  per_call: wholeNumber(0, 10).default(1).meta({
    description: 'How often one model is called again after a failure that may pass soon.',
  }),
  share: share().default(0.2).meta({
    description:
      'Retries per call of a provider, in the long run. A provider that had few retries may have up to 100 at once.',
  }),
  backoff_ms: wholeNumber(1, DAY_MS)
    .default(250)
    .meta({
      description:
        'The first retry comes at once. Before the second one there is a random pause of at most this length, ' +
        'in milliseconds; the length doubles with each further retry.',
    }),
  patience_ms: wholeNumber(0, DAY_MS)
    .default(2_000)
    .meta({
      description:
        'The longest pause before a retry, in milliseconds, where an alias does not say it (`patience_ms`). If a ' +
        'provider asks for a longer one, the next model is called.',
    }),
});
