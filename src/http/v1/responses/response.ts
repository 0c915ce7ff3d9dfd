import type { TurnError } from '../../../core/errors.ts';
import { conversationId, responseId } from '../../../core/ids.ts';
import { type IdentifiedItem, identified } from '../../../core/item-positions.ts';
import type { Outcome, TurnState } from '../../../core/outcome.ts';
import type { Seal } from '../../../core/seal.ts';
import type { Asked, Session } from '../../../core/turn.ts';
import type { Usage } from '../../../core/usage.ts';
import { errorObject } from '../../envelope.ts';
import { answeredModel, answeredTier, attemptsView, cacheCreation, passedOn } from '../fields.ts';
import { shownReasoning } from './reasoning.ts';

export interface ResponseView {
  /** What was asked, and the outcome as far as it is known. */
  turn: Asked & Partial<Omit<Outcome, 'state'>> & { state?: TurnState };
  store: boolean;
  /** The session in which the turn is kept. */
  session?: Session;
  /** Absent for a turn without output. */
  seal?: Seal;
}

/**
 * A turn as a response (Open Responses, `ResponseResource`). All fields that the specification requires
 * are there; defaults are those of OpenAI's API.
 */
export function response({ turn, store, session, seal }: ResponseView): Record<string, unknown> {
  const { settings, echo } = turn;
  return {
    ...passedOn(turn, 'openai-responses'),
    id: responseId(turn.id),
    object: 'response',
    created_at: Math.floor(turn.createdAt / 1000),
    completed_at: turn.state === 'completed' ? Math.floor(turn.completedAt! / 1000) : null,
    status: turn.state === undefined || turn.state === 'running' ? 'in_progress' : turn.state,
    incomplete_details: turn.state === 'incomplete' ? { reason: incompleteReason(turn) } : null,
    error: turn.error ? errorOf(turn.error) : null,
    model: answeredModel(turn),
    previous_response_id: echo?.previous_response_id ?? null,
    conversation: session ? { id: conversationId(session.id) } : null,
    instructions: turn.instructions ?? null,
    output: (turn.output ?? []).map((item, index) => {
      const by = turn.answeredBy;
      const done = (item as { status?: string }).status !== 'incomplete';
      const shown = shownReasoning({ item, native: turn.outputNatives?.[index], by, done }, turn, seal);
      return outputItem(identified(shown, turn.id, 'o', index));
    }),
    tools: (settings.tools ?? []).map(toolOf),
    tool_choice: settings.tool_choice ?? 'auto',
    truncation: echo?.truncation ?? 'disabled',
    parallel_tool_calls: settings.parallel_tool_calls ?? true,
    text: {
      format: settings.format ?? { type: 'text' },
      ...(settings.verbosity && { verbosity: settings.verbosity }),
    },
    top_p: settings.top_p ?? 1,
    presence_penalty: settings.presence_penalty ?? 0,
    frequency_penalty: settings.frequency_penalty ?? 0,
    top_logprobs: settings.top_logprobs ?? 0,
    temperature: settings.temperature ?? 1,
    reasoning: { effort: settings.reasoning?.effort ?? null, summary: settings.reasoning?.summary ?? null },
    usage: turn.usage ? usageOf(turn.usage) : null,
    max_output_tokens: settings.max_output_tokens ?? null,
    max_tool_calls: echo?.max_tool_calls ?? null,
    store,
    background: echo?.background ?? false,
    service_tier: answeredTier(turn) ?? settings.service_tier ?? 'default',
    metadata: turn.metadata,
    safety_identifier: settings.safety_identifier ?? null,
    prompt_cache_key: settings.prompt_cache_key ?? null,
    user: echo?.user ?? null,
    ...(turn.attempts && { clawhold: { attempts: attemptsView(turn.attempts) } }),
  };
}

/** An error of a response has no `type` (`ResponseError`). Other known fields are beside code and message. */
function errorOf(error: TurnError): Record<string, unknown> {
  const { type: _, code, param, ...fields } = errorObject(error);
  return { code, ...fields, ...(param !== null && { param }) };
}

function incompleteReason(turn: Pick<Partial<Outcome>, 'error' | 'finish'>): string {
  if (turn.error) return turn.error.code;
  return turn.finish?.[0]?.unified === 'content_filter' ? 'content_filter' : 'max_output_tokens';
}

/** A part of an item's content or summary, with the fields that differ by its type. */
export interface ContentPart {
  type: string;
  text?: string;
  refusal?: string;
  annotations?: unknown[];
  logprobs?: unknown[];
}

/** An item with all fields that the specification requires of an output. */
export function outputItem(item: IdentifiedItem): Record<string, unknown> {
  switch (item.type) {
    case 'message':
      return { ...item, status: item.status ?? 'completed', content: item.content.map(outputPart) };
    case 'function_call':
    case 'function_call_output':
      return { ...item, status: item.status ?? 'completed' };
    default:
      return { ...item };
  }
}

export function outputPart(part: ContentPart): ContentPart {
  return part.type === 'output_text' ? { annotations: [], logprobs: [], ...part } : part;
}

function toolOf(tool: { type: string }): Record<string, unknown> {
  return tool.type === 'function'
    ? { description: null, parameters: null, strict: null, ...tool }
    : { ...tool };
}

function usageOf(usage: Usage): Record<string, unknown> {
  return {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cacheRead, cache_write_tokens: usage.cacheWrite },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output,
    ...cacheCreation(usage),
  };
}
