import { asJson, asList, asText, type Json } from '../../simulators/provider/shape.ts';

/** One entry of a conversation, as its client knows it. */
export type Entry =
  | { kind: 'user'; text: string }
  | { kind: 'assistant'; text: string }
  | { kind: 'refusal'; text: string }
  | { kind: 'call'; call_id: string; name: string; args: string }
  | { kind: 'output'; call_id: string; text: string }
  /** A reasoning item, as in the Responses API. */
  | { kind: 'thought'; item: Json };

export type Call = Entry & { kind: 'call' };

/** What a client has received of a reply. */
export interface Received {
  status: number;
  /** `resp_…` */
  id?: string;
  /** The answer so far. It has only whole calls. */
  entries: Entry[];
  /** Whether the reply and the answer are complete. */
  whole: boolean;
  error?: { code: string; message: string };
}

export const nothingReceived = (): Received => ({ status: 0, entries: [], whole: false });

/** Called after each event of a stream. False: the client stops reading. */
export type KeepsReading = (events: number) => boolean | Promise<boolean>;

/** Reads a reply into `received`. A stream is read until its end or until `keepsReading` returns false. */
export async function readReply(
  reply: Response,
  received: Received,
  keepsReading: KeepsReading,
): Promise<void> {
  received.status = reply.status;
  const id = reply.headers.get('x-clawhold-response-id');
  if (id) received.id = id;
  const isStream = reply.headers.get('content-type')?.startsWith('text/event-stream');
  if (isStream) await readStream(reply, received, keepsReading);
  else readJson((await reply.json()) as Json, received);
}

function readJson(body: Json, received: Received): void {
  if (body.error) received.error = body.error as Received['error'];
  const [choice] = asList(body.choices);
  if (choice) {
    const { content, refusal, tool_calls } = asJson(choice.message);
    received.entries = chatEntries(asText(content), asText(refusal), asList(tool_calls));
    received.whole = true;
  } else {
    received.entries = asList(body.output).flatMap(entriesOf);
    received.whole = body.status === 'completed' || body.status === 'incomplete';
  }
}

function chatEntries(content: string, refusal: string, calls: Json[]): Entry[] {
  return [
    ...(content === '' ? [] : [{ kind: 'assistant' as const, text: content }]),
    ...(refusal === '' ? [] : [{ kind: 'refusal' as const, text: refusal }]),
    ...calls.map((call) => {
      const { name, arguments: args } = asJson(call.function);
      return { kind: 'call' as const, call_id: asText(call.id), name: asText(name), args: asText(args) };
    }),
  ];
}

function entriesOf(item: Json): Entry[] {
  switch (item.type) {
    case 'message':
      return asList(item.content).map((part) =>
        part.type === 'refusal'
          ? { kind: 'refusal', text: asText(part.refusal) }
          : { kind: 'assistant', text: asText(part.text) },
      );
    case 'function_call': {
      const { call_id, name, arguments: args, status } = item;
      if (status === 'incomplete') return [];
      return [{ kind: 'call', call_id: asText(call_id), name: asText(name), args: asText(args) }];
    }
    case 'reasoning':
      return [{ kind: 'thought', item }];
    default:
      return [];
  }
}

async function readStream(reply: Response, received: Received, keepsReading: KeepsReading): Promise<void> {
  const decoder = new TextDecoder();
  const chat = new ChatReader(received);
  const responses = new ResponsesReader(received);
  let rest = '';
  let events = 0;
  for await (const chunk of reply.body!) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data === undefined) continue;
      if (data === '[DONE]') chat.done();
      else {
        const event = JSON.parse(data) as Json;
        if (event.type === undefined) chat.take(event);
        else responses.take(event);
      }
      if (!(await keepsReading(++events))) return;
    }
  }
}

class ChatReader {
  private content = '';
  private refusal = '';
  private calls: { id: string; name: string; args: string }[] = [];
  private finish = '';

  constructor(private readonly received: Received) {}

  take(chunk: Json): void {
    if (chunk.error) this.received.error = chunk.error as Received['error'];
    const { restart } = asJson(chunk.clawhold);
    if (restart) this.discard(asJson(asJson(restart).discard));
    const [choice] = asList(chunk.choices);
    const delta = asJson(choice?.delta);
    this.content += asText(delta.content);
    this.refusal += asText(delta.refusal);
    for (const piece of asList(delta.tool_calls)) {
      const at = Number(piece.index);
      const call = this.calls[at] ?? { id: '', name: '', args: '' };
      this.calls[at] = call;
      const { name, arguments: args } = asJson(piece.function);
      call.id += asText(piece.id);
      call.name += asText(name);
      call.args += asText(args);
    }
    if (typeof choice?.finish_reason === 'string') this.finish = choice.finish_reason;
    this.update();
  }

  done(): void {
    this.received.whole = this.finish !== '';
    this.update();
  }

  private discard({ content, tool_calls }: Json): void {
    if (content) this.content = '';
    for (const index of tool_calls as number[]) delete this.calls[index];
  }

  /** Calls are whole when the finish reason is `tool_calls`. */
  private update(): void {
    const calls = this.finish === 'tool_calls' ? this.calls.filter(Boolean) : [];
    const wire = calls.map(({ id, name, args }) => ({ id, function: { name, arguments: args } }));
    this.received.entries = chatEntries(this.content, this.refusal, wire as Json[]);
  }
}

class ResponsesReader {
  private readonly items: Entry[][] = [];

  constructor(private readonly received: Received) {}

  take(event: Json): void {
    const at = Number(event.output_index);
    switch (event.type) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        this.grow(at, event.type === 'response.refusal.delta' ? 'refusal' : 'assistant', asText(event.delta));
        break;
      case 'response.output_item.done':
        this.items[at] = entriesOf(asJson(event.item));
        break;
      case 'clawhold:response.restarted':
        for (const { output_index } of asList(event.discarded)) delete this.items[Number(output_index)];
        break;
      case 'response.completed':
      case 'response.incomplete':
        this.items.length = 0;
        this.items.push(asList(asJson(event.response).output).flatMap(entriesOf));
        this.received.whole = asJson(event.response).status !== 'cancelled';
        break;
      case 'response.failed':
      case 'error':
        this.received.error = (asJson(event.response).error ?? event) as Received['error'];
    }
    this.received.entries = this.items.flat().filter(Boolean);
  }

  private grow(at: number, kind: 'assistant' | 'refusal', text: string): void {
    const parts = this.items[at] ?? [];
    this.items[at] = parts;
    const last = parts.at(-1);
    if (last?.kind === kind) last.text += text;
    else parts.push({ kind, text });
  }
}
