import { Fault } from '../../core/errors.ts';
import { type AnswerState, type ChoiceState, grow, type OpenCall, openItem } from './answer.ts';
import { closeReasoning } from './reasoning.ts';
import { isObject, type Json, textOf } from './wire.ts';

/** Reads `tool_calls`: pieces of calls, or whole ones, with or without numbers and ids. */
export function readCalls(state: AnswerState, choice: ChoiceState, calls: unknown): void {
  if (!Array.isArray(calls)) return;
  for (const piece of calls) {
    if (!isObject(piece)) {
      throw new Fault('provider_protocol_error', 'A tool call of the answer is not an object.', {
        raw: piece,
      });
    }
    readCall(state, choice, piece);
  }
}

/** Reads `function_call`, the older form of `tool_calls`. A message has at most one. */
export function readLegacyCall(state: AnswerState, choice: ChoiceState, call: unknown): void {
  if (isObject(call)) readCall(state, choice, { index: 0, function: call });
}

function readCall(state: AnswerState, choice: ChoiceState, piece: Json): void {
  const isCustom = isObject(piece.custom);
  const body = isCustom ? piece.custom : piece.function;
  const fields: Json = isObject(body) ? body : {};
  const name = textOf(fields.name);
  const call = findCall(choice, piece, name) ?? addCall(choice, piece, isCustom ? 'custom' : 'function');
  call.id ??= textOf(piece.id);
  if (call.index === undefined && name !== undefined) startCall(state, choice, { call, name });
  addArguments(state, call, isCustom ? fields.input : fields.arguments);
  keepLeftovers(call, piece, fields);
}

/**
 * The call that a piece continues. The number alone does not identify it: Gemini's compatible endpoint
 * gives number 0 to every whole call. So a different id together with a name begins another call.
 */
function findCall(choice: ChoiceState, piece: Json, name: string | undefined): OpenCall | undefined {
  const id = textOf(piece.id);
  if (typeof piece.index === 'number') {
    const call = choice.calls.findLast((known) => known.position === piece.index);
    const another = call?.id !== undefined && id !== undefined && id !== call.id && name !== undefined;
    return another ? undefined : call;
  }
  if (id !== undefined) return choice.calls.findLast((known) => known.id === id);
  return name === undefined ? choice.calls.at(-1) : undefined;
}

function addCall(choice: ChoiceState, piece: Json, kind: OpenCall['kind']): OpenCall {
  const call: OpenCall = { kind, held: '' };
  if (typeof piece.index === 'number') call.position = piece.index;
  choice.calls.push(call);
  return call;
}

function startCall(
  state: AnswerState,
  choice: ChoiceState,
  { call, name }: { call: OpenCall; name: string },
): void {
  closeReasoning(state, choice);
  // Some servers leave ids out. Ids must be unique within a session, so the answer's id is a part of them.
  call.id ??= `call_${state.answerId}_${choice.choice}_${choice.calls.indexOf(call)}`;
  call.index = openItem(
    state,
    choice,
    call.kind === 'custom'
      ? { type: 'custom_tool_call' as '(any other)', call_id: call.id, name, input: '' }
      : { type: 'function_call', call_id: call.id, name, arguments: '' },
  );
  if (call.held !== '') state.out.push({ type: 'arguments-delta', index: call.index, text: call.held });
}

function addArguments(state: AnswerState, call: OpenCall, value: unknown): void {
  // Arguments are JSON text, but a few servers send the object itself.
  const text = isObject(value) ? JSON.stringify(value) : textOf(value);
  if (text === undefined) return;
  if (call.index === undefined) call.held += text;
  else state.out.push({ type: 'arguments-delta', index: call.index, text });
}

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
