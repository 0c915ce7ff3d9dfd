import { type Dialect, errorIn } from '../harness/dialects.ts';
import { json, type ServerEvent, serverEvents } from '../harness/journey.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** An ended answer as the caller sees it, for all dialects, streamed and JSON. */
export interface Seen {
  status: number;
  headers: Headers;
  /** The answer ended as a whole answer. */
  isWhole: boolean;
  /** The code of the error that ended it. */
  code?: string;
  /** The text of all deltas, without discarded parts. */
  text: string;
  thoughts: string;
  calls: SeenCall[];
  /** How often the stream announced that earlier parts are discarded. */
  restarts: number;
  /** The completion or the response; for a chat stream, its last chunk. */
  body: Json;
}

export interface SeenCall {
  id: string;
  name: string;
  arguments: string;
}

/** Reads an answer to its end. Rejects if its stream breaks the rules of its dialect. */
export async function see(reply: Response, dialect: Dialect): Promise<Seen> {
  const { status, headers } = reply;
  if (!headers.get('content-type')?.startsWith('text/event-stream')) {
    const body = await json(reply);
    return { status, headers, ...whole(body, dialect) };
  }
  const { events, done } = serverEvents(await reply.text());
  return { status, headers, ...readerOf(dialect, events, done).read() };
}

function readerOf(dialect: Dialect, events: readonly ServerEvent[], done: boolean): { read(): Answer } {
  if (dialect === 'chat') return new ChatReader(events, done);
  if (dialect === 'gemini') return new ContentReader(events);
  if (dialect === 'interactions') return new StepReader(events, done);
  return dialect === 'messages' ? new MessageReader(events) : new ResponseReader(events);
}

type Answer = Omit<Seen, 'status' | 'headers'>;

function whole(body: Json, dialect: Dialect): Answer {
  const code = asText(errorIn(body).code) || undefined;
  const empty = { isWhole: !code, code, text: '', thoughts: '', calls: [], restarts: 0, body };
  if (code && body.object !== 'response' && body.object !== 'interaction') return empty;
  if (dialect === 'responses') return { ...empty, ...ofItems(asList(body.output)) };
  if (dialect === 'messages') return { ...empty, ...ofBlocks(asList(body.content)) };
  if (dialect === 'gemini') return { ...empty, ...ofParts(partsIn(body)) };
  if (dialect === 'interactions') return { ...empty, ...ofSteps(asList(body.steps)) };
  const message = asJson(asList(body.choices)[0]?.message);
  return {
    ...empty,
    text: asText(message.content),
    thoughts: asText(message.reasoning_content),
    calls: asList(message.tool_calls).map(ofChatCall),
  };
}

const ofChatCall = (call: Json): SeenCall => {
  const { name, arguments: args } = asJson(call.function);
  return { id: asText(call.id), name: asText(name), arguments: asText(args) };
};

function ofBlocks(blocks: readonly Json[]): Pick<Answer, 'text' | 'thoughts' | 'calls'> {
  const joined = (field: string) => blocks.map((block) => asText(block[field])).join('');
  return {
    text: joined('text'),
    thoughts: joined('thinking'),
    calls: blocks
      .filter(({ type }) => type === 'tool_use')
      .map(({ id, name, input }) => ({
        id: asText(id),
        name: asText(name),
        arguments: typeof input === 'string' ? input : JSON.stringify(input),
      })),
  };
}

function ofSteps(steps: readonly Json[]): Pick<Answer, 'text' | 'thoughts' | 'calls'> {
  const texts = (type: string, field: string) =>
    steps
      .filter((step) => step.type === type)
      .flatMap((step) => asList(step[field]))
      .map(({ text }) => asText(text))
      .join('');
  return {
    text: texts('model_output', 'content'),
    thoughts: texts('thought', 'summary'),
    calls: steps
      .filter(({ type }) => type === 'function_call')
      .map(({ id, name, arguments: args }) => ({
        id: asText(id),
        name: asText(name),
        arguments: typeof args === 'string' ? args : JSON.stringify(args),
      })),
  };
}

const partsIn = (body: Json): Json[] => asList(asJson(asList(body.candidates)[0]?.content).parts);

function ofParts(parts: readonly Json[]): Pick<Answer, 'text' | 'thoughts' | 'calls'> {
  const texts = (isThought: boolean) =>
    parts
      .filter(({ thought }) => (thought === true) === isThought)
      .map(({ text }) => asText(text))
      .join('');
  return {
    text: texts(false),
    thoughts: texts(true),
    calls: parts
      .flatMap(({ functionCall }): Json[] => (functionCall ? [asJson(functionCall)] : []))
      .map(({ id, name, args }) => ({ id: asText(id), name: asText(name), arguments: JSON.stringify(args) })),
  };
}

function ofItems(items: readonly Json[]): Pick<Answer, 'text' | 'thoughts' | 'calls'> {
  const ofType = (type: string) => items.filter((item) => item.type === type);
  const textOf = (parts: unknown) =>
    asList(parts)
      .map((part) => asText(part.text) || asText(part.refusal))
      .join('');
  return {
    text: ofType('message')
      .map(({ content }) => textOf(content))
      .join(''),
    thoughts: ofType('reasoning')
      .map(({ content, summary }) => textOf(content) + textOf(summary))
      .join(''),
    calls: ofType('function_call').map((item) => ({
      id: asText(item.call_id),
      name: asText(item.name),
      arguments: asText(item.arguments),
    })),
  };
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`The stream breaks its rules: ${what}.`);
}

/** Joins the chunks of one choice, as a client does. */
class ChatReader {
  private text = '';
  private thoughts = '';
  private readonly calls: (SeenCall | undefined)[] = [];
  private restarts = 0;
  private finishes = 0;

  constructor(
    private readonly events: readonly ServerEvent[],
    private readonly done: boolean,
  ) {}

  read(): Answer {
    for (const { data } of this.events) this.take(data);
    const body = this.events.at(-1)?.data ?? {};
    const code = asText(asJson(body.error).code) || undefined;
    check(this.done !== (code !== undefined), 'it ends in either an error or [DONE]');
    check(!this.done || this.finishes === 1, 'a whole answer has one finish reason');
    const { text, thoughts, restarts } = this;
    const calls = this.calls.filter((call) => call !== undefined);
    return { isWhole: this.done, code, text, thoughts, calls, restarts, body };
  }

  private take(chunk: Json): void {
    if (chunk.error) return;
    const restart = asJson(asJson(chunk.clawhold).restart);
    if (restart.discard) this.discard(asJson(restart.discard));
    const [choice] = asList(chunk.choices);
    if (!choice) return;
    check(this.finishes === 0, 'nothing follows the finish reason');
    if (choice.finish_reason) this.finishes++;
    const delta = asJson(choice.delta);
    this.text += asText(delta.content) + asText(delta.refusal);
    this.thoughts += asText(delta.reasoning_content);
    for (const call of asList(delta.tool_calls)) this.takeCall(call);
  }

  private takeCall(call: Json): void {
    const index = call.index as number;
    const known = this.calls[index];
    const { id, name, arguments: args } = ofChatCall(call);
    if (known) known.arguments += args;
    else {
      check(id !== '' && name !== '', `call ${index} begins with its id and its name`);
      this.calls[index] = { id, name, arguments: args };
    }
  }

  private discard({ content, tool_calls }: Json): void {
    this.restarts++;
    if (content) this.text = '';
    for (const index of tool_calls as number[]) this.calls[index] = undefined;
  }
}

/** Collects the items of a response, as a client does. */
class ResponseReader {
  private readonly open = new Map<number, Json>();
  private readonly items = new Map<number, Json>();
  private readonly deltas = new Map<number, string>();
  private restarts = 0;

  constructor(private readonly events: readonly ServerEvent[]) {}

  read(): Answer {
    this.events.forEach(({ event, data }, at) => {
      check(data.sequence_number === at, `event ${at} has number ${String(data.sequence_number)}`);
      check(event === data.type, 'an event has one type');
      this.take(data);
    });
    const ends = this.events.filter(({ event }) => TERMINAL.has(event ?? ''));
    const last = this.events.at(-1);
    check(ends.length === 1 && ends[0] === last, 'it has one terminal event, and nothing follows it');
    return this.ended(asJson(last!.data.response));
  }

  private ended(body: Json): Answer {
    const isWhole = body.status === 'completed';
    check(!isWhole || this.open.size === 0, 'every item of a whole answer has ended');
    const streamed = [...this.items].sort(([one], [other]) => one - other).map(([, item]) => item);
    const output = asList(body.output);
    if (isWhole) check(Bun.deepEquals(streamed, output), 'the response has the streamed items');
    const code = asText(asJson(body.error).code) || undefined;
    return { isWhole, code, ...ofItems(output), restarts: this.restarts, body };
  }

  private take(event: Json): void {
    const index = event.output_index as number;
    switch (event.type) {
      case 'response.output_item.added':
        check(!this.open.has(index) && !this.deltas.has(index), `item ${index} begins once`);
        this.open.set(index, asJson(event.item));
        this.deltas.set(index, '');
        return;
      case 'response.output_text.delta':
      case 'response.refusal.delta':
      case 'response.function_call_arguments.delta':
        check(this.open.has(index), `deltas of item ${index} arrive while it is open`);
        this.deltas.set(index, this.deltas.get(index)! + asText(event.delta));
        return;
      case 'response.output_item.done':
        this.end(index, asJson(event.item));
        return;
      case 'clawhold:response.restarted':
        this.restarts++;
        for (const { output_index } of asList(event.discarded)) this.discard(output_index as number);
    }
  }

  private end(index: number, item: Json): void {
    check(this.open.delete(index), `item ${index} ends once`);
    const { text, calls } = ofItems([item]);
    const content = text + calls.map((call) => call.arguments).join('');
    if (item.type !== 'reasoning')
      check(content === this.deltas.get(index), `item ${index} is the sum of its deltas`);
    this.items.set(index, item);
  }

  private discard(index: number): void {
    check(this.items.delete(index), `item ${index} has ended before it is discarded`);
  }
}

/** Collects the blocks of a message, as a client does. The input of a call is the text of its deltas. */
class MessageReader {
  private readonly blocks = new Map<number, Json>();
  private open: number | undefined;
  private restarts = 0;

  constructor(private readonly events: readonly ServerEvent[]) {}

  read(): Answer {
    for (const { event, data } of this.events) {
      check(event === data.type, 'an event has one type');
      this.take(data);
    }
    const { type } = this.events.at(-1)!.data;
    const body = this.events.at(type === 'message_stop' ? -2 : -1)!.data;
    const code = asText(errorIn(body).code) || undefined;
    check((type === 'message_stop') !== (code !== undefined), 'it ends in an error, or it stops');
    check(code !== undefined || this.open === undefined, 'every block of a whole answer has ended');
    return { isWhole: !code, code, ...ofBlocks([...this.blocks.values()]), restarts: this.restarts, body };
  }

  private take(event: Json): void {
    const index = event.index as number;
    switch (event.type) {
      case 'content_block_start':
        check(this.open === undefined, 'one block is open at a time');
        check(!this.blocks.has(index), `block ${index} begins once`);
        this.open = index;
        this.blocks.set(index, { ...asJson(event.content_block), input: '' });
        return;
      case 'content_block_delta': {
        check(this.open === index, `deltas of block ${index} arrive while it is open`);
        const block = this.blocks.get(index)!;
        const { text, thinking, partial_json } = asJson(event.delta);
        if (text !== undefined) block.text = asText(block.text) + asText(text);
        if (thinking !== undefined) block.thinking = asText(block.thinking) + asText(thinking);
        block.input += asText(partial_json);
        return;
      }
      case 'content_block_stop':
        check(this.open === index, `block ${index} ends once`);
        this.open = undefined;
        return;
      case 'clawhold_restart': {
        this.restarts++;
        const { discard } = asJson(asJson(event.clawhold).restart);
        for (const voided of discard as number[]) {
          check(voided !== this.open && this.blocks.delete(voided), `block ${voided} has ended before`);
        }
      }
    }
  }
}

/** Joins the parts of the chunks of Google's API, as a client does. */
class ContentReader {
  private parts: Json[] = [];
  private restarts = 0;

  constructor(private readonly events: readonly ServerEvent[]) {}

  read(): Answer {
    this.events.forEach(({ data }, at) => {
      const isLast = at === this.events.length - 1;
      const ends = Boolean(data.error) || Boolean(asList(data.candidates)[0]?.finishReason);
      check(ends === isLast, 'the last chunk alone has an error or a reason to finish');
      this.take(data);
    });
    const body = this.events.at(-1)!.data;
    const code = asText(errorIn(body).code) || undefined;
    return { isWhole: !code, code, ...ofParts(this.parts), restarts: this.restarts, body };
  }

  private take(chunk: Json): void {
    const { discard } = asJson(asJson(chunk.clawhold).restart);
    if (discard) this.discard(asJson(discard));
    this.parts.push(...partsIn(chunk));
  }

  private discard({ content, functionCalls }: Json): void {
    this.restarts++;
    const voided = functionCalls as string[];
    this.parts = this.parts.filter(({ functionCall }) =>
      functionCall ? !voided.includes(asText(asJson(functionCall).id)) : !content,
    );
  }
}

/** Collects the steps of an interaction, as a client does. The arguments of a call are the text of its deltas. */
class StepReader {
  private readonly steps = new Map<number, Json>();
  private readonly open = new Set<number>();
  private restarts = 0;

  constructor(
    private readonly events: readonly ServerEvent[],
    private readonly done: boolean,
  ) {}

  read(): Answer {
    this.events.forEach(({ event, data }) => {
      check(event === data.event_type, 'an event has one type');
      this.take(data);
    });
    const { data: last } = this.events.at(-1)!;
    const failed = this.events.find(({ event }) => event === 'error')?.data;
    const code = (failed && asText(errorIn(failed).code)) || undefined;
    const isRecorded = last.event_type === 'interaction.completed';
    check(this.done === isRecorded, 'it ends with [DONE] where it is recorded');
    check(isRecorded || code !== undefined, 'it ends in an error, or is completed');
    check(code !== undefined || this.open.size === 0, 'every step of a whole answer has ended');
    const body = isRecorded ? asJson(last.interaction) : last;
    return { isWhole: !code, code, ...ofSteps([...this.steps.values()]), restarts: this.restarts, body };
  }

  private take(event: Json): void {
    const index = event.index as number;
    switch (event.event_type) {
      case 'step.start':
        check(!this.steps.has(index), `step ${index} begins once`);
        this.open.add(index);
        this.steps.set(index, { ...asJson(event.step), arguments: '' });
        return;
      case 'step.delta':
        check(this.open.has(index), `deltas of step ${index} arrive while it is open`);
        grow(this.steps.get(index)!, asJson(event.delta));
        return;
      case 'step.stop':
        check(this.open.delete(index), `step ${index} ends once`);
        return;
      case 'interaction.status_update': {
        const { discard } = asJson(asJson(event.clawhold).restart);
        if (!discard) return;
        this.restarts++;
        for (const voided of discard as number[])
          check(this.steps.delete(voided), `step ${voided} has begun`);
      }
    }
  }
}

function grow(step: Json, delta: Json): void {
  if (delta.type === 'text') step.content = [...asList(step.content), delta];
  if (delta.type === 'thought_summary') step.summary = [...asList(step.summary), asJson(delta.content)];
  if (delta.type === 'arguments_delta') step.arguments += asText(delta.arguments);
}

const TERMINAL = new Set(['response.completed', 'response.incomplete', 'response.failed', 'error']);
