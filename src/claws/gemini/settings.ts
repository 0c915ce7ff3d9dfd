import type { FunctionTool, Settings, Tool, ToolChoice } from '../../core/settings.ts';
import type { Prompt } from '../claw.ts';
import { thinkingConfig } from './thinking.ts';
import { isObject, present } from './wire.ts';

/** https://ai.google.dev/api/generate-content#generationconfig */
export function generationConfig(prompt: Prompt): Record<string, unknown> {
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
  // Refused together with a call that must be made; such an answer has no text to format.
  if (modeOf(tool_choice) === 'ANY' && functionsOf(tools).length > 0) return {};
  if (format.type === 'json_object') return { responseMimeType: 'application/json' };
  return { responseMimeType: 'application/json', responseJsonSchema: format.schema };
}

function isFunction(tool: Tool): tool is FunctionTool {
  return tool.type === 'function';
}

function functionsOf(tools: Tool[] | undefined): FunctionTool[] {
  return tools?.filter(isFunction) ?? [];
}

/** Hosted tools of other vocabularies mean nothing here; `{type: 'googleSearch'}` in our own does. */
export function toolsOf({ settings, dialect }: Prompt): Record<string, unknown>[] | undefined {
  const tools: Record<string, unknown>[] = [];
  const functions = functionsOf(settings.tools);
  if (functions.length > 0) tools.push({ functionDeclarations: functions.map(declarationOf) });
  if (dialect === 'gemini') {
    for (const tool of settings.tools ?? []) {
      if (isFunction(tool)) continue;
      const { type, ...options } = tool;
      tools.push({ [type]: options });
    }
  }
  return tools.length > 0 ? tools : undefined;
}

function declarationOf(tool: FunctionTool): Record<string, unknown> {
  return present({
    name: tool.name,
    description: tool.description ?? undefined,
    parametersJsonSchema: tool.parameters ?? undefined,
  });
}

export function toolConfig(settings: Settings): Record<string, unknown> | undefined {
  const choice = settings.tool_choice;
  const mode = modeOf(choice);
  if (!mode || functionsOf(settings.tools).length === 0) return undefined;
  return { functionCallingConfig: present({ mode, allowedFunctionNames: allowedNames(choice) }) };
}

/** VALIDATED is AUTO with a choice of functions, which AUTO itself refuses. */
function modeOf(choice: ToolChoice | undefined): 'AUTO' | 'ANY' | 'NONE' | 'VALIDATED' | undefined {
  if (choice === undefined) return undefined;
  if (choice === 'auto') return 'AUTO';
  if (choice === 'none') return 'NONE';
  if (choice === 'required' || choice.type === 'function') return 'ANY';
  if (allowedNames(choice) === undefined) return undefined;
  return choice.mode === 'required' ? 'ANY' : 'VALIDATED';
}

/** Of `{type: 'function', name}`, or of `{type: 'allowed_tools', mode, tools: [{type: 'function', name}]}`. */
function allowedNames(choice: ToolChoice | undefined): string[] | undefined {
  if (typeof choice !== 'object') return undefined;
  if (choice.type === 'function') return [String(choice.name)];
  if ((choice.type as string) !== 'allowed_tools' || !Array.isArray(choice.tools)) return undefined;
  const names = choice.tools.filter(isObject).flatMap(({ name }) => (typeof name === 'string' ? [name] : []));
  return names.length > 0 ? names : undefined;
}

/** Gemini's words for OpenAI's tiers; `auto` is what it does unasked. */
export function serviceTier(tier: string | undefined): string | undefined {
  return tier === undefined || tier === 'auto' ? undefined : tier === 'default' ? 'standard' : tier;
}
