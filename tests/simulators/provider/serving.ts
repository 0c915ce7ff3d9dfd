import { type Answer, compose, type RequestContent } from './answer.ts';
import type { Plan } from './behaviour.ts';
import { playStream } from './player.ts';
import { AutomaticCache, blocksOf, MarkedCache } from './prompt-cache.ts';
import {
  type Frame,
  type Memory,
  type Protocol,
  type ProtocolName,
  type Scene,
  type Trouble,
  tierOf,
} from './protocol.ts';
import { asJson, isJson, type Json } from './shape.ts';
import { placeholder, Template } from './template.ts';
import { lengthTrouble, promptTokens } from './token-count.ts';
import type { Exchange, WireRequest } from './wire.ts';

export const JSON_TYPE = 'content-type: application/json\r\n';
const HTML_TYPE = 'content-type: text/html\r\n';
const SSE_TYPE = 'content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n';

export type Call = {
  protocol: Protocol;
  request: WireRequest;
  body: unknown;
  plan: Plan;
  model: string;
  streams: boolean;
};

/** Answers that a test gives to a model. If the script has no answer, the model's name decides. */
export type Script = (request: ScriptedRequest) => Partial<Answer> | undefined;

export type ScriptedRequest = RequestContent & { protocol: ProtocolName; body: Json; model: string };

/** A call with a valid JSON body. All ids of the answer are made from `id`. */
type ValidCall = Call & { body: Json; id: string };

/** Answers calls: first it checks for refusals and early faults, then it writes the protocol's answer. */
export class Serving {
  #usedOnce = new Set<string>();
  #marked = new MarkedCache(Date.now);
  #automatic = new AutomaticCache(Date.now);
  #memory: Memory = { issued: new Set() };
  #templates = new Map<string, Template>();
  #count = 0;
  #isDisarmed = false;
  #script: Script | undefined;
  #run = crypto.randomUUID().replaceAll('-', '').slice(0, 12);

  /** No `once-` fault happens until the next `reset`. */
  disarm(): void {
    this.#isDisarmed = true;
  }

  follow(script: Script | undefined): void {
    this.#script = script;
  }

  reset(): void {
    this.#isDisarmed = false;
    this.#usedOnce.clear();
    this.#memory.issued.clear();
  }

  serve(call: Call, exchange: Exchange): void {
    const plan = this.#cached(call, this.#applyOnce(call.plan, call.model));
    // The count is at both ends, because some protocols cut off one end of the id.
    const count = (++this.#count).toString(16).padStart(10, '0');
    const id = `${count}${this.#run}${count}`;
    const proceed = () => {
      if (!exchange.disconnected) this.#answer({ ...call, plan, id }, exchange);
    };
    if (plan.delay > 0) setTimeout(proceed, plan.delay);
    else proceed();
  }

  #cached({ protocol, request, body, model }: Call, plan: Plan): Plan {
    if (!plan.caches || !isJson(body) || !Array.isArray(body.messages)) return plan;
    const cache = protocol.name === 'messages' ? this.#marked : this.#automatic;
    const { cached, wrote, wroteHour } = cache.call(protocol.keyOf(request), model, blocksOf(body));
    return { ...plan, cached, wrote: wrote - wroteHour, wroteHour };
  }

  #applyOnce(plan: Plan, model: string): Plan {
    if (!plan.once) return plan;
    if (this.#isDisarmed || this.#usedOnce.has(model)) return { ...plan, fault: undefined };
    this.#usedOnce.add(model);
    return plan;
  }

  #answer(call: Call & { id: string }, exchange: Exchange): void {
    const { protocol, plan, body } = call;
    if (protocol.keyOf(call.request) === '') {
      refuse(call, exchange, { kind: 'key-missing' });
      return;
    }
    if (!isJson(body)) {
      refuse(call, exchange, {
        kind: 'invalid',
        message: 'We could not parse the JSON body of your request.',
      });
      return;
    }
    if (hasLoneSurrogate(call.request.body)) {
      const message = 'The request body is not valid JSON: no low surrogate in string';
      refuse(call, exchange, { kind: 'invalid', message });
      return;
    }
    const ready = { ...call, body };
    if (applyEarlyFault(ready, exchange)) return;
    const trouble =
      rigidTrouble(body, plan) ?? protocol.check(body, plan, this.#memory) ?? lengthTrouble(body, plan);
    if (trouble) {
      refuse(call, exchange, trouble);
      return;
    }
    this.#sendAnswer(ready, exchange);
  }

  #sendAnswer(call: ValidCall, exchange: Exchange): void {
    const { protocol, plan, body } = call;
    const whole = plan.pace === undefined && !plan.fault;
    const scripted = this.#scripted(call);
    const variant = plan.constant && whole && !scripted ? protocol.variant(body) : undefined;
    if (variant !== undefined) {
      deliver(call, exchange, this.#fromTemplate(call, variant));
      return;
    }
    const answer = scripted ?? compose(plan, protocol.readRequest(body));
    const scene = sceneOf(call, answer);
    if (plan.think && body.store !== false) this.#remember(`rs_${call.id}`);
    if (!call.streams) {
      playBody(call, exchange, JSON.stringify(protocol.json(answer, scene)));
      return;
    }
    const frames = framesOf(call, answer, scene);
    if (whole) {
      deliver(call, exchange, join(frames));
      return;
    }
    playStream(exchange, plan, {
      headers: headersOf(call),
      frames,
      errorFrame: (sent) => protocol.errorFrame(scene, sent),
      garbage: protocol.garbage,
    });
  }

  #scripted({ protocol, body, model }: ValidCall): Answer | undefined {
    if (!this.#script) return undefined;
    const request = { ...protocol.readRequest(body), protocol: protocol.name, body, model };
    const said = this.#script(request);
    return said && { ...EMPTY_ANSWER, finish: said.calls?.length ? 'tools' : 'stop', ...said };
  }

  #fromTemplate(call: ValidCall, variant: string): string {
    const tier = tierOf(call, 'usual');
    const key = `${call.protocol.name} ${call.streams} ${inArray(call)} ${call.model} ${tier} ${variant}`;
    const known = this.#templates.get(key);
    if (known) return known.fill(sceneOf(call, EMPTY_ANSWER));
    const answer = compose(call.plan, call.protocol.readRequest(call.body));
    const scene = placeholder(sceneOf(call, answer));
    const rendered = call.streams
      ? join(framesOf(call, answer, scene))
      : JSON.stringify(call.protocol.json(answer, scene));
    const template = new Template(rendered);
    if (this.#templates.size < 1000) this.#templates.set(key, template);
    return template.fill(sceneOf(call, EMPTY_ANSWER));
  }

  #remember(id: string): void {
    if (this.#memory.issued.size > 100_000) this.#memory.issued.clear();
    this.#memory.issued.add(id);
  }
}

const HIGH = 'd[89ab][0-9a-f]{2}';
const LOW = 'd[c-f][0-9a-f]{2}';
/** An escape of one half of a surrogate pair; the escapes of a pair and an escaped backslash are skipped. */
const ESCAPES = new RegExp(String.raw`\\\\|\\u${HIGH}\\u${LOW}|(\\u(?:${HIGH}|${LOW}))`, 'gi');

/** Anthropic's parser refuses such a body with the error above; UTF-8 cannot carry half of a pair. */
function hasLoneSurrogate(text: string): boolean {
  if (!/\\ud[89a-f]/i.test(text)) return false;
  return [...text.matchAll(ESCAPES)].some(([, lone]) => lone !== undefined);
}

/** Used where a scene needs only the values of the request. */
const EMPTY_ANSWER: Answer = { reasoning: [], text: [], calls: [], finish: 'stop' };

function sceneOf(call: ValidCall, answer: Answer): Scene {
  const { plan, model, id, body, request } = call;
  const reasoning = answer.reasoning.length;
  const output = reasoning + answer.text.length + 8 * answer.calls.length;
  const { cached, wroteHour } = plan;
  const wrote = plan.wrote + wroteHour;
  const counted = plan.window > 0 ? promptTokens(body, plan) : Math.ceil(request.body.length / 4);
  const input = Math.max(counted, cached + wrote);
  const usage = { input, cached, wrote, wroteHour, output, reasoning };
  return { plan, model, id, created: Math.floor(Date.now() / 1000), body, usage };
}

function rigidTrouble(body: Json, plan: Plan): Trouble | undefined {
  const value = body.temperature ?? asJson(body.generationConfig).temperature;
  return plan.rigid && typeof value === 'number' ? { kind: 'temperature', value } : undefined;
}

/** Applies a fault that replaces the whole answer. Returns whether there was one. */
function applyEarlyFault(call: ValidCall, exchange: Exchange): boolean {
  const { plan, protocol, streams } = call;
  switch (plan.fault?.kind) {
    case 'status':
      refuse(call, exchange, { kind: 'status', status: plan.fault.status, retryAfter: plan.retryAfter });
      return true;
    case 'context':
    case 'quota':
    case 'auth':
      refuse(call, exchange, { kind: plan.fault.kind });
      return true;
    case 'reset':
      exchange.reset();
      return true;
    case 'silent':
      return true;
    case 'hang':
      exchange.begin(headersOf(call));
      return true;
    case 'empty':
      exchange.reply(200, headersOf(call), '');
      return true;
    case 'page':
      exchange.reply(plan.fault.status, HTML_TYPE, `<html><body>${plan.fault.status}</body></html>`);
      return true;
    case 'badjson':
      exchange.reply(200, JSON_TYPE + protocol.headers, '<html><body>502 Bad Gateway</body></html>');
      return true;
    case 'wrong-shape':
      if (streams) exchange.replyStream(headersOf(call), protocol.wrongShape);
      else exchange.reply(200, headersOf(call), '{"object":"strange","ok":true}');
      return true;
    default:
      return false;
  }
}

function refuse(call: Call & { id: string }, exchange: Exchange, trouble: Trouble): void {
  const { status, body } = call.protocol.refusal(trouble, call.model);
  const { retryAfter } = call.plan;
  const retry = retryAfter === undefined ? '' : `retry-after: ${retryAfter}\r\n`;
  exchange.reply(
    status,
    `${JSON_TYPE}${idHeader(call)}${call.protocol.headers}${retry}`,
    JSON.stringify(body),
  );
}

function deliver(call: ValidCall, exchange: Exchange, text: string): void {
  if (call.streams) exchange.replyStream(headersOf(call), text);
  else exchange.reply(200, headersOf(call), text);
}

/** Sends a JSON answer, damaged if the plan's fault applies to JSON. */
function playBody(call: ValidCall, exchange: Exchange, text: string): void {
  const { fault } = call.plan;
  const headers = headersOf(call);
  if (fault?.kind === 'cut' || fault?.kind === 'stall') {
    exchange.replyHalf(200, headers, text);
    if (fault.kind === 'cut') exchange.cut();
  } else if (fault?.kind === 'garbage') exchange.reply(200, headers, text.slice(0, text.length / 2));
  else if (fault?.kind === 'error') refuse(call, exchange, { kind: 'status', status: 500 });
  else exchange.reply(200, headers, text);
}

function headersOf(call: Call & { id: string }): string {
  const type = call.streams && !inArray(call) ? SSE_TYPE : JSON_TYPE;
  return `${type}${idHeader(call)}${tierHeader(call)}${call.protocol.headers}`;
}

/** https://ai.google.dev/gemini-api/docs/priority-inference: the header of an answer names the tier. */
function tierHeader({ protocol, body, plan }: Call): string {
  if (protocol.name !== 'gemini') return '';
  return `x-gemini-service-tier: ${tierOf({ body: asJson(body), plan }, 'standard')}\r\n`;
}

function idHeader({ protocol, id }: Call & { id: string }): string {
  if (protocol.name === 'gemini') return '';
  return protocol.name === 'messages' ? `request-id: req_${id}\r\n` : `x-request-id: req_${id}\r\n`;
}

/** Without `alt=sse` Google streams one JSON array instead of events. */
function inArray({ protocol, request, streams }: Call): boolean {
  return protocol.name === 'gemini' && streams && request.query.get('alt') !== 'sse';
}

function framesOf(call: ValidCall, answer: Answer, scene: Scene): Frame[] {
  const frames = call.protocol.frames(answer, scene);
  if (!inArray(call)) return frames;
  return frames.map((frame, at) => {
    const data = frame.text.slice('data: '.length).trimEnd();
    const close = at === frames.length - 1 ? '\n]' : '';
    return { ...frame, text: `${at === 0 ? '[' : ',\r\n'}${data}${close}` };
  });
}

function join(frames: Frame[]): string {
  let text = '';
  for (const frame of frames) text += frame.text;
  return text;
}
