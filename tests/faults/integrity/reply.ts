import { asJson, asList, asText, type Json } from '../../simulators/provider/shape.ts';

/** One thing that was said in a conversation, as its client knows it. */
export type Entry =
  | { kind: 'user'; text: string }
  | { kind: 'said'; text: string }
  | { kind: 'refusal'; text: string }
  | { kind: 'call'; call_id: string; name: string; args: string }
  | { kind: 'output'; call_id: string; text: string }
  /** As the Responses API shows it. */
  | { kind: 'thought'; item: Json };

export type Call = Entry & { kind: 'call' };

/** What a client has understood of a reply. */
export interface Heard {
  status: number;
  /** `resp_…` */
  id?: string;
  /** The answer, as far as it has come; calls only whole ones. */
  entries: Entry[];
  /** The reply came to its end, and the answer too. */
  whole: boolean;
  error?: { code: string; message: string };
}

export const nothingHeard = (): Heard => ({ status: 0, entries: [], whole: false });

/** Asked after each event of a stream. */
export type Stays = (events: number) => boolean | Promise<boolean>;

/** Reads a reply into `heard` as it comes, a stream only as long as its client stays. */
export async function hear(reply: Response, heard: Heard, stays: Stays): Promise<void> {
  heard.status = reply.status;
  const id = reply.headers.get('x-clawhold-response-id');
  if (id) heard.id = id;
  const isStream = reply.headers.get('content-type')?.startsWith('text/event-stream');
  if (isStream) await hearStream(reply, heard, stays);
  else hearWhole((await reply.json()) as Json, heard);
}

function hearWhole(body: Json, heard: Heard): void {
  if (body.error) heard.error = body.error as Heard['error'];
  const [choice] = asList(body.choices);
  if (choice) {
    const { content, refusal, tool_calls } = asJson(choice.message);
    heard.entries = chatEntries(asText(content), asText(refusal), asList(tool_calls));
    heard.whole = true;
  } else {
    heard.entries = asList(body.output).flatMap(entriesOf);
    heard.whole = body.status === 'completed' || body.status === 'incomplete';
  }
}

function chatEntries(content: string, refusal: string, calls: Json[]): Entry[] {
  return [
    ...(content === '' ? [] : [{ kind: 'said' as const, text: content }]),
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
          : { kind: 'said', text: asText(part.text) },
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

async function hearStream(reply: Response, heard: Heard, stays: Stays): Promise<void> {
  const decoder = new TextDecoder();
  const chat = new ChatListener(heard);
  const responses = new ResponsesListener(heard);
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
      if (!(await stays(++events))) return;
    }
  }
}

class ChatListener {
  private content = '';
  private refusal = '';
  private calls: { id: string; name: string; args: string }[] = [];
  private finish = '';

  constructor(private readonly heard: Heard) {}

  take(chunk: Json): void {
    if (chunk.error) this.heard.error = chunk.error as Heard['error'];
    const { restart } = asJson(chunk.clawhold);
    if (restart) this.forget(asJson(asJson(restart).discard));
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
    this.tell();
  }

  done(): void {
    this.heard.whole = this.finish !== '';
    this.tell();
  }

  private forget({ content, tool_calls }: Json): void {
    if (content) this.content = '';
    for (const index of tool_calls as number[]) delete this.calls[index];
  }

  /** Calls are whole when the finish says that the model waits for them. */
  private tell(): void {
    const calls = this.finish === 'tool_calls' ? this.calls.filter(Boolean) : [];
    const wire = calls.map(({ id, name, args }) => ({ id, function: { name, arguments: args } }));
    this.heard.entries = chatEntries(this.content, this.refusal, wire as Json[]);
  }
}

class ResponsesListener {
  private readonly items: Entry[][] = [];

  constructor(private readonly heard: Heard) {}

  take(event: Json): void {
    const at = Number(event.output_index);
    switch (event.type) {
      case 'response.output_text.delta':
      case 'response.refusal.delta':
        this.grow(at, event.type === 'response.refusal.delta' ? 'refusal' : 'said', asText(event.delta));
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
        this.heard.whole = asJson(event.response).status !== 'cancelled';
        break;
      case 'response.failed':
      case 'error':
        this.heard.error = (asJson(event.response).error ?? event) as Heard['error'];
    }
    this.heard.entries = this.items.flat().filter(Boolean);
  }

  private grow(at: number, kind: 'said' | 'refusal', text: string): void {
    const parts = this.items[at] ?? [];
    this.items[at] = parts;
    const last = parts.at(-1);
    if (last?.kind === kind) last.text += text;
    else parts.push({ kind, text });
  }
}
