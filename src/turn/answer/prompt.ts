import type { Capabilities } from '../../claws/claw.ts';
import type { Assembled } from '../../context/assemble.ts';
import { estimateTokens } from '../../context/tokens.ts';
import type { Candidate } from '../../core/candidate.ts';
import { parseItemId } from '../../core/ids.ts';
import type { Item } from '../../core/items.ts';
import type { Prompt, PromptItem } from '../../core/prompt.ts';
import { type Ask, isBackground, isStreamed } from '../../core/turn.ts';
import { withOwnCallIds } from './call-ids.ts';
import { LEAST_LIMIT } from './contexts.ts';
import { readable } from './readable.ts';

/** The prompt for a candidate: the context of a turn in the form that this candidate can read. */
export function promptFor(
  candidate: Candidate,
  able: Capabilities,
  ask: Ask,
  context: Assembled,
  said = '',
): Prompt {
  const named = context.items.some(isRenamed) ? withOwnCallIds(context.items, candidate) : context.items;
  const items: PromptItem[] = [];
  for (const entry of named) {
    const read = isUnreadableReasoning(candidate, entry)
      ? undefined
      : readable(candidate, able, ask.vocabulary, entry);
    if (read) items.push(seenBy(candidate, read, ask));
  }
  const prompt: Prompt = {
    model: candidate.model,
    instructions: ask.instructions,
    items,
    settings: ask.settings,
    marks: ask.marks,
    outputLimit: candidate.outputLimit,
    // A background answer is streamed too: every delta that has come is journaled and survives a crash.
    stream: isStreamed(ask.delivery) || isBackground(ask.delivery),
    dialect: ask.vocabulary,
    extra: extraFor(candidate, ask),
  };
  return said === '' ? prompt : continuing(prompt, said);
}

/** OpenRouter routes among its own providers; it reads `provider` itself. */
function extraFor({ provider }: Candidate, { extra, verbatim, routing }: Ask): Ask['extra'] {
  const wishes = provider === 'openrouter' ? routing?.provider : undefined;
  const all = verbatim ? { ...extra, ...verbatim } : extra;
  return wishes ? { ...all, provider: wishes } : all;
}

/** Whether the provider of a call has another id for it than the session. */
const isRenamed = ({ callId }: PromptItem): boolean => callId !== undefined;

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

/** A provider accepts its reasoning only in the protocol in which it sent it: it is more than text. */
const isUnreadableReasoning = (candidate: Candidate, { item, origin, protocol }: PromptItem): boolean =>
  item.type === 'reasoning' && origin === candidate.provider && protocol !== candidate.protocol;

/**
 * An item as this candidate may see it. A native in another protocol's form is left out, even for the same
 * provider. Encrypted reasoning that the caller sends back in the provider's own vocabulary counts as
 * the provider's, under the id that the provider gave it; reasoning that is not encrypted stays the caller's.
 */
function seenBy(candidate: Candidate, entry: PromptItem, ask: Ask): PromptItem {
  const { item, origin, native, protocol } = entry;
  if (origin === undefined) {
    const isOwn = item.type === 'reasoning' && candidate.protocol === ask.vocabulary;
    if (!isOwn || !item.encrypted_content) return entry;
    const { id } = item;
    return { ...entry, origin: candidate.provider, native: id && !parseItemId(id) ? { id } : undefined };
  }
  return native !== undefined && protocol !== candidate.protocol ? { ...entry, native: undefined } : entry;
}

/**
 * The ids of the caller's reasoning that this candidate does not get: it cannot be opened, it is of another
 * provider, or the caller sent only its text.
 */
export function leftOutReasoning(
  candidate: Candidate,
  { input, vocabulary }: Ask,
  { items }: Assembled,
): string[] {
  if (!input.some(({ type }) => type === 'reasoning')) return [];
  return items.flatMap(({ item, origin, protocol, native, answeredBy }) => {
    if (item.type !== 'reasoning' || answeredBy !== undefined) return [];
    const isGiven =
      origin === undefined
        ? (Boolean(item.encrypted_content) || native !== undefined) && candidate.protocol === vocabulary
        : origin === candidate.provider && protocol === candidate.protocol;
    return isGiven ? [] : [item.id ?? item.type];
  });
}
