import fc from 'fast-check';

/** One request. Numbers select an entry of a list (branches, responses, items), modulo its length. */
export interface TurnMove {
  kind: 'turn';
  branch: number;
  provider: Provider;
  /** The behaviour of the model; see the simulator's README. */
  model: (typeof MODELS)[number];
  dialect: 'chat' | 'responses';
  stream: boolean;
  /** The client sends the whole conversation. */
  history: boolean;
  /** Which open calls get an output. `behind` puts the outputs after the question. */
  outputs: 'all' | 'first' | 'none' | 'twice' | 'behind';
  /** The request also has a user message. */
  asks: boolean;
  trouble?: Trouble;
}

export type Trouble =
  /** The client disconnects after this many events. */
  | { kind: 'abort'; after: number; onDisconnect: 'run_on' | 'cancel' }
  | { kind: 'cancel'; after: number }
  /** The gateway is killed after this many events. */
  | { kind: 'crash'; after: number }
  /** The provider fails. */
  | { kind: 'fault'; fault: string; once: boolean; whenBroken: 'fail' | 'restart' };

export type Move =
  | TurnMove
  /** Items are added to the session. */
  | { kind: 'append'; what: (typeof APPENDED)[number]; twice: boolean }
  | { kind: 'delete item' | 'delete response'; which: number }
  /** A new branch begins after an older response. */
  | { kind: 'fork'; response: number }
  /** The client sends the first entries of its history, followed by a different message. */
  | { kind: 'edit'; keep: number; provider: Provider; dialect: 'chat' | 'responses' };

/** The providers, each with a model name that selects how its protocol handles reasoning. */
export const PROVIDERS = {
  responses: 'openai/gpt-5.5',
  chat: 'groq/some',
  deepseek: 'deepseek/deepseek-reasoner',
  prefilled: 'anthropic/claude-sonnet-4-5',
  anthropic: 'anthropic/claude-opus-4-8',
  'gemini 2': 'gemini/gemini-2.5-pro',
  'gemini 3': 'gemini/gemini-3-pro',
  'one id, chat': 'one-id-chat/some',
  'one id, responses': 'one-id-responses/some',
  'one id, anthropic': 'one-id-anthropic/some',
} as const;
export type Provider = keyof typeof PROVIDERS;
const NAMES = Object.keys(PROVIDERS) as Provider[];

const MODELS = ['echo', 'tools', 'tool1', 'think', 'think+tools', 'refuse', 'long', 'recall'] as const;
const APPENDED = [
  'outputs',
  'one output',
  'question',
  'assistant message',
  'thought',
  'call',
  'call with output',
] as const;

const after = fc.nat(12);
const trouble: fc.Arbitrary<Trouble> = fc.oneof(
  fc.record({
    kind: fc.constant('abort' as const),
    after,
    onDisconnect: fc.constantFrom('run_on' as const, 'cancel' as const),
  }),
  fc.record({ kind: fc.constant('cancel' as const), after }),
  fc.record({
    kind: fc.constant('fault' as const),
    fault: fc.oneof(
      fc.constantFrom('no-finish', 'no-done', 'reset', 'status-500', 'wrong-shape'),
      fc.nat(7).map((count) => `cut-${count}`),
      fc.nat(7).map((count) => `error-${count}`),
      fc.nat(7).map((count) => `garbage-${count}`),
    ),
    once: fc.boolean(),
    whenBroken: fc.constantFrom('fail' as const, 'restart' as const),
  }),
);

const provider = fc.constantFrom(...NAMES);
const dialect = fc.constantFrom('chat' as const, 'responses' as const);

const turn: fc.Arbitrary<TurnMove> = fc.record({
  kind: fc.constant('turn' as const),
  branch: fc.nat(3),
  provider,
  model: fc.constantFrom(...MODELS),
  dialect,
  stream: fc.boolean(),
  history: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  outputs: fc.constantFrom('all', 'first', 'none', 'twice', 'behind'),
  asks: fc.boolean(),
  trouble: fc.option(trouble, { nil: undefined }),
});

const which = fc.nat(30);

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 10, arbitrary: turn },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      what: fc.constantFrom(...APPENDED),
      twice: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete item' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete response' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fork' as const), response: which }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('edit' as const), keep: which, provider, dialect }),
  },
);

export const moves: fc.Arbitrary<Move[]> = fc.array(move, { minLength: 1, maxLength: 12 });

const crash: fc.Arbitrary<Move> = fc.tuple(turn, after).map(([each, count]) => ({
  ...each,
  trouble: { kind: 'crash' as const, after: count },
}));

/** A few moves, with a crash after each. */
export const crashes: fc.Arbitrary<Move[]> = fc
  .array(fc.tuple(move, crash), { minLength: 1, maxLength: 3 })
  .map((pairs) => pairs.flat());
