import { type Candidate, candidateName } from '../core/candidate.ts';
import type { ErrorCode } from '../core/error-catalogue.ts';
import { Fault, type FaultDetail } from '../core/errors.ts';
import { type Item, isOfModel, type Part } from '../core/items.ts';
import { nearest } from '../core/nearest.ts';
import type { TurnPolicy } from '../core/policy.ts';
import type { ProtocolName } from '../core/prompt.ts';
import { type KeyRules, matches, type ProviderWishes } from '../core/routing.ts';
import type { Settings, Tool } from '../core/settings.ts';
import type { Ask } from '../core/turn.ts';
import { perMillion } from '../core/usage.ts';

/** Which candidates can answer a request, and may. */

/** What the claw of a candidate can do (`Capabilities` in `claws/claw.ts`). */
export interface Able {
  choices: boolean;
  logprobs: boolean;
  refuses: readonly (keyof Settings)[];
  lackedTools(tools: readonly Tool[], vocabulary: ProtocolName): number[];
  lackedSettings(settings: Settings): (keyof Settings)[];
}

/** What a candidate is asked for. */
export interface Wanted
  extends Pick<Ask, 'vocabulary' | 'settings' | 'extra' | 'needed' | 'routing' | 'input'> {
  policy: Pick<TurnPolicy, 'dropTools'>;
  rules?: KeyRules;
  /** The key may spend money; absent: it may. */
  hasMoney?: boolean;
}

/** Why a candidate cannot or may not answer: the error where no other candidate can. */
export interface Lack extends Pick<FaultDetail, 'param' | 'about'> {
  code: ErrorCode;
  /** Completes the sentence that begins with the candidate's name, or with `subject`. */
  what: string;
  subject?: string;
}

export const faultOfLack = (
  candidate: Candidate,
  { code, what, subject = candidateName(candidate), ...named }: Lack,
): Fault => new Fault(code, `${subject} ${what}`, named);

/**
 * What keeps a candidate from answering; `undefined` where nothing does. `names` are the names by which the
 * caller asks for it. `providerId` gives the id of a provider that the caller names by one of its other names.
 */
export function lackOf(
  wanted: Wanted,
  candidate: Candidate,
  able: Able,
  names: readonly string[],
  providerId: (name: string) => string,
): Lack | undefined {
  const { rules, routing } = wanted;
  return (
    (rules && lackedByRules(rules, candidate, names)) ??
    (wanted.hasMoney === false && isPaid(candidate) ? BROKE : undefined) ??
    (routing?.provider && lackedByWishes(routing.provider, wanted, candidate, able, providerId)) ??
    lackedCapability(wanted, candidate, able)
  );
}

/** A model of unknown price may cost something. */
const isPaid = ({ price, answer }: Candidate): boolean =>
  answer === undefined && (!price || price.input > 0 || price.output > 0);

const BROKE: Lack = { code: 'budget_exceeded', what: 'costs money, and the budget of this key is used up.' };

/** What a key may not use. */
export function lackedByRules(
  rules: KeyRules,
  candidate: Candidate,
  names: readonly string[],
): Lack | undefined {
  const { models, regions, dataCollection } = rules;
  const code = 'model_not_allowed';
  const any = [...names, candidateName(candidate)];
  if (models && !models.some((pattern) => any.some((name) => matches(pattern, name)))) {
    return {
      code,
      subject: names[0],
      what: 'is not among the models that this key may use.',
      param: 'model',
    };
  }
  if (regions && !regions.includes(candidate.region ?? '')) {
    return {
      code,
      what: `is not in a region that this key may use (${regions.join(', ')}).`,
      param: 'model',
    };
  }
  if (dataCollection === 'deny' && candidate.collectsData) {
    return { code, what: 'may keep the data of requests, which this key does not allow.', param: 'model' };
  }
  return undefined;
}

/** The fields of `provider` that are read. The others are OpenRouter's own. */
const KNOWN_WISHES = new Set(
  'order only ignore sort max_price require_parameters data_collection allow_fallbacks'.split(' '),
);

function lackedByWishes(
  wishes: ProviderWishes,
  wanted: Wanted,
  candidate: Candidate,
  able: Able,
  providerId: (name: string) => string,
): Lack | undefined {
  // OpenRouter reads them itself: they are about its own providers.
  if (candidate.provider === 'openrouter') return undefined;
  const lack = (field: string, what: string): Lack => ({
    ...{ code: 'no_candidate', what, param: `provider.${field}` },
  });
  const names = (list: string[] | undefined) => list?.some((name) => providerId(name) === candidate.provider);
  if (wishes.only?.length && !names(wishes.only))
    return lack('only', 'is not among the providers in `provider.only`.');
  if (wishes.allow_fallbacks === false && wishes.order?.length && !names(wishes.order)) {
    return lack('order', 'is not among the providers in `provider.order`, and `allow_fallbacks` is false.');
  }
  if (names(wishes.ignore)) return lack('ignore', 'is among the providers in `provider.ignore`.');
  if (wishes.data_collection === 'deny' && candidate.collectsData) {
    return lack('data_collection', 'may keep the data of requests, which `provider.data_collection` denies.');
  }
  const { prompt = Infinity, completion = Infinity } = wishes.max_price ?? {};
  const { price } = candidate;
  const isDear = !price || price.input > perMillion(prompt) || price.output > perMillion(completion);
  if (wishes.max_price && isDear) {
    return lack('max_price', 'costs more than `provider.max_price`, or its price is not known.');
  }
  const other = Object.keys(wishes).find((field) => !KNOWN_WISHES.has(field));
  if (other !== undefined) return lack(other, foreignWish(other));
  return wishes.require_parameters ? lackedParameter(wanted, candidate, able) : undefined;
}

function foreignWish(field: string): string {
  const [near] = nearest(field, KNOWN_WISHES);
  const hint = near === undefined ? '' : ` Did you mean \`provider.${near}\`?`;
  return `is not at OpenRouter, which alone may know \`provider.${field}\`.${hint}`;
}

/** A parameter of the request that would be left out of the call. */
function lackedParameter(
  { settings, extra, vocabulary }: Wanted,
  { protocol }: Candidate,
  able: Able,
): Lack | undefined {
  const code = 'unsupported_parameter';
  const [setting] = able.lackedSettings(settings);
  if (setting) return { code, what: `has no \`${setting}\`.`, about: { setting } };
  const [field] = Object.keys(extra);
  if (field === undefined || protocol === vocabulary) return undefined;
  return { code, what: `has no \`${field}\`.`, param: field };
}

function lackedCapability(wanted: Wanted, candidate: Candidate, able: Able): Lack | undefined {
  const { settings, vocabulary, policy } = wanted;
  if (settings.n !== undefined && settings.n > 1 && !able.choices) return unsupported('`n`', { param: 'n' });
  if (settings.top_logprobs !== undefined && !able.logprobs) {
    return unsupported('log probabilities', { about: { setting: 'top_logprobs' } });
  }
  const setting = able.refuses.length > 0 && able.refuses.find((name) => hasValue(settings[name]));
  if (setting) return unsupported(`\`${setting}\``, { about: { setting } });
  const format = settings.format?.type;
  if (candidate.protocol !== vocabulary && isSpecial(format)) {
    return unsupported(`answers of the format "${format}"`, { about: { setting: 'format' } });
  }
  const needed = candidate.protocol === vocabulary ? undefined : wanted.needed?.[0];
  if (needed !== undefined) return unsupported(`\`${needed}\``, { param: needed });
  const part = candidate.inputs && foreignPart(wanted.input, candidate.inputs);
  if (part) return unsupported(WORDS[part.content.type as keyof typeof WORDS], { about: part });
  if (policy.dropTools || !settings.tools) return undefined;
  const lacked = able.lackedTools(settings.tools, vocabulary)[0];
  if (lacked === undefined) return undefined;
  const param = `tools[${lacked}]`;
  const { type } = settings.tools[lacked]!;
  return unsupported(`\`${param}\` (a tool of the type "${type}")`, { param }, DROP);
}

const unsupported = (what: string, named: Pick<Lack, 'param' | 'about'>, remedy = ''): Lack => ({
  ...{ code: 'unsupported_parameter', what: `does not support ${what}.${remedy}`, ...named },
});

const hasValue = (value: unknown): boolean =>
  value !== undefined && (!Array.isArray(value) || value.length > 0);

const DROP = ' The header `x-clawhold-drop-tools: true` leaves out tools that a model lacks.';

/** Whether a format of the answer is known to some providers only. */
const isSpecial = (format: string | undefined): boolean =>
  format !== undefined && format !== 'text' && format !== 'json_object' && format !== 'json_schema';

const WORDS = { input_image: 'images as input', input_audio: 'audio as input' };
const MODALITIES = { input_image: 'image', input_audio: 'audio' } as const;

/**
 * A part of the new input that the model cannot read. Parts of earlier turns are no reason to refuse a request:
 * models that cannot read them get a line of text.
 */
function foreignPart(input: readonly Item[], inputs: readonly string[]): { content: Part } | undefined {
  if (inputs.includes('image') && inputs.includes('audio')) return undefined;
  for (let index = input.length - 1; index >= 0 && !isOfModel(input[index]!); index--) {
    const item = input[index]!;
    if (item.type !== 'message') continue;
    for (const part of item.content) if (!isReadable(part, inputs)) return { content: part };
  }
  return undefined;
}

/** Whether a model with these inputs can read a part of a message. Files may hold text, so they always count. */
export function isReadable({ type }: Part, inputs: readonly string[]): boolean {
  return (type !== 'input_image' && type !== 'input_audio') || inputs.includes(MODALITIES[type]);
}

/**
 * Whether the catalogue says that a model lacks what the request wants. It may be wrong about a new model, so
 * such a model is left out only where another one of its group has everything.
 */
export function isWeak({ settings }: Pick<Wanted, 'settings'>, candidate: Candidate): boolean {
  const { tools, format, max_output_tokens: most = 0 } = settings;
  const { outputLimit = Infinity } = candidate;
  return (
    (candidate.tools === false && (tools?.length ?? 0) > 0) ||
    (candidate.structured === false && format?.type === 'json_schema') ||
    (candidate.reasons === false && settings.reasoning?.effort !== undefined && wantsReasoning(settings)) ||
    most > outputLimit
  );
}

const wantsReasoning = ({ reasoning }: Settings): boolean => reasoning?.effort !== 'none';
