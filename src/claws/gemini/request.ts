import { Fault } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { Settings } from '../../core/settings.ts';
import type { Provider, WireRequest } from '../claw.ts';
import { draftOf } from './messages.ts';
import { thinkingConfig } from './model.ts';
import { functionsOf, modeOf, toolConfig, toolsOf } from './tools.ts';
import { type Content, present, type WirePart } from './wire.ts';

export function geminiRequest(prompt: Prompt, provider: Provider): WireRequest {
  const version = versionOf(provider.baseUrl);
  const method = prompt.stream ? 'streamGenerateContent?alt=sse' : 'generateContent';
  return {
    path: `${version}/${modelPath(prompt.model)}:${method}`,
    headers: provider.apiKey ? { 'x-goog-api-key': provider.apiKey } : {},
    body: bodyOf(prompt, provider, version),
  };
}

/** Google's own SDK adds the version to the base URL. The base URLs of other servers end with one. */
export function versionOf(baseUrl: string): string {
  return /\/v\d\w*(\/|$)/.test(baseUrl) ? '' : '/v1beta';
}

/** URLs have no other form for these segments: with `%2e`, they still lead to another path (url.spec.whatwg.org). */
const DOTS: ReadonlySet<string> = new Set(['.', '..']);

/**
 * The names of tuned models hold their collection: `tunedModels/mine`. Throws `model_not_found` for a name that would
 * lead to another path of the provider, with the operator's credential.
 */
export function modelPath(model: string): string {
  const name = model.includes('/') ? model : `models/${model}`;
  const segments = name.toWellFormed().split('/');
  if (segments.some((segment) => segment === '' || DOTS.has(segment)))
    throw new Fault('model_not_found', `The provider has no model "${model}".`, { param: 'model' });
  return segments.map(encodeURIComponent).join('/');
}

function bodyOf(prompt: Prompt, provider: Provider, version: string): Record<string, unknown> {
  const filesUrl = `${provider.baseUrl}${version}/files`;
  const draft = draftOf(prompt, { provider: provider.id, filesUrl });
  const known = present({
    ...placeInstructions(draft.system, draft.contents, prompt.model),
    tools: toolsOf(prompt),
    toolConfig: toolConfig(prompt.settings),
    generationConfig: generationConfig(prompt),
    serviceTier: serviceTier(prompt.settings.service_tier),
  });
  if (Object.keys(known.generationConfig as object).length === 0) delete known.generationConfig;
  return prompt.dialect === 'gemini' ? merge(prompt.extra, known) : known;
}

/**
 * Gemma before its fourth generation refuses a `systemInstruction`, and every model refuses a prompt
 * without contents. In both cases the instructions become user text.
 */
function placeInstructions(
  system: WirePart[],
  contents: Content[],
  model: string,
): { systemInstruction?: { parts: WirePart[] }; contents: Content[] } {
  if (system.length === 0) return { contents };
  if (contents.length > 0 && !/(^|\/)gemma-[1-3]/.test(model)) {
    return { systemInstruction: { parts: system }, contents };
  }
  const [first, ...rest] = contents;
  if (first?.role !== 'user') return { contents: [{ role: 'user', parts: system }, ...contents] };
  return { contents: [{ role: 'user', parts: [...system, ...first.parts] }, ...rest] };
}

/** Fields that say the same in several forms: the caller's own form is the exact one. */
const FORMS = [
  'thinkingConfig',
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
  '_responseJsonSchema',
];

/**
 * Known fields take precedence. Objects on both sides (`generationConfig`) are merged field by field. Of the format
 * and of thinking, the fields are the caller's own where it has written any.
 */
function merge(extra: Record<string, unknown>, known: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...extra, ...known };
  for (const key in known) {
    const [given, ours] = [extra[key], known[key]];
    if (isObject(given) && isObject(ours))
      merged[key] = { ...given, ...withoutForms(ours, given), ...formsIn(given) };
  }
  return merged;
}

/** The API refuses a schema in two forms. */
function withoutForms(
  ours: Record<string, unknown>,
  given: Record<string, unknown>,
): Record<string, unknown> {
  const { responseJsonSchema: _, ...others } = ours;
  return 'responseMimeType' in given ? others : ours;
}

const formsIn = (given: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(FORMS.filter((field) => field in given).map((field) => [field, given[field]]));

/** https://ai.google.dev/api/generate-content#generationconfig */
function generationConfig(prompt: Prompt): Record<string, unknown> {
  const { settings } = prompt;
  return present({
    maxOutputTokens: settings.max_output_tokens,
    temperature: settings.temperature,
    topP: settings.top_p,
    stopSequences: settings.stop?.length ? settings.stop : undefined,
    seed: settings.seed,
    presencePenalty: settings.presence_penalty,
    frequencyPenalty: settings.frequency_penalty,
    responseLogprobs: settings.top_logprobs === undefined ? undefined : true,
    logprobs: settings.top_logprobs || undefined,
    candidateCount: settings.n,
    ...responseFormat(settings),
    thinkingConfig: thinkingConfig(prompt.model, settings.reasoning),
  });
}

function responseFormat({ format, tools, tool_choice }: Settings): Record<string, unknown> {
  if (!format || format.type === 'text') return {};
  // Refused together with a forced call. Such an answer has no text to format.
  if (modeOf(tool_choice) === 'ANY' && functionsOf(tools).length > 0) return {};
  return present({ responseMimeType: 'application/json', responseJsonSchema: format.schema });
}

/** Gemini's names of OpenAI's tiers. `auto` is Gemini's default, so it is not sent. */
function serviceTier(tier: string | undefined): string | undefined {
  return tier === undefined || tier === 'auto' ? undefined : tier === 'default' ? 'standard' : tier;
}
