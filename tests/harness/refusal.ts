import { expect } from 'bun:test';
import { asJson } from '../simulators/provider/shape.ts';
import { json } from './journey.ts';

export interface Refusal {
  code: string;
  param?: string | null;
  message?: RegExp;
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
  expect(Object.keys(body)).toEqual(['error']);
  expect(Object.keys(asJson(body.error)).sort()).toEqual(['code', 'message', 'param', 'type']);
  expect(reply.headers.get('x-request-id')).toBeTruthy();
  expect(body.error).toMatchObject({
    type: expect.any(String),
    ...expected,
    message: expect.stringMatching(expected.message ?? /./),
  });
}
