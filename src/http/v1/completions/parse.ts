import { z } from 'zod';
import { Fault } from '../../../core/errors.ts';
import { userMessage } from '../../../core/items.ts';
import type { AskedState } from '../../../core/turn.ts';
import type { ParseContext, ParsedAsk } from '../../dialect.ts';
import { published } from '../../published.ts';
import {
  bodyCheck,
  count,
  invalid,
  modelsOf,
  present,
  refuseForeign,
  settingsFrom,
  sharedShape,
  unknownFields,
} from '../fields.ts';
import { sessionFromHeaders, unnamedState } from '../request.ts';

const { tools, parallel_tool_calls, top_logprobs, ...shared } = sharedShape;

/** The fields of a request that the gateway reads (OpenAI API description, `CreateCompletionRequest`). */
const shape = {
  ...shared,
  prompt: z
    .unknown()
    .optional()
    .meta({
      description: 'The text that the model continues. A list may have one text.',
      anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 1 }],
    }),
  suffix: z.string().nullish().describe('What follows the text of the model: the model fills the gap.'),
  max_tokens: count(1, 1e9).describe("The most tokens of the answer; without it, the model's own limit."),
  stop: z
    .union([z.string(), z.array(z.string()).max(16)], 'expected a string or an array of at most 16 strings')
    .nullish()
    .describe('Texts at which the answer stops.'),
  seed: z
    .int()
    .nullish()
    .describe('Requests with the same seed get similar answers, if the provider supports it.'),
  n: count(1, 128).describe('How many answers. Only the first one is part of a session.'),
  best_of: count(1, 128).describe('Must not be greater than `n`: no provider ranks answers.'),
  echo: z.boolean().nullish().describe('Whether the answer begins with the prompt.'),
  logprobs: count(0, 5).describe('How many alternatives of each token have log probabilities.'),
  stream_options: z
    .looseObject({ include_usage: z.boolean().nullish() })
    .nullish()
    .describe('`include_usage`: the last chunk has the usage.'),
};

export const completionRequest = published('CompletionRequest', z.looseObject(shape));
const checked = bodyCheck(completionRequest);
type Body = ReturnType<typeof checked>;
const KNOWN = new Set(Object.keys(shape));

/** Fields of the other APIs. Without the error, a model would never see their values. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['messages', 'prompt'],
  ['input', 'prompt'],
  ['max_completion_tokens', 'max_tokens'],
  ['max_output_tokens', 'max_tokens'],
]);
const CHAT_ALONE = ['tools', 'functions', 'response_format'];

/** What a reply needs of its request. It is stored with the turn, so that a replay is the same. */
export interface Echo {
  include_usage?: true;
  /** The prompt, where the answer begins with it. */
  prompt?: string;
}

export function parseCompletion(raw: Record<string, unknown>, context: ParseContext): ParsedAsk {
  refuseForeign(raw, FOREIGN, 'The completions API');
  for (const field of CHAT_ALONE) if (present(raw[field]) !== undefined) throw chatAlone(field);
  const body = checked(raw);
  const prompt = promptOf(body.prompt);
  expectAnswerable(body);
  const state = stateOf(context);
  return {
    ...modelsOf(body),
    input: [userMessage(promptText(prompt, body.suffix))],
    instructions: body.suffix ? FILL : CONTINUE,
    settings: settingsFrom(body, {
      max_output_tokens: present(body.max_tokens),
      stop: typeof body.stop === 'string' ? [body.stop] : present(body.stop),
      seed: present(body.seed),
      top_logprobs: present(body.logprobs),
      n: present(body.n),
    }),
    extra: unknownFields(raw, KNOWN),
    echo: echoOf(body, prompt),
    metadata: body.metadata ?? {},
    state,
    retention: state.kind === 'none' ? 'none' : body.store === false ? 'session' : 'stored',
    delivery: body.stream ? 'stream' : 'whole',
    defaultContext: 'auto',
  };
}

/** Models that chat are told to continue a text, because most of them would answer it. */
const CONTINUE =
  "Continue the user's text. Write only what comes next, without an introduction, a remark or a repetition. " +
  'What comes next after a question or an instruction is its answer.';
const FILL =
  "The user's text has a gap, marked <gap/>. Write only what belongs in the gap, without a remark and without a " +
  'repetition of the text around it.';

const promptText = (prompt: string, suffix: string | null | undefined): string =>
  suffix ? `${prompt}<gap/>${suffix}` : prompt;

function promptOf(prompt: unknown): string {
  const [text, ...others]: unknown[] = Array.isArray(prompt) ? prompt : [prompt];
  if (typeof text === 'string' && text !== '' && others.length === 0) return text;
  const isList = Array.isArray(prompt) && prompt.length > 1;
  if (isList && prompt.every((one) => typeof one === 'string'))
    throw invalid('prompt', 'one text; send a request for each of several texts');
  throw invalid('prompt', 'a text that is not empty; token ids are not supported');
}

function expectAnswerable({ best_of, n, echo, logprobs }: Body): void {
  if (best_of && best_of > (n ?? 1))
    throw invalid('best_of', 'at most the value of `n`, because no provider ranks answers');
  if (echo && typeof logprobs === 'number')
    throw invalid(
      'logprobs',
      'no value together with `echo`: the tokens of a prompt have no log probabilities',
    );
}

function echoOf(body: Body, prompt: string): Record<string, unknown> | undefined {
  const echo: Echo = {
    ...(body.stream_options?.include_usage && { include_usage: true }),
    ...(body.echo && { prompt }),
  };
  return Object.keys(echo).length > 0 ? { ...echo } : undefined;
}

/** The instructions are the gateway's own, so they do not tell lines of the session apart. */
function stateOf({ headers, caller }: ParseContext): AskedState {
  const ref = sessionFromHeaders(headers);
  return ref ? { kind: 'session', ref, create: true, history: false } : unnamedState(headers, caller);
}

const chatAlone = (field: string): Fault =>
  new Fault('invalid_request', `The completions API has no \`${field}\`; use POST /v1/chat/completions.`, {
    param: field,
  });
