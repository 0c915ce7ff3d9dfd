import { isObject } from '../../core/json.ts';
import { malformed } from './wire.ts';

type Step = string | number;
type Container = Record<string, unknown> | unknown[];

/**
 * Arguments of a call that arrive value by value, each with its JSON Path. They are written into a tree,
 * because values may come in any order, and JSON text can only be appended to.
 */
export interface StreamedArguments {
  root: Container;
  /** The path of a string that the next value may continue. */
  openPath?: string;
}

export function emptyArguments(): StreamedArguments {
  return { root: object() };
}

/**
 * Adds one `PartialArg`;
 * https://docs.cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc
 */
export function addPartial(streamed: StreamedArguments, partial: unknown): void {
  if (!isObject(partial) || typeof partial.jsonPath !== 'string') throw malformed('a jsonPath', partial);
  const { jsonPath } = partial;
  const steps = stepsOf(jsonPath);
  const leaf = steps.pop()!;
  let at = streamed.root;
  for (let i = 0; i < steps.length; i++) at = descend(at, steps[i]!, steps[i + 1] ?? leaf);
  const value = leafOf(partial);
  const before = get(at, leaf);
  const continues = streamed.openPath === jsonPath && typeof before === 'string' && typeof value === 'string';
  set(at, leaf, continues ? before + value : value);
  streamed.openPath = partial.willContinue === true ? jsonPath : undefined;
}

/** Adds arguments that came whole, in the same message or an earlier one. */
export function addWhole(streamed: StreamedArguments, args: Record<string, unknown>): void {
  for (const key in args) set(streamed.root, key, args[key]);
}

function leafOf(partial: Record<string, unknown>): unknown {
  if (typeof partial.stringValue === 'string') return partial.stringValue;
  if (typeof partial.numberValue === 'number') return partial.numberValue;
  if (typeof partial.boolValue === 'boolean') return partial.boolValue;
  if ('nullValue' in partial) return null;
  throw malformed('a value in partialArgs', partial);
}

/** Without a prototype, so that `__proto__` is an ordinary key. */
function object(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>;
}

function descend(at: Container, step: Step, next: Step): Container {
  const child = get(at, step);
  if (typeof child === 'object' && child !== null) return child as Container;
  const made: Container = typeof next === 'number' ? [] : object();
  set(at, step, made);
  return made;
}

function get(at: Container, step: Step): unknown {
  if (Array.isArray(at)) return typeof step === 'number' ? at[step] : undefined;
  return at[step];
}

function set(at: Container, step: Step, value: unknown): void {
  if (!Array.isArray(at)) {
    at[step] = value;
    return;
  }
  // An index beyond the end would fill the gap with nulls that the model did not write, and a hostile path
  // could ask for many.
  if (typeof step !== 'number' || step > at.length) throw malformed('the next index of an array', step);
  at[step] = value;
}

const STEP = /\.([^.[\]]+)|\[(\d+)\]|\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/y;

/** The steps of a JSON Path such as `$.items[0]['odd name']` (RFC 9535, singular queries). */
function stepsOf(path: string): Step[] {
  const steps: Step[] = [];
  STEP.lastIndex = 1;
  while (path[0] === '$' && STEP.lastIndex < path.length) {
    const match = STEP.exec(path);
    if (!match) throw malformed('a JSON Path', path);
    if (match[2] !== undefined) steps.push(Number(match[2]));
    else steps.push(match[1] ?? (match[3] ?? match[4]!).replace(/\\(.)/g, '$1'));
  }
  if (steps.length === 0) throw malformed('a JSON Path', path);
  return steps;
}
