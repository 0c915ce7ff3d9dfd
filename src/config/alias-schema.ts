import { z } from 'zod';
import { CONTEXT_POLICIES } from '../core/context-policy.ts';
import { STRATEGIES } from '../core/routing.ts';
import { flag, list, name, oneOf, oneOrMore, partialSection, section, text, wholeNumber } from './setting.ts';

/** The settings of one alias, and those that keys and claws share with it. */

const DAY_MS = 24 * 60 * 60 * 1000;

/** Time limits that hold beside the general `timeouts`; the strictest holds. */
export const callTimeouts = partialSection({
  turn_ms: wholeNumber(1, DAY_MS).meta({
    description: 'The time for the whole turn, however many calls it needs.',
  }),
  first_token_ms: wholeNumber(1, DAY_MS).meta({
    description: 'The time from a call until its answer begins.',
  }),
  sign_of_life_ms: wholeNumber(1, DAY_MS).meta({
    description: 'The time before the answer begins in which a stream must show a sign of life.',
  }),
  idle_ms: wholeNumber(1, DAY_MS).meta({
    description: 'The time between two signs of life of an answer that has begun.',
  }),
  total_ms: wholeNumber(1, DAY_MS).meta({ description: 'The time for the whole answer of one call.' }),
});

/** What a prompt has of a history that does not fit. */
export const contextPolicy = () =>
  oneOf(CONTEXT_POLICIES)
    .optional()
    .meta({
      description:
        'When a history does not fit the model: answer with an error (full), leave out the oldest turns (truncate), ' +
        'send standing instructions and what is about the question (retrieve), or both of these and the latest turns ' +
        '(auto). Without this setting, chat completions have auto, and responses what `truncation` says.',
    });

/** The most of a history that a prompt has. */
export const historyTokens = () =>
  wholeNumber(1, 1e9)
    .optional()
    .meta({
      description:
        'The most tokens of history in a prompt, with every policy but full, also where the model accepts more. Without ' +
        'this setting, the whole history is sent as far as it fits; of a long one, a part is sent where cached input ' +
        'costs more than 30 % of other input (docs/context.md).',
    });

/** `provider/model`. In an alias whose name has a `*`, its models may have one, too. */
const modelName = () => name('"provider/model"', /^[^\s/]+\/\S+$/);

/** A member that is written as a text has only its model. */
const member = z.preprocess(
  (value) => (typeof value === 'string' ? { model: value } : value),
  section({
    model: modelName().meta({ description: 'The model.' }),
    weight: z
      .number({ error: 'expected a number from 0 to 1000000' })
      .min(0, { error: 'expected a number from 0 to 1000000' })
      .max(1e6, { error: 'expected a number from 0 to 1000000' })
      .default(1)
      .meta({
        expected: 'a number from 0 to 1000000',
        description:
          'Its share of the requests, relative to the others; also breaks ties of other strategies.',
      }),
    order: wholeNumber(0, 1000).optional().meta({
      description: 'Models with a lower number are called first. Default: its position in the list.',
    }),
    region: name('a region: letters, digits or . _ -', /^[\w.-]+$/)
      .optional()
      .meta({ description: 'Where this model runs, instead of the region of its claw.' }),
  }),
);

const CONDITION = 'key, user, dialect, model, header.<name> or metadata.<name>';

const rule = section({
  when: z
    .record(
      text(CONDITION, /^(key|user|dialect|model|header\.[A-Za-z0-9-]+|metadata\.\S+)$/),
      oneOrMore(text('a text', /^/), 'a text, or a list of texts').meta({
        description: 'The values that match. `*` stands for any text.',
      }),
    )
    .refine((conditions) => Object.keys(conditions).length > 0, { error: 'expected at least one condition' })
    .meta({
      description: `All conditions must hold. Each names a property of the request: ${CONDITION}.`,
    }),
  use: name('an alias or "provider/model"', /^\S+$/).meta({
    description: 'The alias or the model that the request then stands for.',
  }),
});

const names = () => list(name('an alias or "provider/model"', /^\S+$/), 'a list of names').prefault([]);

const alias = section({
  models: list(member, 'a list of models').min(1, { error: 'expected at least one model' }).meta({
    description:
      'The models. An entry is `provider/model`, or a mapping with `model`, `weight`, `order`, `region`.',
  }),
  strategy: oneOf(STRATEGIES)
    .default('ordered')
    .meta({
      description:
        'Which model is called first: by order, by weight, in turn, the cheapest for this prompt, the fastest, the ' +
        'one with the most tokens per second, or the nearest.',
    }),
  rules: list(rule, 'a list of rules').prefault([]).meta({
    description: 'The first rule whose conditions hold replaces the models for the request.',
  }),
  too_long: names().meta({
    description: 'Called where the conversation does not fit a model.',
  }),
  refused: names().meta({
    description: 'Called where a model refuses the content. Without it, such a refusal is the answer.',
  }),
  last_resort: section({
    model: modelName().optional().meta({ description: 'A cheaper or local model.' }),
    answer: text('a text', /\S/).optional().meta({ description: 'A fixed answer.' }),
  })
    .refine(({ model, answer }) => (model === undefined) !== (answer === undefined), {
      error: 'expected either `model` or `answer`, and not both',
    })
    .optional()
    .meta({
      description: 'Answers where everything else failed; the reply is marked as degraded.',
    }),
  hedge: flag()
    .default(false)
    .meta({
      description:
        'When the first model is slower than 95 % of its recent calls, call the next one too: the first answer wins, ' +
        'and both calls are paid.',
    }),
  hedge_after_ms: wholeNumber(1, DAY_MS).optional().meta({
    description: 'With `hedge`: the time after which the next model is called, instead. In milliseconds.',
  }),
  patience_ms: wholeNumber(0, DAY_MS)
    .optional()
    .meta({
      description:
        'How long to wait for the same model after a failure that passes, such as a rate limit, before the next model ' +
        'is called. In milliseconds; default: `retries.patience_ms`.',
    }),
  timeouts: callTimeouts.optional().meta({ description: 'Time limits of requests for this alias.' }),
  context: contextPolicy(),
  history_tokens: historyTokens(),
});

/** A text is one model, a list several in order of preference. */
const shorthand = (value: unknown): unknown =>
  typeof value === 'string' ? { models: [value] } : Array.isArray(value) ? { models: value } : value;

export const aliasesSchema = z
  .record(
    text('a name without spaces', /^\S+$/),
    z.preprocess(shorthand, alias).meta({
      expected: '"provider/model", a list of them, or a mapping',
      description: 'The model, several in order of preference, or a mapping with the settings below.',
    }),
  )
  .prefault({})
  .meta({
    description:
      'Model names of your own. Each stands for one model, or for several with a strategy (see docs/routing.md). In a ' +
      'name, `*` stands for any text, and in its models for the same text.',
    example: `
fast: groq/openai/gpt-oss-20b
careful: [anthropic/claude-opus-4-8, openai/gpt-5.5]
claude-*: [anthropic/claude-*, openrouter/anthropic/claude-*]
team:
  strategy: weighted
  models:
    - { model: openai/gpt-5.5, weight: 3 }
    - { model: anthropic/claude-sonnet-4-6, weight: 1 }
  rules:
    - { when: { metadata.plan: free }, use: fast }
  too_long: [gemini/gemini-2.5-pro]
  last_resort: { answer: Sorry, no model can be reached. Please try again in a minute. }
  hedge: true
`,
  });
