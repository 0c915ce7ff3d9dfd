/** The behaviour of a simulated model, read from its name. README.md describes the grammar. */
export type Plan = {
  voice: 'echo' | 'recall' | 'say';
  /** Words to say, when the voice is `say`. */
  words: number;
  calls: 'none' | 'all' | 'one';
  /** How many rounds of tool calls come before the answer. */
  steps: number;
  think: boolean;
  /** Further thinking that only Anthropic has: a block before each call, and a redacted block. */
  interleave: boolean;
  redact: boolean;
  refuse: boolean;
  /** Stopped by the provider's content filter in the middle of the text. */
  filter: boolean;
  long: boolean;
  json: boolean;
  logprobs: boolean;
  /** Refuses a request that ends with an assistant message. */
  noPrefill: boolean;
  /** The answer has an image after its text (at OpenAI's Responses API before it; not at Anthropic). */
  image: boolean;
  /** Refuses a request with `temperature`. */
  rigid: boolean;
  /** Asked to continue, it repeats the answer from its beginning. */
  again: boolean;
  /** Asked to continue, it repeats this many words first. */
  overlap: number;
  /** Milliseconds between deltas; a whole answer comes at once. Undefined: the whole stream is one write. */
  pace: number | undefined;
  delay: number;
  /** Input tokens reported as read from the provider's cache. */
  cached: number;
  /** The provider has a prompt cache, which says what was read from it and written to it (not at Gemini). */
  caches: boolean;
  /** Input tokens reported as written to the provider's cache, and those of them that stay there for an hour. */
  wrote: number;
  wroteHour: number;
  /** Answers in the usual service tier, whatever tier the request asks for. */
  usualTier: boolean;
  retryAfter: number | undefined;
  /** Tokens of prompt and answer that the model accepts; 0: any number, and nothing is counted. */
  window: number;
  /** How the model counts: with this tokenizer, and so many tokens for 100 of it. */
  tokenizer: 'o200k' | 'cl100k';
  dear: number;
  fault: Fault | undefined;
  /** The fault happens only on the first request for this model name. */
  once: boolean;
  /** Whether answers differ only in ids and counts, so that a rendered answer can be used again. */
  constant: boolean;
};

export type Fault =
  | { kind: 'status' | 'page'; status: number }
  | { kind: 'reset' | 'silent' | 'hang' | 'empty' | 'badjson' | 'wrong-shape' | 'no-done' | 'no-finish' }
  | { kind: 'context' | 'quota' | 'auth' }
  | { kind: 'cut' | 'stall' | 'garbage' | 'error'; after: number };

const WORD_FAULTS = new Set([
  'reset',
  'silent',
  'hang',
  'empty',
  'badjson',
  'wrong-shape',
  'no-done',
  'no-finish',
  'context',
  'quota',
  'auth',
]);

const COUNTED_FAULTS = new Set(['cut', 'stall', 'garbage', 'error']);

/** Models without prefill: Claude since 4.6, Gemini since 3.5 Flash-Lite. */
const NO_PREFILL =
  /claude-(opus|sonnet)-4-[6-9]\b|claude-[a-z]+-[5-9]\b|gemini-3\.5-flash-lite|gemini-3\.[6-9]|gemini-[4-9]/;

const plans = new Map<string, Plan>();

/** The plan for a model name. Each name is parsed once. */
export function planFor(model: string): Plan {
  const known = plans.get(model);
  if (known) return known;
  const plan = read(model);
  if (plans.size < 10_000) plans.set(model, plan);
  return plan;
}

function read(model: string): Plan {
  const plan: Plan = {
    voice: 'echo',
    words: 0,
    calls: 'none',
    steps: 1,
    think: false,
    interleave: false,
    redact: false,
    refuse: false,
    filter: false,
    long: false,
    json: false,
    logprobs: false,
    noPrefill: NO_PREFILL.test(model),
    image: false,
    rigid: false,
    again: false,
    overlap: 0,
    pace: undefined,
    delay: 0,
    cached: 0,
    caches: false,
    wrote: 0,
    wroteHour: 0,
    usualTier: false,
    retryAfter: undefined,
    window: 0,
    tokenizer: 'o200k',
    dear: 100,
    fault: undefined,
    once: false,
    constant: false,
  };
  for (const segment of model.split('+')) readSegment(plan, segment);
  plan.constant =
    plan.voice === 'say' &&
    plan.calls === 'none' &&
    !(
      plan.think ||
      plan.refuse ||
      plan.filter ||
      plan.json ||
      plan.logprobs ||
      plan.cached ||
      plan.caches ||
      plan.wrote ||
      plan.wroteHour ||
      plan.image
    );
  return plan;
}

function readSegment(plan: Plan, segment: string): void {
  const once = segment.startsWith('once-');
  const fault = readFault(once ? segment.slice('once-'.length) : segment);
  if (fault) {
    plan.fault = fault;
    plan.once = once;
    return;
  }
  const [, word = segment, digits] = /^([a-z]+)-(\d+)$/.exec(segment) ?? [];
  const number = Number(digits);
  if (digits === undefined) readFlag(plan, word);
  else if (word === 'say') Object.assign(plan, { voice: 'say', words: number });
  else if (word === 'steps') plan.steps = number;
  else if (word === 'pace') plan.pace = number;
  else if (word === 'delay') plan.delay = number;
  else if (word === 'cached') plan.cached = number;
  else if (word === 'wrote') plan.wrote = number;
  else if (word === 'window') plan.window = number;
  else if (word === 'dear') plan.dear = number;
  else if (word === 'hour') plan.wroteHour = number;
  else if (word === 'retry') plan.retryAfter = number;
  else if (word === 'overlap') plan.overlap = number;
}

function readFlag(plan: Plan, word: string): void {
  if (word === 'recall') plan.voice = 'recall';
  else if (word === 'tools') plan.calls = 'all';
  else if (word === 'tool1') plan.calls = 'one';
  else if (word === 'cl100k') plan.tokenizer = word;
  else if (word === 'think') plan.think = true;
  else if (word === 'interleave') plan.interleave = true;
  else if (word === 'redact') plan.redact = true;
  else if (word === 'refuse') plan.refuse = true;
  else if (word === 'filter') plan.filter = true;
  else if (word === 'long') plan.long = true;
  else if (word === 'json') plan.json = true;
  else if (word === 'logprobs') plan.logprobs = true;
  else if (word === 'no-prefill') plan.noPrefill = true;
  else if (word === 'image') plan.image = true;
  else if (word === 'rigid') plan.rigid = true;
  else if (word === 'again') plan.again = true;
  else if (word === 'caches') plan.caches = true;
  else if (word === 'usual-tier') plan.usualTier = true;
}

function readFault(segment: string): Fault | undefined {
  if (WORD_FAULTS.has(segment)) return { kind: segment } as Fault;
  const [, word, digits] = /^([a-z]+)-(\d+)$/.exec(segment) ?? [];
  if (word === 'status' || word === 'page') return { kind: word, status: Number(digits) };
  if (word && COUNTED_FAULTS.has(word)) return { kind: word, after: Number(digits) } as Fault;
  return undefined;
}
