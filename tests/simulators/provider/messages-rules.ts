import type { Plan } from './behaviour.ts';
import { checkAnthropicMedia } from './media-rules.ts';
import type { Trouble } from './protocol.ts';
import { isSealed, seal } from './seal.ts';
import { asJson, asList, asText, type Json } from './shape.ts';
import { checkAnthropicTools } from './tool-rules.ts';

/** Neighbouring messages with the same role are merged, as the API does. `at` is the index of the first of them. */
type Turn = { at: number; role: string; blocks: Json[] };

/** Checks a conversation as Anthropic's messages API does. */
export function checkMessages(body: Json, plan: Plan): Trouble | undefined {
  if (typeof body.max_tokens !== 'number') return invalid('max_tokens: Field required');
  if (!Array.isArray(body.messages)) return invalid('messages: Field required');
  const list = asList(body.messages);
  if (list.length === 0) return invalid('messages: at least one message is required');
  const turns = merge(list);
  return (
    checkAnthropicTools(body) ??
    checkSettings(body, list) ??
    checkContent(list) ??
    checkAnthropicMedia(body) ??
    checkPairs(turns) ??
    checkThinking(body, turns) ??
    checkEnd(turns, plan)
  );
}

function merge(list: Json[]): Turn[] {
  const turns: Turn[] = [];
  for (const [at, message] of list.entries()) {
    const previous = turns.at(-1);
    const role = asText(message.role);
    if (previous?.role === role) previous.blocks.push(...blocksOf(message));
    else turns.push({ at, role, blocks: [...blocksOf(message)] });
  }
  return turns;
}

function blocksOf(message: Json): Json[] {
  const { content } = message;
  return typeof content === 'string' ? [{ type: 'text', text: content }] : asList(content);
}

function checkSettings(body: Json, list: Json[]): Trouble | undefined {
  const thinking = asJson(body.thinking);
  if (thinking.type === 'enabled' && Number(body.max_tokens) <= Number(thinking.budget_tokens)) {
    return invalid('`max_tokens` must be greater than `thinking.budget_tokens`.');
  }
  const system = asList(body.system);
  if (system.some((block) => block.type === 'text' && block.text === '')) {
    return invalid('system: text content blocks must be non-empty');
  }
  return checkMarks([...asList(body.tools), ...system, ...list.flatMap(blocksOf)]);
}

/** `blocks` are in the order in which the API caches them: tools, system, messages. Blocks of tool results count. */
function checkMarks(blocks: Json[]): Trouble | undefined {
  const marks = blocks
    .flatMap((block) => [...asList(block.content), block])
    .flatMap((block) => (block.cache_control ? [asJson(block.cache_control)] : []));
  if (marks.length > 4) {
    return invalid(`A maximum of 4 blocks with cache_control may be provided. Found ${marks.length}.`);
  }
  if (marks.some((mark) => mark.type !== 'ephemeral')) {
    return invalid("cache_control.type: Input should be 'ephemeral'");
  }
  const short = marks.findIndex((mark) => mark.ttl !== '1h');
  if (short === -1 || marks.slice(short).every((mark) => mark.ttl !== '1h')) return undefined;
  // https://platform.claude.com/docs/en/build-with-claude/prompt-caching, "Mixing different TTLs"
  return invalid(
    "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are processed in the following order: `tools`, `system`, `messages`.",
  );
}

function checkContent(list: Json[]): Trouble | undefined {
  for (const [at, message] of list.entries()) {
    if (message.role !== 'user' && message.role !== 'assistant') {
      return invalid(
        `messages: Unexpected role "${asText(message.role)}". The Messages API accepts a top-level \`system\` parameter, not "system" as an input message role.`,
      );
    }
    const blocks = blocksOf(message);
    const last = at === list.length - 1 && message.role === 'assistant';
    if (!last && (message.content === '' || blocks.length === 0)) {
      return invalid(
        `messages.${at}: all messages must have non-empty content except for the optional final assistant message`,
      );
    }
    if (blocks.some((block) => block.type === 'text' && asText(block.text) === '')) {
      return invalid('messages: text content blocks must be non-empty');
    }
    if (blocks.some((block) => block.type === 'text' && asText(block.text).trim() === '')) {
      return invalid('messages: text content blocks must contain non-whitespace text');
    }
  }
  return list[0]?.role === 'user' ? undefined : invalid('messages: first message must use the "user" role');
}

function checkPairs(turns: Turn[]): Trouble | undefined {
  const ids = new Set<string>();
  for (const [index, turn] of turns.entries()) {
    for (const [at, block] of turn.blocks.entries()) {
      const path = `messages.${turn.at}.content.${at}`;
      const trouble = block.type === 'tool_use' ? checkToolUse(block, path, ids) : undefined;
      if (trouble) return trouble;
    }
    const trouble = checkResults(turn, turns[index - 1]) ?? checkAnswered(turn, turns[index + 1]);
    if (trouble) return trouble;
  }
  return undefined;
}

function checkToolUse(block: Json, path: string, ids: Set<string>): Trouble | undefined {
  const id = asText(block.id);
  if (!/^[a-zA-Z0-9_-]+$/.test(id)) {
    return invalid(`${path}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'`);
  }
  if (typeof block.input !== 'object' || block.input === null || Array.isArray(block.input)) {
    return invalid(`${path}.tool_use.input: Input should be a valid dictionary`);
  }
  if (ids.has(id)) return invalid(`${path}: \`tool_use\` ids must be unique`);
  ids.add(id);
  return undefined;
}

function checkResults(turn: Turn, before: Turn | undefined): Trouble | undefined {
  const called = new Set(idsOf(before, 'tool_use', 'id'));
  const seen = new Set<string>();
  for (const [at, block] of turn.blocks.entries()) {
    if (block.type !== 'tool_result') continue;
    const id = asText(block.tool_use_id);
    if (!called.has(id) || turn.role !== 'user') {
      return invalid(
        `messages.${turn.at}.content.${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    }
    if (seen.has(id)) {
      return invalid(
        `messages.${turn.at}.content.${at}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${id}`,
      );
    }
    seen.add(id);
  }
  return undefined;
}

function checkAnswered(turn: Turn, after: Turn | undefined): Trouble | undefined {
  const called = idsOf(turn, 'tool_use', 'id');
  if (called.length === 0) return undefined;
  // Results must come first. A result after other content does not count.
  const leading = after?.blocks.slice(0, idsOf(after, 'tool_result', 'tool_use_id').length);
  const answered = new Set(leading?.map((block) => asText(block.tool_use_id)));
  const missing = called.filter((id) => !answered.has(id));
  if (missing.length === 0) return undefined;
  return invalid(
    `messages.${turn.at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
  );
}

function idsOf(turn: Turn | undefined, type: string, key: string): string[] {
  return (turn?.blocks ?? []).filter((block) => block.type === type).map((block) => asText(block[key]));
}

/**
 * https://platform.claude.com/docs/en/build-with-claude/extended-thinking: thinking and redacted blocks come back
 * complete and unchanged ("Preserving thinking blocks"), and with budget thinking, an assistant turn that waits for
 * tool results begins with its thinking block.
 */
function checkThinking(body: Json, turns: Turn[]): Trouble | undefined {
  for (const turn of turns) {
    for (const [at, block] of turn.blocks.entries()) {
      if (block.type === 'redacted_thinking' && !isSealed('redacted', asText(block.data))) {
        return invalid(`messages.${turn.at}.content.${at}: Invalid \`data\` in \`redacted_thinking\` block`);
      }
      if (block.type !== 'thinking' || block.signature === seal('thinking', asText(block.thinking))) continue;
      return invalid(`messages.${turn.at}.content.${at}: Invalid \`signature\` in \`thinking\` block`);
    }
  }
  const endsWithAssistant = turns.at(-1)?.role === 'assistant';
  const continues = endsWithAssistant || turns.at(-1)?.blocks.some((block) => block.type === 'tool_result');
  const last = turns.findLast((turn) => turn.role === 'assistant');
  const first = asText(last?.blocks[0]?.type);
  if (asJson(body.thinking).type !== 'enabled' || !continues || /thinking/.test(first)) return undefined;
  return invalid(
    `messages.${last?.at}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${first}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks). We recommend you include thinking blocks from previous turns. To avoid this requirement, disable \`thinking\`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking`,
  );
}

function checkEnd(turns: Turn[], plan: Plan): Trouble | undefined {
  const last = turns.at(-1);
  if (last?.role === 'assistant' && plan.noPrefill) {
    return invalid(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  }
  const text = asText(last?.blocks.at(-1)?.text);
  if (last?.role !== 'assistant' || text === text.trimEnd()) return undefined;
  return invalid('messages: final assistant content cannot end with trailing whitespace');
}

function invalid(message: string): Trouble {
  return { kind: 'invalid', message };
}
