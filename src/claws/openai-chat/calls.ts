import { isDeepStrictEqual } from 'node:util';
import { Fault } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import { type AnswerState, type ChoiceState, closeItem, grow, type OpenCall, openItem } from './answer.ts';
import { ObjectEnd } from './object-end.ts';
import { closeReasoning } from './reasoning.ts';
import { type Json, textOf } from './wire.ts';

/**
 * Reads `tool_calls`: pieces of calls, or whole ones, with or without numbers and ids. `isLast`: the chunk
 * has the finish reason of the choice.
 */
export function readCalls(state: AnswerState, choice: ChoiceState, calls: unknown, isLast: boolean): void {
  if (!Array.isArray(calls)) return;
  const earlier = choice.calls.slice();
  for (const piece of calls) {
    if (!isObject(piece)) {
      throw new Fault('provider_protocol_error', 'A tool call of the answer is not an object.', {
        raw: piece,
      });
    }
    if (!earlier.some((call) => repeats(call, piece, isLast))) readCall(state, choice, piece);
  }
}

/** Reads `function_call`, the older form of `tool_calls`. A message has at most one. */
export function readLegacyCall(
  state: AnswerState,
  choice: ChoiceState,
  call: unknown,
  isLast: boolean,
): void {
  if (isObject(call)) readCalls(state, choice, [{ index: 0, function: call }], isLast);
}

/**
 * Whether a piece is a complete call that came before. Some servers send every call again, whole, in the
 * chunk with the finish reason. In any other chunk only an equal id shows that it is the same call.
 */
function repeats(call: OpenCall, piece: Json, isLast: boolean): boolean {
  const { kind, id, name, position, text } = partsOf(piece);
  const isSame =
    (id === undefined ? isLast : id === call.id) &&
    (name === undefined || name === call.name) &&
    (position === undefined || position === call.position);
  if (!isSame || text === undefined) return false;
  // A custom tool's input is any text. Only a piece that begins the call again, with its name, repeats it.
  if (kind === 'custom') return name !== undefined && text === call.text;
  return call.object.isComplete && isSameJson(text, call.text);
}

function isSameJson(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    return isDeepStrictEqual(JSON.parse(one), JSON.parse(other));
  } catch {
    return false;
  }
}

interface PieceParts {
  kind: OpenCall['kind'];
  id?: string;
  name?: string;
  position?: number;
  /** A part of the arguments, or of a custom tool's input. */
  text?: string;
  /** The object that holds the name and the text. */
  fields: Json;
}

function partsOf(piece: Json): PieceParts {
  const kind = isObject(piece.custom) ? 'custom' : 'function';
  const fields = isObject(piece[kind]) ? piece[kind] : {};
  const value = kind === 'custom' ? fields.input : fields.arguments;
  return {
    kind,
    id: textOf(piece.id),
    name: textOf(fields.name),
    position: typeof piece.index === 'number' ? piece.index : undefined,
    // Arguments are JSON text, but a few servers send the object itself.
    text: isObject(value) ? JSON.stringify(value) : textOf(value),
    fields,
  };
}

function readCall(state: AnswerState, choice: ChoiceState, piece: Json): void {
  const parts = partsOf(piece);
  let call = findCall(choice, parts) ?? addCall(choice, parts);
  call.id ??= parts.id;
  call.name ??= parts.name;
  keepLeftovers(call, piece, parts.fields);
  // The arguments of a call are one object. Another object belongs to another call of the same tool.
  let rest = addText(state, call, parts.text ?? '');
  beginCalls(state, choice);
  while (rest !== '') {
    const { name } = call;
    call = addCall(choice, parts);
    call.name = name;
    rest = addText(state, call, rest);
    beginCalls(state, choice);
  }
}

/**
 * The call that a piece continues. The number alone does not identify it: some servers give number 0 to
 * every call (Gemini's compatible endpoint with ids, others without or with empty ones). So another call
 * begins with a name and a different id, with a different name, or after complete arguments.
 */
function findCall(choice: ChoiceState, { id, name, position, text }: PieceParts): OpenCall | undefined {
  if (position === undefined && id !== undefined) return choice.calls.findLast((known) => known.id === id);
  if (position === undefined && name !== undefined) return undefined;
  const call =
    position === undefined
      ? choice.calls.at(-1)
      : choice.calls.findLast((known) => known.position === position);
  if (call?.name === undefined || name === undefined) return call;
  if (id !== undefined && call.id !== undefined) return id === call.id ? call : undefined;
  if (name !== call.name) return undefined;
  return call.object.isComplete && text?.trimStart().startsWith('{') ? undefined : call;
}

function addCall(choice: ChoiceState, { kind, position }: PieceParts): OpenCall {
  const call: OpenCall = { kind, position, text: '', object: new ObjectEnd() };
  choice.calls.push(call);
  return call;
}

/**
 * Begins the items of calls whose names are known, in order. A call without arguments may still get them, as some
 * servers announce all calls first; or it never gets any, as some servers send none for a tool without parameters.
 * So the calls after it wait until one of them is complete.
 */
function beginCalls(state: AnswerState, choice: ChoiceState): void {
  const { calls } = choice;
  const complete = calls.findLastIndex(({ index, object }) => index === undefined && object.isComplete);
  for (const [at, call] of calls.entries()) {
    if (call.index !== undefined || call.name === undefined) continue;
    if (at > complete && calls.slice(0, at).some(isEmpty)) return;
    beginCall(state, choice, call);
  }
}

const isEmpty = ({ name, text, isClosed }: OpenCall): boolean =>
  name !== undefined && text === '' && !isClosed;

/**
 * Begins the item of a call. The complete and the empty calls before it end now: OpenAI's Responses API ends an item
 * before it begins the next call, and some clients depend on it. An incomplete call may go on beside this one.
 */
function beginCall(state: AnswerState, choice: ChoiceState, call: OpenCall): void {
  const { kind, name = '' } = call;
  closeReasoning(state, choice);
  for (const earlier of choice.calls) {
    const isOver = earlier.object.isComplete || earlier.text === '';
    if (earlier.index !== undefined && isOver) closeCall(state, choice, earlier);
  }
  // Some servers leave ids out. Ids must be unique within a session, so the answer's id is a part of them.
  const call_id = call.id ?? `call_${state.answerId}_${choice.choice}_${choice.calls.indexOf(call)}`;
  call.index = openItem(
    state,
    choice,
    kind === 'custom'
      ? { type: 'custom_tool_call' as '(any other)', call_id, name, input: '' }
      : { type: 'function_call', call_id, name, arguments: '' },
  );
  if (call.text !== '') state.out.push({ type: 'arguments-delta', index: call.index, text: call.text });
}

/** Ends the item of a call, once. */
export function closeCall(state: AnswerState, choice: ChoiceState, call: OpenCall): void {
  if (call.isClosed) return;
  if (call.name === undefined) {
    throw new Fault('provider_protocol_error', 'A tool call of the answer has no name.', { raw: call });
  }
  if (call.index === undefined) beginCall(state, choice, call);
  call.isClosed = true;
  closeItem(state, call.index!, call.native);
}

/** Returns the part of the text that begins another object. A call with an id of its own has all of the text. */
function addText(state: AnswerState, call: OpenCall, text: string): string {
  const objectEnd = call.object.endIn(text);
  const end = call.kind === 'custom' || call.id !== undefined ? text.length : objectEnd;
  const own = text.slice(0, end);
  if (call.isClosed && call.text === '') {
    if (!isNothing(own)) throw lateArguments(call);
    return text.slice(end);
  }
  call.text += own;
  if (own !== '' && call.index !== undefined && !call.isClosed) {
    state.out.push({ type: 'arguments-delta', index: call.index, text: own });
  }
  return text.slice(end);
}

const lateArguments = (call: OpenCall): Fault =>
  new Fault('provider_protocol_error', 'Arguments came after the end of their tool call.', { raw: call });

/** Whether arguments say no more than absent ones. */
const isNothing = (text: string): boolean => /^\s*(\{\s*\}?\s*)?$/.test(text);

const READ = new Set(['index', 'id', 'type', 'function', 'custom']);

function keepLeftovers(call: OpenCall, piece: Json, fields: Json): void {
  for (const key in piece) {
    if (READ.has(key) || piece[key] === null) continue;
    call.native ??= {};
    grow(call.native, key, piece[key]);
  }
  for (const key in fields) {
    if (key === 'name' || key === 'arguments' || key === 'input' || fields[key] === null) continue;
    call.native ??= {};
    grow(call.native, 'function', { [key]: fields[key] });
  }
}
