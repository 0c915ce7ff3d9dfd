import type { Passage } from '../../src/context/retrieval/passage.ts';
import { itemsTokens } from '../../src/context/tokens.ts';
import type { TurnId } from '../../src/core/ids.ts';
import { type Item, userMessage } from '../../src/core/items.ts';
import type { BranchTurn } from '../../src/core/turn.ts';

/** The passages of a conversation by turn. */
export function turnsOf(passages: readonly Passage[]): Passage[][] {
  const turns: Passage[][] = [];
  for (const passage of passages) {
    const last = turns.at(-1);
    if (last && last[0]!.turn === passage.turn) last.push(passage);
    else turns.push([passage]);
  }
  return turns;
}

/** The turns as the gateway would have stored them. */
export function branchOf(passages: readonly Passage[]): BranchTurn[] {
  let totalTokens = 0;
  let parent: TurnId | null = null;
  return turnsOf(passages).map((said): BranchTurn => {
    const { turn: id, at } = said[0]!;
    const inputs = said.filter(({ side }) => side === 'i');
    const input = inputs.map(({ text }) => userMessage(text));
    const output = said.filter(({ side }) => side === 'o').map(({ text }) => assistantMessage(text));
    const tokens = itemsTokens([...input, ...output]);
    totalTokens += tokens;
    const turn = {
      ...{ kind: 'ask', id, parent, input, output, metadata: {}, createdAt: at, retention: 'session' },
      inputNatives: Object.fromEntries(inputs.map(({ speaker: name }, index) => [index, { name }])),
    } as unknown as BranchTurn['turn'];
    parent = id;
    return { turn, tokens, totalTokens, digest: '', hidden: [] };
  });
}

const assistantMessage = (text: string): Item => ({
  ...{ type: 'message', role: 'assistant', status: 'completed' },
  content: [{ type: 'output_text', text, annotations: [] }],
});
