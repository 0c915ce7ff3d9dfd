import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import { emptied } from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { SseEvent, StreamReader } from '../claw.ts';
import { laterUsage } from '../usage.ts';
import {
  contentDeltas,
  endingOf,
  idOf,
  isCall,
  modelOf,
  type OutputItem,
  readItem,
  startOf,
} from './answer.ts';
import { withPublicRequests } from './approvals.ts';
import { failureOf } from './fault.ts';
import { ServerCalls } from './server-calls.ts';
import { type Json, listIn, malformed, objectIn, textIn } from './wire.ts';

/** An output item of the stream. */
interface Slot {
  /** The item's index in the deltas. The provider's `output_index` may skip numbers (seen at OpenAI). */
  index: number;
  type: string;
  id?: string;
  open: boolean;
  /** Some of its content came in delta events. */
  grew: boolean;
}

interface State {
  prompt: Prompt;
  /** The model that the first event named. Undefined before that event. */
  model?: string;
  /** By the provider's `output_index`. */
  slots: Map<number, Slot>;
  /** How many items were opened. */
  count: number;
  called: boolean;
  /** The counts so far. Some servers send them before the last event only. */
  usage?: Json;
  ended: boolean;
}

type Handler = (state: State, event: Json) => Delta[];

const nothing: Handler = () => [];

/** Events that are read. Any other event of an open item is its progress. */
const HANDLERS: ReadonlyMap<unknown, Handler> = new Map<unknown, Handler>([
  ['response.created', begin],
  ['response.queued', begin],
  ['response.in_progress', begin],
  ['response.output_item.added', addItem],
  ['response.output_item.done', endItem],
  ['response.output_text.delta', growText],
  ['response.refusal.delta', growRefusal],
  ['response.output_text.annotation.added', annotate],
  ['response.reasoning_text.delta', growReasoning],
  ['response.reasoning_summary_text.delta', growSummary],
  ['response.function_call_arguments.delta', growArguments],
  ['response.custom_tool_call_input.delta', growInput],
  ['response.completed', finish],
  ['response.incomplete', finish],
  ['response.failed', fail],
  ['error', fail],
  // These repeat the content of the delta events and of the item's end.
  ['response.content_part.added', nothing],
  ['response.content_part.done', nothing],
  ['response.output_text.done', nothing],
  ['response.refusal.done', nothing],
  ['response.reasoning_text.done', nothing],
  ['response.reasoning_summary_text.done', nothing],
  ['response.reasoning_summary_part.added', nothing],
  ['response.reasoning_summary_part.done', nothing],
  ['response.function_call_arguments.done', nothing],
  ['response.custom_tool_call_input.done', nothing],
]);

/** Reads the event stream of `POST /responses`. */
export class ResponseReader implements StreamReader {
  private readonly state: State;
  private readonly serverCalls: ServerCalls;
  private readonly shown: (deltas: Delta[]) => Delta[];

  constructor(prompt: Prompt) {
    this.serverCalls = new ServerCalls(prompt);
    this.shown = withPublicRequests(prompt);
    this.state = { prompt, slots: new Map(), count: 0, called: false, ended: false };
  }

  push(sse: SseEvent): Delta[] {
    // `[DONE]` is part of the chat protocol, but some servers send it at the end of this one too.
    if (this.state.ended || sse.data === '[DONE]') return [];
    const event = parse(sse.data);
    event.type ??= sse.event ?? (event.error === undefined ? undefined : 'error');
    const deltas = (HANDLERS.get(event.type) ?? progress)(this.state, event);
    return this.shown(this.serverCalls.read(deltas));
  }

  end(): Delta[] {
    if (this.state.ended) return [];
    throw new Fault(
      'provider_protocol_error',
      'The stream ended before response.completed, response.incomplete or response.failed.',
    );
  }
}

function parse(data: string): Json {
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch {
    throw malformed('a stream event', 'JSON', data);
  }
  return objectIn(event, 'a stream event');
}

function begin(state: State, event: Json): Delta[] {
  const response = objectIn(event.response, `response of ${event.type}`);
  if (isObject(response.usage))
    state.usage = state.usage ? laterUsage(state.usage, response.usage) : response.usage;
  if (state.model !== undefined) return [];
  state.model = modelOf(response, state.prompt);
  return [startOf(response, state.prompt)];
}

function indexIn(event: Json): number {
  const index = event.output_index;
  if (typeof index === 'number' && Number.isInteger(index) && index >= 0) return index;
  throw malformed(`output_index of ${event.type}`, 'a whole number', index);
}

function addItem(state: State, event: Json): Delta[] {
  const key = indexIn(event);
  if (state.slots.has(key)) throw malformed('response.output_item.added', 'a new output_index', key);
  return open(state, key, event.item, readItem(event.item)).deltas;
}

function open(
  state: State,
  key: number,
  raw: unknown,
  { item }: OutputItem,
): { slot: Slot; deltas: Delta[] } {
  if (state.model === undefined) throw malformed('the stream', 'response.created first', item.type);
  const slot: Slot = { index: state.count++, type: item.type, id: idOf(raw), open: true, grew: false };
  state.slots.set(key, slot);
  state.called ||= isCall(item);
  return { slot, deltas: [{ type: 'item-start', index: slot.index, item: emptied(item) }] };
}

function endItem(state: State, event: Json): Delta[] {
  const key = indexIn(event);
  const output = readItem(event.item);
  const slot = state.slots.get(key);
  if (!slot) return openAndClose(state, key, event.item, output);
  if (!slot.open) throw malformed('response.output_item.done', 'an open item', key);
  return close(slot, output);
}

function openAndClose(state: State, key: number, raw: unknown, output: OutputItem): Delta[] {
  const { slot, deltas } = open(state, key, raw, output);
  return [...deltas, ...close(slot, output)];
}

function close(slot: Slot, { item, native }: OutputItem): Delta[] {
  if (item.type !== slot.type) throw malformed('an ended output item', `type ${slot.type}`, item.type);
  slot.open = false;
  const end: Delta = { type: 'item-end', index: slot.index, item, native };
  // Some providers open an item and then send it whole, without delta events.
  return slot.grew ? [end] : [...contentDeltas(slot.index, item), end];
}

/** The index of the open item that a content event belongs to. The item must have the given type. */
function growing(state: State, event: Json, type: string): number {
  const slot = state.slots.get(event.output_index as number);
  if (!slot?.open) throw malformed(`${event.type}`, 'the output_index of an open item', event.output_index);
  if (slot.type !== type) throw malformed(`${event.type}`, `an item of type ${type}`, slot.type);
  slot.grew = true;
  return slot.index;
}

/** More than any real answer has. Without a limit, a large part number would build a large array. */
const MAX_PARTS = 10_000;

function partIn(event: Json, field: string): number {
  const part = event[field];
  if (typeof part === 'number' && Number.isInteger(part) && part >= 0 && part < MAX_PARTS) return part;
  throw malformed(`${field} of ${event.type}`, 'a small whole number', part);
}

function textOf(event: Json): string {
  return typeof event.delta === 'string' ? event.delta : textIn(event.delta, `delta of ${event.type}`);
}

function growText(state: State, event: Json): Delta[] {
  const index = growing(state, event, 'message');
  const delta: Delta = {
    type: 'text-delta',
    index,
    part: partIn(event, 'content_index'),
    text: textOf(event),
  };
  if (Array.isArray(event.logprobs) && event.logprobs.length > 0) delta.logprobs = event.logprobs;
  return [delta];
}

function growRefusal(state: State, event: Json): Delta[] {
  const index = growing(state, event, 'message');
  return [{ type: 'refusal-delta', index, part: partIn(event, 'content_index'), text: textOf(event) }];
}

function annotate(state: State, event: Json): Delta[] {
  const index = growing(state, event, 'message');
  const part = partIn(event, 'content_index');
  return [{ type: 'annotation', index, part, annotation: event.annotation }];
}

function growReasoning(state: State, event: Json): Delta[] {
  const index = growing(state, event, 'reasoning');
  return [{ type: 'reasoning-delta', index, part: partIn(event, 'content_index'), text: textOf(event) }];
}

function growSummary(state: State, event: Json): Delta[] {
  const index = growing(state, event, 'reasoning');
  return [{ type: 'summary-delta', index, part: partIn(event, 'summary_index'), text: textOf(event) }];
}

function growArguments(state: State, event: Json): Delta[] {
  return [{ type: 'arguments-delta', index: growing(state, event, 'function_call'), text: textOf(event) }];
}

function growInput(state: State, event: Json): Delta[] {
  return [{ type: 'arguments-delta', index: growing(state, event, 'custom_tool_call'), text: textOf(event) }];
}

/**
 * Names of events that clients get. A line break would begin another event of their stream, and `clawhold:` is
 * the prefix of the gateway's own events.
 */
const EVENT_NAME = /^(?!clawhold:)[\w.:-]+$/;

/**
 * An event of a hosted tool, or an unknown one. The delta's index names the item, so the provider's own
 * names and positions are left out. An event without an open item gives no delta.
 */
function progress(state: State, event: Json): Delta[] {
  const slot = state.slots.get(event.output_index as number);
  const { type, sequence_number, output_index, item_id, obfuscation, ...data } = event;
  if (!slot?.open || typeof type !== 'string' || !EVENT_NAME.test(type)) return [];
  return [{ type: 'progress', index: slot.index, event: type, data }];
}

function finish(state: State, event: Json): Delta[] {
  const response = objectIn(event.response, `response of ${event.type}`);
  if (isObject(response.error)) throw failureOf(response.error, event);
  const deltas = begin(state, event);
  const incomplete = event.type === 'response.incomplete' || response.status === 'incomplete';
  deltas.push(...reconcile(state, response, incomplete));
  const usage = state.usage ?? response.usage;
  deltas.push(
    ...endingOf({ ...response, usage }, { startedAs: state.model, called: state.called, incomplete }),
  );
  state.ended = true;
  return deltas;
}

/** The final output is authoritative: it closes the open items and adds those that did not stream. */
function reconcile(state: State, response: Json, incomplete: boolean): Delta[] {
  const output = listIn(response.output ?? [], 'output of the response');
  const deltas = output.flatMap(finalItemReader(state, output));
  for (const slot of state.slots.values()) {
    if (!slot.open) continue;
    if (!incomplete) {
      throw malformed('response.completed', `an end of output item ${slot.index} (${slot.type})`, undefined);
    }
    slot.open = false;
    deltas.push({ type: 'item-end', index: slot.index });
  }
  return deltas;
}

/**
 * Matches each final item with its streamed item: by id, or (ids may change or be absent) with the next one
 * of its type.
 */
function finalItemReader(state: State, output: unknown[]): (raw: unknown, at: number) => Delta[] {
  const named = new Set(output.map(idOf));
  const slots = [...state.slots.values()];
  const taken = new Set<Slot>();
  const firstKey = Math.max(-1, ...state.slots.keys()) + 1;
  return (raw, at) => {
    const id = idOf(raw);
    const slot =
      slots.find((each) => id !== undefined && each.id === id) ??
      slots.find(
        (each) =>
          !taken.has(each) && !(each.id && named.has(each.id)) && isObject(raw) && each.type === raw.type,
      );
    if (!slot) return openAndClose(state, firstKey + at, raw, readItem(raw));
    taken.add(slot);
    return slot.open ? close(slot, readItem(raw)) : [];
  };
}

function fail(_state: State, event: Json): never {
  const response = isObject(event.response) ? event.response : undefined;
  // OpenAI documents the `error` event flat, but sends it nested.
  throw failureOf(response ? response.error : (event.error ?? event), event);
}

/** The deltas of a whole answer: the same as those of its stream. */
export function answerDeltas(body: unknown, prompt: Prompt): Delta[] {
  const response = objectIn(body, 'the answer');
  if (isObject(response.error) || response.status === 'failed') throw failureOf(response.error, response);
  const output = listIn(response.output, 'output of the answer');
  refuseUnfinished(response);
  const deltas: Delta[] = [startOf(response, prompt)];
  let called = false;
  for (const [index, raw] of output.entries()) {
    const { item, native } = readItem(raw);
    called ||= isCall(item);
    deltas.push({ type: 'item-start', index, item: emptied(item) });
    deltas.push(...contentDeltas(index, item));
    deltas.push({ type: 'item-end', index, item, native });
  }
  deltas.push(...endingOf(response, { called, incomplete: response.status === 'incomplete' }));
  return withPublicRequests(prompt)(new ServerCalls(prompt).read(deltas));
}

/**
 * Compatible servers may leave the status out. Any other status than these two means that the answer is not
 * complete.
 */
function refuseUnfinished(response: Json): void {
  const { status } = response;
  if (status === undefined || status === 'completed' || status === 'incomplete') return;
  throw malformed('status of the answer', '"completed" or "incomplete"', status);
}
