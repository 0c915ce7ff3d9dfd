import { ERRORS, type ErrorCode } from '../../core/error-catalogue.ts';
import { callFailureOf, Fault } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import type { Caller } from '../../core/request.ts';
import type { RoutingWishes, SimulatedFault, TurnLimits } from '../../core/routing.ts';
import { invalid } from './fields.ts';
import {
  ATTEMPTS,
  FIRST_TOKEN_MS,
  IDLE_MS,
  type RequestHeader,
  SIMULATE,
  TIMEOUT_MS,
} from './request-headers.ts';

/** What the headers of a request say about the choice of its candidates, and about their calls. */

/** `ruleHeaders` are the headers that rules of aliases read. */
export function wishesOf(
  headers: Headers,
  { isRoot }: Pick<Caller, 'isRoot'>,
  ruleHeaders: readonly string[],
): RoutingWishes | undefined {
  const wishes: RoutingWishes = {};
  const limits: TurnLimits = {};
  for (const [header, field] of LIMITS) {
    const value = headers.get(header.name);
    if (value !== null) limits[field] = wholeNumber(value, header, 86_400_000, ' of milliseconds');
  }
  if (Object.keys(limits).length > 0) wishes.limits = limits;
  const attempts = headers.get(ATTEMPTS.name);
  if (attempts !== null) wishes.attempts = wholeNumber(attempts, ATTEMPTS, 20);
  const read = ruleHeaders.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value.slice(0, LONGEST_VALUE)] as const];
  });
  if (read.length > 0) wishes.headers = Object.fromEntries(read);
  const simulated = headers.get(SIMULATE.name);
  if (simulated !== null) wishes.faults = simulatedFaults(simulated, isRoot);
  return Object.keys(wishes).length > 0 ? wishes : undefined;
}

const LIMITS = [
  [TIMEOUT_MS, 'turnMs'],
  [FIRST_TOKEN_MS, 'firstTokenMs'],
  [IDLE_MS, 'idleMs'],
] as const;

const LONGEST_VALUE = 1_000;

function wholeNumber(text: string, { name }: RequestHeader, most: number, unit = ''): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw invalid(name, `a whole number${unit} from 1 to ${most}`);
  return value;
}

/** Codes that say why the gateway itself ended a call. */
const OWN: ReadonlySet<string> = new Set<ErrorCode>(['hedge_lost', 'gateway_stopped']);

/** The codes that a failed call can have. */
const CALL_CODES = Object.keys(ERRORS).filter(
  (code) => callFailureOf(new Fault(code as ErrorCode, '')) !== undefined && !OWN.has(code),
);

/** `openai/gpt-5=provider_error, *=stream_interrupted@2` */
const FAULT = /^([^\s=,]+)=([a-z_]+)(?:@(\d{1,4}))?$/;

function simulatedFaults(text: string, isRoot: boolean): SimulatedFault[] {
  const { name } = SIMULATE;
  if (!isRoot) {
    throw new Fault('root_key_required', `\`${name}\` makes calls fail.`, { param: name });
  }
  return text.split(',').map((part) => {
    const [, target, code = '', after = '0'] = FAULT.exec(part.trim()) ?? [];
    if (target === undefined) throw invalid(name, '`provider/model=code` or `provider/model=code@bursts`');
    if (!CALL_CODES.includes(code)) throw unknownCode(code);
    return { target, code, after: Number(after) };
  });
}

function unknownCode(code: string): Fault {
  const { name } = SIMULATE;
  const [near] = nearest(code, CALL_CODES);
  const hint = near === undefined ? `it may be ${CALL_CODES.join(', ')}.` : `did you mean ${near}?`;
  const message = `\`${name}\`: "${code}" is not the code of a failed call; ${hint}`;
  return new Fault('invalid_request', message, { param: name });
}
