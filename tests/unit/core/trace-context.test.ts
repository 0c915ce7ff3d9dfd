import { describe, expect, test } from 'bun:test';
import {
  foreignTrace,
  newSpanId,
  newTraceId,
  parentOf,
  traceParent,
} from '../../../src/core/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

describe('traceparent (W3C Trace Context, section 3.2)', () => {
  test('names the trace, the span and whether it is sampled', () => {
    const parent = `00-${TRACE}-${SPAN}`;
    expect(parentOf({ parent: `${parent}-01`, state: 'a=1' })).toEqual({
      ...{ traceId: TRACE, spanId: SPAN, isSampled: true, state: 'a=1' },
    });
    expect(parentOf({ parent: `${parent}-00`, state: null })?.isSampled).toBe(false);
    // Only the lowest bit says it.
    expect(parentOf({ parent: `${parent}-ff`, state: null })?.isSampled).toBe(true);
    expect(parentOf({ parent: `${parent}-fe`, state: null })?.isSampled).toBe(false);
  });

  test.each([
    ['', 'nothing'],
    [`00-${TRACE}-${SPAN}`, 'no flags'],
    [`ff-${TRACE}-${SPAN}-01`, 'version ff'],
    [`00-${'0'.repeat(32)}-${SPAN}-01`, 'a trace of zeros'],
    [`00-${TRACE}-${'0'.repeat(16)}-01`, 'a span of zeros'],
    [`00-${TRACE.toUpperCase()}-${SPAN}-01`, 'upper case'],
    [`00-${TRACE}-${SPAN}-01-more`, 'more fields in version 00'],
    [`00-${TRACE}0-${SPAN}-01`, 'a long trace'],
  ])('is ignored: %p (%s)', (parent) => {
    expect(parentOf({ parent, state: null })).toBeUndefined();
  });

  test('of a later version may have more fields', () => {
    expect(parentOf({ parent: `01-${TRACE}-${SPAN}-01-more`, state: null })?.traceId).toBe(TRACE);
  });

  test('without a collector, the span of the caller is passed on', () => {
    const trace = foreignTrace({ parent: `00-${TRACE}-${SPAN}-01`, state: null })!;
    expect(traceParent(trace, trace.spanId)).toBe(`00-${TRACE}-${SPAN}-01`);
    expect(foreignTrace({ parent: null, state: null })).toBeUndefined();
  });

  test('a long tracestate is left out', () => {
    expect(parentOf({ parent: `00-${TRACE}-${SPAN}-01`, state: 'a'.repeat(513) })?.state).toBeUndefined();
  });
});

test('ids are new each time, and hexadecimal', () => {
  const traces = Array.from({ length: 1_000 }, newTraceId);
  expect(new Set(traces).size).toBe(1_000);
  for (const id of traces) expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(newSpanId()).toMatch(/^[0-9a-f]{16}$/);
});
