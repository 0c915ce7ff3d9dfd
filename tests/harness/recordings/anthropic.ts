import { type Recording, recordings } from '../../conformance/wire-protocol.ts';

type Wire = Record<string, unknown>;

export const anthropicRecordings = (): Recording[] =>
  recordings(['anthropic'], /\.(json|chunks\.txt)$/).flatMap(separateCalls);

/** Some recordings hold the streams of several calls, one after the other. */
function separateCalls(recording: Recording): Recording[] {
  const calls: string[][] = [[]];
  for (const event of recording.events ?? []) {
    if (calls.at(-1)?.at(-1)?.includes('"message_stop"')) calls.push([]);
    calls.at(-1)?.push(event);
  }
  if (calls.length === 1) return [recording];
  return calls.map((events, step) => ({ name: `${recording.name} (call ${step + 1})`, events }));
}

export function partialJson(event: Wire): string | undefined {
  const delta = event.delta as Wire | undefined;
  return delta?.type === 'input_json_delta' ? (delta.partial_json as string) : undefined;
}

/** Builds a whole message from its events, as the documentation describes. */
export function wholeMessage(events: unknown[]): unknown {
  let message: Wire = {};
  const content: Wire[] = [];
  const json: string[] = [];
  for (const event of events as Wire[]) {
    const index = event.index as number;
    const delta = (event.delta ?? {}) as Wire;
    const block = content[index] ?? {};
    if (event.type === 'message_start') message = { ...(event.message as Wire) };
    else if (event.type === 'content_block_start') content[index] = { ...(event.content_block as Wire) };
    else if (delta.type === 'text_delta') block.text = `${block.text}${delta.text}`;
    else if (delta.type === 'thinking_delta') block.thinking = `${block.thinking}${delta.thinking}`;
    else if (delta.type === 'signature_delta') block.signature = delta.signature;
    else if (delta.type === 'compaction_delta') block.content = delta.content;
    else if (delta.type === 'citations_delta') {
      block.citations = [...((block.citations as unknown[]) ?? []), delta.citation];
    } else if (delta.type === 'input_json_delta') {
      json[index] = (json[index] ?? '') + delta.partial_json;
    } else if (event.type === 'message_delta') {
      const { type: _, delta: __, usage, ...other } = event;
      const spent = { ...(message.usage as Wire), ...(usage as Wire) };
      message = { ...message, ...delta, ...other, usage: spent };
    }
  }
  for (const [index, text] of json.entries()) {
    if (text) content[index]!.input = JSON.parse(text);
  }
  return { ...message, content };
}
