import type { Json } from '../../simulators/provider/shape.ts';
import type { Call, Entry, Heard } from './reply.ts';

/** Something that was said, and what a model has to hear of it from then on. */
export interface Said {
  entry: Entry;
  /**
   * `surely`: it was acknowledged. `maybe`: what became of it was not seen, as when a call failed. `never`: it was
   * deleted, or the client has gone back behind it.
   */
  heard: 'surely' | 'maybe' | 'never';
  /** The client left before it was whole: it may go on. */
  cut?: true;
}

/** A branch of a session, as a client knows it that believes only what it was told. */
export class Branch {
  /** Calls that wait for an answer. */
  open: Call[] = [];
  /** Something has been said since they were made: the gateway may have given them up. */
  areLate = false;

  constructor(
    /** Absent where the branch is that of a named session, which its turns move on. */
    public tip?: string,
    readonly said: Said[] = [],
  ) {}

  copy(tip: string): Branch {
    const copy = new Branch(
      tip,
      this.said.map((said) => ({ ...said })),
    );
    copy.open = [...this.open];
    copy.areLate = this.areLate;
    return copy;
  }

  add(entries: readonly Entry[], heard: Said['heard'], cut?: true): void {
    // What may have been given before may be heard there instead.
    const isRepeated = (entry: Entry) => this.said.some((said) => keyOf(said.entry) === keyOf(entry));
    for (const entry of entries) {
      const here = entry.kind === 'output' && isRepeated(entry) ? 'maybe' : heard;
      this.said.push({ entry, heard: here, ...(cut && { cut }) });
    }
  }

  /** The conversation as a client would bring it along that keeps it itself: with the outputs that it gave. */
  get history(): Entry[] {
    const outputs = new Set<string>();
    return this.said.flatMap(({ entry, heard }): Entry[] => {
      if (entry.kind !== 'output') return heard === 'surely' ? [entry] : [];
      if (heard === 'never' || outputs.has(keyOf(entry))) return [];
      outputs.add(keyOf(entry));
      return [entry];
    });
  }

  /**
   * A client's own history takes the place of what was said before, as soon as it is answered. What was deleted
   * before is heard again where the history leaves the session's own before it, and else is not.
   */
  replace(history: readonly Entry[], isAnswered: boolean): void {
    for (const said of this.said) {
      if (said.heard === 'never' || !history.includes(said.entry)) said.heard = 'maybe';
    }
    if (!isAnswered) {
      this.insert(history);
      return;
    }
    const doubtful = new Set(
      this.said.flatMap(({ entry, heard }) => (heard === 'maybe' ? keyOf(entry) : [])),
    );
    this.said.length = 0;
    for (const entry of history) {
      this.said.push({ entry, heard: doubtful.has(keyOf(entry)) ? 'maybe' : 'surely' });
    }
  }

  private insert(history: readonly Entry[]): void {
    let at = 0;
    for (const entry of history) {
      const known = this.said.findIndex((said) => said.entry === entry);
      if (known !== -1) at = known + 1;
      else this.said.splice(at++, 0, { entry, heard: 'maybe' });
    }
  }

  /** Takes in what came of a turn. One that brought nothing may be as if it had not been asked. */
  take(input: readonly Entry[], { entries, whole }: Heard): void {
    this.areLate = entries.length === 0;
    if (this.areLate) {
      this.add(input, 'maybe');
      this.said.push({ entry: { kind: 'said', text: '' }, heard: 'maybe', cut: true });
      return;
    }
    this.add(input, 'surely');
    this.add(entries, 'surely', whole ? undefined : true);
    this.open = entries.filter((entry) => entry.kind === 'call');
  }
}

const keyOf = (entry: Entry): string => JSON.stringify(entry);

/** What the gateway and the protocols add by themselves. */
const ADDED = new Set([
  'assistant: []',
  'output No output: the call was never answered.',
  'user: Begin.',
  'user: Continue.',
]);
/** Words at protocols that know no refusals. */
const REFUSAL = "assistant: I'm";

/** A line that a provider may be sent. */
interface Expected {
  line: string;
  heard: Said['heard'];
  /** Where it goes on, it is the same all the same. */
  cut: boolean;
}

/**
 * What is wrong with what a provider was sent (`tests/harness/upstream.ts`): everything that was surely said
 * has to be there, nothing else may be, and all in order. Undefined where all is well.
 */
export function misheard(said: readonly Said[], lines: readonly string[]): string | undefined {
  const isSaid = (line: string) => /^(user|assistant|output)/.test(line) && !ADDED.has(line);
  const sent = lines.filter((line) => isSaid(line) && !line.startsWith(REFUSAL));
  const expected = said.flatMap((each) => expectedOf(each) ?? []);
  const surely = expected.filter(({ heard }) => heard === 'surely');
  const maybe = expected.filter(({ heard }) => heard !== 'never');
  // Outputs stand with their calls, wherever those are: the provider sees to it.
  const missing =
    surely.find(({ line }) => isOutput(line) && !sent.includes(line)) ??
    firstAstray(withoutOutputs(surely, lineOf), withoutOutputs(sent, String), (one, line) =>
      isLine(line, one),
    );
  if (missing) return `not heard, or not in its place: ${missing.line}`;
  const strange =
    sent.find((line) => isOutput(line) && !maybe.some((one) => one.line === line)) ??
    firstAstray(withoutOutputs(sent, String), withoutOutputs(maybe, lineOf), isLine);
  return strange && `heard, and not said there: ${strange}`;
}

const isLine = (line: string, { line: whole, cut }: Expected) =>
  cut ? line.startsWith(whole) : line === whole;
const isOutput = (line: string): boolean => line.startsWith('output');
const lineOf = ({ line }: Expected): string => line;
const withoutOutputs = <One>(entries: readonly One[], line: (one: One) => string): One[] =>
  entries.filter((one) => !isOutput(line(one)));

const ROLES = { user: 'user: ', said: 'assistant: ', output: 'output ' } as const;

/** Refusals, calls and thoughts are not the same text at every provider, or not shown to all. */
function expectedOf({ entry, heard, cut }: Said): Expected | undefined {
  if (entry.kind === 'refusal' || entry.kind === 'call' || entry.kind === 'thought') return undefined;
  const line = ROLES[entry.kind] + entry.text;
  return line.startsWith(REFUSAL) ? undefined : { line, heard, cut: cut === true };
}

/** The first of `some` that is not among `all`, behind the one before it. */
function firstAstray<One, Other>(
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

/** A history in the words of chat completions. */
export function asMessages(history: readonly Entry[]): Json[] {
  const messages: Json[] = [];
  let run: Json | undefined;
  const spoken = () => {
    if (run) return run;
    run = { role: 'assistant', content: null };
    messages.push(run);
    return run;
  };
  for (const entry of history) {
    if (entry.kind === 'said' || entry.kind === 'refusal') {
      run = undefined;
      spoken()[entry.kind === 'said' ? 'content' : 'refusal'] = entry.text;
    } else if (entry.kind === 'call') {
      const { call_id: id, name, args } = entry;
      const call = { id, type: 'function', function: { name, arguments: args } };
      const message = spoken();
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

/** The same in the words of responses. */
export const asItems = (history: readonly Entry[]): Json[] => history.map(asItem);

function asItem(entry: Entry): Json {
  switch (entry.kind) {
    case 'user':
      return { type: 'message', role: 'user', content: entry.text };
    case 'said':
      return said({ type: 'output_text', text: entry.text, annotations: [] });
    case 'refusal':
      return said({ type: 'refusal', refusal: entry.text });
    case 'call':
      return { type: 'function_call', call_id: entry.call_id, name: entry.name, arguments: entry.args };
    case 'output':
      return { type: 'function_call_output', call_id: entry.call_id, output: entry.text };
    case 'thought':
      return entry.item;
  }
}

const said = (part: Json): Json => ({ type: 'message', role: 'assistant', content: [part] });
