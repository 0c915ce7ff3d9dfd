import type { Capabilities } from '../claws/claw.ts';
import type { Assembled, Budget } from '../context/assemble.ts';
import { estimateTokens } from '../context/tokens.ts';
import { parseItemId } from '../core/ids.ts';
import type { Item, Part } from '../core/items.ts';
import type { Prompt, PromptItem } from '../core/prompt.ts';
import type { Candidate } from '../routing/candidate.ts';
import type { Ask } from './ask.ts';

/** Tokens, where the catalogue does not know the model. */
const ASSUMED_CONTEXT = 128_000;
const ASSUMED_ANSWER = 4_096;

/** OpenAI's Responses API refuses a limit below this. */
const LEAST_LIMIT = 16;

/** What of the model's context a turn may fill. */
export function budgetOf({ contextLimit, outputLimit }: Candidate, ask: Ask): Budget {
  const context = contextLimit ?? ASSUMED_CONTEXT;
  const answer = ask.settings.max_output_tokens ?? Math.min(outputLimit ?? ASSUMED_ANSWER, ASSUMED_ANSWER);
  return { context, answer: Math.min(answer, context / 2), overflow: ask.overflow };
}

/** The wire protocol that a dialect of ours shares its words with. */
const PROTOCOL = { chat: 'openai-chat', responses: 'openai-responses' } as const;

/** The context of a turn as one candidate is to see it. */
export function promptFor(
  candidate: Candidate,
  able: Capabilities,
  ask: Ask,
  context: Assembled,
  said = '',
): Prompt {
  const items = context.items
    .filter((entry) => !isUnreadThought(candidate, entry))
    .map((entry) => seenBy(candidate, readable(candidate, able, entry), ask));
  const prompt: Prompt = {
    model: candidate.model,
    instructions: ask.instructions,
    items,
    settings: ask.settings,
    outputLimit: candidate.outputLimit,
    // Nobody waits for a background answer, but what has come of it survives everything.
    stream: ask.stream || ask.background,
    dialect: PROTOCOL[ask.dialect],
    extra: ask.extra,
  };
  return said === '' ? prompt : continuing(prompt, said);
}

/** Asks for the rest of an answer, within what is left of its tokens. */
function continuing(prompt: Prompt, said: string): Prompt {
  const content = [{ type: 'output_text' as const, text: said, annotations: [] }];
  const item: Item = { type: 'message', role: 'assistant', status: 'incomplete', content };
  const { max_output_tokens: most, ...settings } = prompt.settings;
  const left = most && Math.min(most, Math.max(LEAST_LIMIT, most - estimateTokens(said)));
  return {
    ...prompt,
    items: [...prompt.items, { item }],
    settings: most === undefined ? settings : { ...settings, max_output_tokens: left },
    continues: true,
  };
}

/** What a provider thought in one protocol, it does not take back in another: a thought is more than its text. */
const isUnreadThought = (candidate: Candidate, { item, origin, protocol }: PromptItem): boolean =>
  item.type === 'reasoning' && origin === candidate.provider && protocol !== candidate.protocol;

/**
 * An item as this candidate may see it. A native in another protocol's form means nothing to it, even at
 * the same provider. An encrypted thought that the caller brings back in the provider's own dialect is taken for
 * the provider's, under the id that it gave it; one in the open is of no use to anybody.
 */
function seenBy(candidate: Candidate, entry: PromptItem, ask: Ask): PromptItem {
  const { item, origin, native, protocol } = entry;
  if (origin === undefined) {
    const isOwn = item.type === 'reasoning' && candidate.protocol === PROTOCOL[ask.dialect];
    if (!isOwn || !item.encrypted_content) return entry;
    const { id } = item;
    return { ...entry, origin: candidate.provider, native: id && !parseItemId(id) ? { id } : undefined };
  }
  return native !== undefined && protocol !== candidate.protocol ? { ...entry, native: undefined } : entry;
}

/**
 * History as this candidate can read it: a file that it cannot be given (an id of another provider, a URL
 * where only content is taken) becomes a line that says so. Refusing it would end the session; in new
 * input the claw refuses it.
 */
function readable(candidate: Candidate, able: Capabilities, entry: PromptItem): PromptItem {
  const { item, answeredBy } = entry;
  if (answeredBy === undefined || item.type !== 'message' || item.role === 'assistant') return entry;
  const foreign = answeredBy !== candidate.provider;
  const lost = (part: Part) => isLost(part, foreign, able);
  if (!item.content.some(lost)) return entry;
  return {
    ...entry,
    item: { ...item, content: item.content.map((part) => (lost(part) ? standIn(part) : part)) },
  };
}

function isLost(part: Part, foreign: boolean, able: Capabilities): boolean {
  if (part.type === 'input_image') return !part.image_url && (foreign || !able.fileUrls);
  if (part.type !== 'input_file' || part.file_data) return false;
  return part.file_url ? !able.fileUrls : foreign;
}

function standIn(part: Part): Part {
  const { filename, file_url } = part as { filename?: string | null; file_url?: string | null };
  const name = filename ?? file_url ?? (part.type === 'input_image' ? 'an image' : 'a file');
  return { type: 'input_text', text: `[Attached earlier, not readable by this model: ${name}]` };
}
