import type { Location } from '../../dialect.ts';
import { conversationOf } from './parse.ts';

/** The settings in `generationConfig`, by their names there. Others are fields of the request itself. */
const SETTINGS: ReadonlyMap<string, string> = new Map([
  ['max_output_tokens', 'generationConfig.maxOutputTokens'],
  ['temperature', 'generationConfig.temperature'],
  ['top_p', 'generationConfig.topP'],
  ['stop', 'generationConfig.stopSequences'],
  ['seed', 'generationConfig.seed'],
  ['presence_penalty', 'generationConfig.presencePenalty'],
  ['frequency_penalty', 'generationConfig.frequencyPenalty'],
  ['top_logprobs', 'generationConfig.responseLogprobs'],
  ['n', 'generationConfig.candidateCount'],
  ['format', 'generationConfig.responseMimeType'],
  ['reasoning', 'generationConfig.thinkingConfig'],
  ['tool_choice', 'toolConfig.functionCallingConfig'],
  ['service_tier', 'serviceTier'],
]);

/** The fields of calls and their outputs. */
const CALL_FIELDS: ReadonlyMap<string, string> = new Map([
  ['call_id', 'id'],
  ['arguments', 'args'],
  ['output', 'response'],
]);

/** The path in a request for a failure's location: `contents[1].parts[0].functionResponse.id`. */
export function geminiField(location: Location, body: Record<string, unknown>): string {
  if ('setting' in location) return SETTINGS.get(location.setting) ?? location.setting;
  const { items, places, opening } = conversationOf(body);
  const item = items[location.item]!;
  if (location.item < opening)
    return `systemInstruction${location.part === undefined ? '' : `.parts[${location.part}]`}`;
  const { content, parts } = places[location.item - opening]!;
  const at = item.type === 'message' ? parts[location.part ?? 0] : parts[0];
  const path = `contents[${content}].parts[${at ?? 0}]`;
  const kind = { function_call: 'functionCall', function_call_output: 'functionResponse' }[
    item.type as string
  ];
  if (kind === undefined || location.field === undefined) return path;
  return `${path}.${kind}.${CALL_FIELDS.get(location.field) ?? location.field}`;
}
