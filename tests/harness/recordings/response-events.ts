import { expect } from 'bun:test';
import { asJson, asList, asText, type Json } from '../../simulators/provider/shape.ts';
import type { ServerEvent } from '../journey.ts';

/** What a client that reads only the events has of an item. */
interface Seen {
  id: string;
  /** The texts of its deltas, by kind and part. */
  texts: Map<string, string>;
  done?: Json;
}

const DELTA = /^response\.(.+)\.delta$/;

/**
 * Checks the events of a response: their order, their ids, and that they add up to the last one. Returns its
 * response.
 */
export function responseOf(events: ServerEvent[]): Json {
  expect(events.map(({ data }) => data.sequence_number)).toEqual(events.map((_, index) => index));
  expect(events.map(({ data }) => data.type)).toEqual(events.map(({ event }) => event));
  expect(events[0]?.event).toBe('response.created');
  const items: Seen[] = [];
  for (const { data } of events) see(items, data);
  const last = events.at(-1)!;
  expect(last.event).toMatch(/^response\.(completed|incomplete|failed)$/);
  const response = asJson(last.data.response);
  const created = asJson(events[0]?.data.response);
  expect(response.id).toBe(created.id);
  expect(items.map(({ done }) => done)).toEqual(asList(response.output));
  for (const item of items) expectTexts(item);
  expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  return response;
}

function see(items: Seen[], event: Json): void {
  const type = asText(event.type);
  const index = Number(event.output_index);
  if (type === 'response.output_item.added') {
    expect(index).toBe(items.length);
    items.push({ id: asText(asJson(event.item).id), texts: new Map() });
    return;
  }
  if (Number.isNaN(index)) return;
  const item = items[index]!;
  expect(item.done).toBeUndefined();
  if (type === 'response.output_item.done') {
    item.done = asJson(event.item);
    expect(asText(item.done.id)).toBe(item.id);
    return;
  }
  expect(asText(event.item_id)).toBe(item.id);
  const kind = DELTA.exec(type)?.[1];
  if (kind === undefined || typeof event.delta !== 'string') return;
  const part = `${kind} ${event.content_index ?? event.summary_index ?? 0}`;
  item.texts.set(part, (item.texts.get(part) ?? '') + event.delta);
}

/** The texts of the deltas are the texts of the item. An item may also come whole, without deltas. */
function expectTexts({ texts, done }: Seen): void {
  if (!done || texts.size === 0) return;
  const parts = (kind: string, list: unknown, field: string) =>
    asList(list).flatMap((part, index) =>
      asText(part[field]) === '' ? [] : [[`${kind} ${index}`, part[field]]],
    );
  const whole = Object.fromEntries([
    ...(done.type === 'message' ? parts('output_text', done.content, 'text') : []),
    ...(done.type === 'message' ? parts('refusal', done.content, 'refusal') : []),
    ...(done.type === 'reasoning' ? parts('reasoning_text', done.content, 'text') : []),
    ...(done.type === 'reasoning' ? parts('reasoning_summary_text', done.summary, 'text') : []),
    ...(done.type === 'function_call' ? [['function_call_arguments 0', done.arguments]] : []),
    ...(done.type === 'custom_tool_call' ? [['custom_tool_call_input 0', done.input]] : []),
  ]);
  const known = Object.keys(whole);
  if (known.length > 0) expect(Object.fromEntries(texts)).toEqual(whole);
}
