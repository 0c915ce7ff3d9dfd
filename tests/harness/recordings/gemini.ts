import { type Recording, recordings } from '../../conformance/wire-protocol.ts';

/** Other recordings of Google are of other APIs: `interactions-*` of Interactions, `speech-*` of Live. */
export const geminiRecordings = (): Recording[] => recordings(['google'], /^google-/);

type Json = Record<string, unknown>;

/**
 * Appends a part to those of a whole answer: unsigned text to unsigned text, streamed arguments to their
 * call.
 */
function addPart(parts: Json[], part: Json): void {
  const last = parts.at(-1);
  const call = part.functionCall as Json | undefined;
  if (call && call.name === undefined) {
    const args = (last!.functionCall as Json).args as Json;
    for (const partial of (call.partialArgs ?? []) as Json[]) addLeaf(args, partial);
  } else if (call) {
    parts.push({ ...part, functionCall: { name: call.name, args: call.args ?? {} } });
  } else if (part.text === '' && part.thoughtSignature === undefined) {
    return;
  } else if (last && typeof last.text === 'string' && !last.thoughtSignature && !part.thoughtSignature) {
    last.text += part.text as string;
  } else {
    parts.push({ ...part });
  }
}

/** Supports only the paths in the recordings, such as `$.operations[0].action`. */
function addLeaf(args: Json, partial: Json): void {
  const [, list, index, field] = /^\$\.(\w+)\[(\d)\]\.(\w+)$/.exec(partial.jsonPath as string)!;
  args[list!] ??= [];
  const entries = args[list!] as Json[];
  entries[Number(index)] ??= {};
  const entry = entries[Number(index)]!;
  const text = partial.stringValue;
  entry[field!] = text === undefined ? partial.numberValue : `${entry[field!] ?? ''}${text}`;
}

/** The whole answer that is equal to a recorded stream. */
export function wholeGemini(events: unknown[]): unknown {
  const whole: Json = {};
  const candidate: Json = { content: { role: 'model', parts: [] } };
  for (const event of events as Json[]) {
    Object.assign(whole, event);
    const [chunk] = event.candidates as Json[];
    const { content, ...rest } = chunk!;
    Object.assign(candidate, rest);
    for (const part of (content as { parts: Json[] }).parts) {
      addPart((candidate.content as { parts: Json[] }).parts, part);
    }
  }
  return { ...whole, candidates: [candidate] };
}
