import { expect } from 'bun:test';
import type { Json } from '../simulators/provider/shape.ts';
import { errorIn } from './dialects.ts';
import { json } from './journey.ts';

export interface Refusal {
  code: string;
  param?: string | null;
  message?: RegExp;
  /** The error as the provider reported it. If absent, the answer must not have it either. */
  provider_error?: Json;
}

/** Expects a refused request, in any dialect: its status, and an error envelope with all fields. */
export async function expectRefusal(
  answer: Response | Promise<Response>,
  status: number,
  expected: Refusal,
): Promise<void> {
  const reply = await answer;
  const body = await json(reply);
  expect(reply.status).toBe(status);
  const isAnthropic = body.type === 'error';
  expect(Object.keys(body)).toEqual(isAnthropic ? ['type', 'error', 'request_id'] : ['error']);
  const { attempts, ...error } = errorIn(body);
  const fields = ['code', 'message', 'param', ...(expected.provider_error ? ['provider_error'] : []), 'type'];
  expect(Object.keys(error).sort()).toEqual(fields);
  // Present where calls failed.
  if (attempts !== undefined) {
    const call = { model: expect.stringContaining('/'), code: expect.any(String), ms: expect.any(Number) };
    expect((attempts as Json[]).at(-1)).toMatchObject(call);
  }
  expect(reply.headers.get('x-request-id')).toBeTruthy();
  expect(error).toMatchObject({
    type: expect.any(String),
    ...expected,
    message: expect.stringMatching(expected.message ?? /./),
  });
}
