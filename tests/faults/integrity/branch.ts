import type { Json } from '../../simulators/provider/shape.ts';
import type { Call, Entry, Received } from './reply.ts';

/** An entry of a conversation, and whether later requests must contain it. */
export interface Statement {
  entry: Entry;
  /**
   * `must`: it was acknowledged. `may`: the client does not know its outcome, for example after a failure.
   * `never`: it was deleted, or the client has left it behind.
   */
  expected: 'must' | 'may' | 'never';
  /** The client disconnected before the entry was whole: the stored text may be longer. */
  cut?: true;
}

/** A branch of a session, as a client knows it from acknowledged results. */
export class Branch {
  /** Calls without an output. */
  open: Call[] = [];
  /** A message has followed the calls, so that the gateway may have given them a synthetic output. */
  areLate = false;

  constructor(
    /** The response that the branch ends with. Absent for the branch of a named session. */
    public tip?: string,
    readonly entries: Statement[] = [],
  ) {}

  copy(tip: string): Branch {
    const copy = new Branch(
      tip,
      this.entries.map((statement) => ({ ...statement })),
    );
    copy.open = [...this.open];
    copy.areLate = this.areLate;
    return copy;
  }

  add(entries: readonly Entry[], expected: Statement['expected'], cut?: true): void {
    // An output that was sent before may appear at its earlier position.
    const isRepeated = (entry: Entry) =>
      this.entries.some((statement) => keyOf(statement.entry) === keyOf(entry));
    for (const entry of entries) {
      const here = entry.kind === 'output' && isRepeated(entry) ? 'may' : expected;
      this.entries.push({ entry, expected: here, ...(cut && { cut }) });
    }
  }

  /** The history as a client would send it: with each output once. */
  get history(): Entry[] {
    const outputs = new Set<string>();
    return this.entries.flatMap(({ entry, expected }): Entry[] => {
      if (entry.kind !== 'output') return expected === 'must' ? [entry] : [];
      if (expected === 'never' || outputs.has(keyOf(entry))) return [];
      outputs.add(keyOf(entry));
      return [entry];
    });
  }

  /**
   * The client's history replaces the earlier entries as soon as it is answered. Whether a deleted entry appears
   * again depends on where the history begins to differ from the session. Entries before the history may stay: a
   * history that begins with a message that was sent alone continues the session (`sharedSinceQuestion`).
   */
  replace(history: readonly Entry[], isAnswered: boolean): void {
    for (const statement of this.entries) {
      if (statement.expected === 'never' || !history.includes(statement.entry)) statement.expected = 'may';
    }
    if (!isAnswered) {
      this.insert(history);
      return;
    }
    const doubtful = new Set(
      this.entries.flatMap(({ entry, expected }) => (expected === 'may' ? keyOf(entry) : [])),
    );
    this.entries.length = this.entries.findIndex(({ entry }) => history.includes(entry));
    for (const entry of history) {
      this.entries.push({ entry, expected: doubtful.has(keyOf(entry)) ? 'may' : 'must' });
    }
  }

  private insert(history: readonly Entry[]): void {
    let at = 0;
    for (const entry of history) {
      const known = this.entries.findIndex((statement) => statement.entry === entry);
      if (known !== -1) at = known + 1;
      else this.entries.splice(at++, 0, { entry, expected: 'may' });
    }
  }

  /** Adds the result of a turn. A turn without output may be left out of later requests. */
  take(input: readonly Entry[], { entries, whole }: Received): void {
    this.areLate = entries.length === 0;
    if (this.areLate) {
      this.add(input, 'may');
      this.entries.push({ entry: { kind: 'assistant', text: '' }, expected: 'may', cut: true });
      return;
    }
    this.add(input, 'must');
    this.add(entries, 'must', whole ? undefined : true);
    this.open = entries.filter((entry) => entry.kind === 'call');
  }
}

const keyOf = (entry: Entry): string => JSON.stringify(entry);

/** Lines that the gateway and the protocols add. */
const ADDED = new Set([
  'assistant: []',
  'output No output: the call was never answered.',
  'user: Begin.',
  'user: Continue.',
]);
/** A refusal, as protocols without refusals receive it. */
const REFUSAL = "assistant: I'm";

/** A line that a provider may or must receive. */
interface Expected {
  line: string;
  expected: Statement['expected'];
  /** The received line may be longer than this one. */
  cut: boolean;
}

/**
 * Compares the lines that a provider received (`tests/harness/upstream.ts`) with the conversation: all `must` entries
 * are there, no unknown lines are there, and all are in order. Returns the problem, or undefined.
 */
export function contextProblem(
  conversation: readonly Statement[],
  lines: readonly string[],
): string | undefined {
  const isCompared = (line: string) => /^(user|assistant|output)/.test(line) && !ADDED.has(line);
  const sent = lines.filter((line) => isCompared(line) && !line.startsWith(REFUSAL));
  const possible = conversation.flatMap((each) => expectedOf(each) ?? []);
  const surely = possible.filter(({ expected }) => expected === 'must');
  const maybe = possible.filter(({ expected }) => expected !== 'never');
  // The order of outputs is not checked here: the simulator refuses outputs that are not with their calls.
  const missing =
    surely.find(({ line }) => isOutput(line) && !sent.includes(line)) ??
    firstUnmatched(withoutOutputs(surely, lineOf), withoutOutputs(sent, String), (one, line) =>
      isLine(line, one),
    );
  if (missing) return `missing or out of order: ${missing.line}`;
  const unknown =
    sent.find((line) => isOutput(line) && !maybe.some((one) => one.line === line)) ??
    firstUnmatched(withoutOutputs(sent, String), withoutOutputs(maybe, lineOf), isLine);
  return unknown && `unexpected or out of order: ${unknown}`;
}

const isLine = (line: string, { line: whole, cut }: Expected) =>
  cut ? line.startsWith(whole) : line === whole;
const isOutput = (line: string): boolean => line.startsWith('output');
const lineOf = ({ line }: Expected): string => line;
const withoutOutputs = <One>(entries: readonly One[], line: (one: One) => string): One[] =>
  entries.filter((one) => !isOutput(line(one)));

const ROLES = { user: 'user: ', assistant: 'assistant: ', output: 'output ' } as const;

/** Refusals, calls and thoughts are left out: their text differs between providers, or is not sent to all. */
function expectedOf({ entry, expected, cut }: Statement): Expected | undefined {
  if (entry.kind === 'refusal' || entry.kind === 'call' || entry.kind === 'thought') return undefined;
  const line = ROLES[entry.kind] + entry.text;
  return line.startsWith(REFUSAL) ? undefined : { line, expected, cut: cut === true };
}

/** The first of `some` that does not match an entry of `all` after the match of the one before it. */
function firstUnmatched<One, Other>(
  some: readonly One[],
  all: readonly Other[],
  matches: (one: One, other: Other) => boolean,
): One | undefined {
  let at = 0;
  for (const one of some) {
    while (at < all.length && !matches(one, all[at]!)) at++;
    if (at++ === all.length) return one;
  }
  return undefined;
}

/** A history as messages of chat completions. */
export function asMessages(history: readonly Entry[]): Json[] {
  const messages: Json[] = [];
  let run: Json | undefined;
  const currentMessage = () => {
    if (run) return run;
    run = { role: 'assistant', content: null };
    messages.push(run);
    return run;
  };
  for (const entry of history) {
    if (entry.kind === 'assistant' || entry.kind === 'refusal') {
      run = undefined;
      currentMessage()[entry.kind === 'assistant' ? 'content' : 'refusal'] = entry.text;
    } else if (entry.kind === 'call') {
      const { call_id: id, name, args } = entry;
      const call = { id, type: 'function', function: { name, arguments: args } };
      const message = currentMessage();
      message.tool_calls = [...((message.tool_calls as Json[] | undefined) ?? []), call];
    } else if (entry.kind !== 'thought') {
      run = undefined;
      const { kind, text: content } = entry;
      if (kind === 'user') messages.push({ role: 'user', content });
      else messages.push({ role: 'tool', tool_call_id: entry.call_id, content });
    }
  }
  return messages;
}

/** A history as items of the Responses API. */
export const asItems = (history: readonly Entry[]): Json[] => history.map(asItem);

function asItem(entry: Entry): Json {
  switch (entry.kind) {
    case 'user':
      return { type: 'message', role: 'user', content: entry.text };
    case 'assistant':
      return assistantMessage({ type: 'output_text', text: entry.text, annotations: [] });
    case 'refusal':
      return assistantMessage({ type: 'refusal', refusal: entry.text });
    case 'call':
      return { type: 'function_call', call_id: entry.call_id, name: entry.name, arguments: entry.args };
    case 'output':
      return { type: 'function_call_output', call_id: entry.call_id, output: entry.text };
    case 'thought':
      return entry.item;
  }
}

const assistantMessage = (part: Json): Json => ({ type: 'message', role: 'assistant', content: [part] });
