import { assemble } from '../../src/context/assemble.ts';
import { statementsIn } from '../../src/context/pins/find.ts';
import { pinsOf, type SaidStatement } from '../../src/context/pins/fold.ts';
import { gloss } from '../../src/context/retrieval/gloss.ts';
import type { Hit, Passage } from '../../src/context/retrieval/passage.ts';
import { PassageIndex } from '../../src/context/retrieval/passage-index.ts';
import { estimateTokens, itemsTokens } from '../../src/context/tokens.ts';
import type { ContextPolicy } from '../../src/core/context-policy.ts';
import { itemId, type TurnId } from '../../src/core/ids.ts';
import { type Item, userMessage } from '../../src/core/items.ts';
import type { BranchTurn } from '../../src/core/turn.ts';
import { ASKED_AFTER, type Conversation } from './conversation.ts';
import type { TokensOf } from './tokens.ts';

/** A conversation that a method has read, to which questions are put. */
export interface Opened {
  /** The best passages for a question, at most ten, best first. */
  top(question: string): readonly Passage[];
  /** The passages in a prompt with this many tokens for the conversation's past. */
  within(question: string, tokens: number): readonly Passage[];
}

/** A way to choose the past that a model sees. */
export interface Method {
  name: string;
  open(conversation: Conversation, tokensOf: TokensOf): Opened;
}

/** The number of hits that `recall@10` looks at. */
export const TOP = 10;

/**
 * The prompt that the gateway assembles (`src/context/assemble.ts`), with this policy. Its budget is in the gateway's
 * own estimates; it is scaled so that the conversation's past has this many tokens of o200k.
 */
function assembled(name: string, policy: ContextPolicy, makeIndex: () => PassageIndex): Method {
  return {
    name,
    open({ passages }, tokensOf) {
      const index = makeIndex();
      const branch = branchOf(passages);
      for (const turn of turnsOf(passages)) index.add(turn[0]!.turn, turn);
      const pins = pinsOf(passages.flatMap(saidIn));
      const saidAt = new Map(passages.map(({ turn, at }) => [turn as string, at]));
      const at = passages.at(-1)!.at + ASKED_AFTER;
      const counted = passages.reduce((sum, passage) => sum + tokensOf(passage), 0);
      const scale = branch.at(-1)!.totalTokens / counted;
      const ranked = (question: string, limit: number) => index.search({ texts: [question], at }, limit);
      return {
        top: (question) =>
          policy === 'truncate' ? passages.slice(-TOP) : ranked(question, TOP).map(({ passage }) => passage),
        within(question, tokens) {
          const input = [userMessage(question)];
          const context = Math.floor(tokens * scale) + itemsTokens(input);
          const hits = () => ranked(question, MOST_HITS).map(excerptOf);
          const recalled =
            policy === 'truncate' ? undefined : { pins, saidAt, query: question, hits: hits() };
          const { keptTurns, pinned, retrieved } = assemble({
            ...{ branch, input, settings: {}, recalled, open: () => undefined },
            budget: { context, answer: 0, policy },
          });
          const sent = new Set([...pinned, ...retrieved].map(({ item }) => item));
          const kept = new Set(branch.slice(branch.length - keptTurns).map(({ turn }) => turn.id));
          return passages.filter((passage) => kept.has(passage.turn) || sent.has(itemId('message', passage)));
        },
      };
    },
  };
}

/** More excerpts than a prompt of the largest budget holds. */
const MOST_HITS = 1_500;

function turnsOf(passages: readonly Passage[]): Passage[][] {
  const turns: Passage[][] = [];
  for (const passage of passages) {
    const last = turns.at(-1);
    if (last && last[0]!.turn === passage.turn) last.push(passage);
    else turns.push([passage]);
  }
  return turns;
}

/** The turns as the gateway would have stored them. */
function branchOf(passages: readonly Passage[]): BranchTurn[] {
  let totalTokens = 0;
  let parent: TurnId | null = null;
  return turnsOf(passages).map((said): BranchTurn => {
    const id = said[0]!.turn;
    const input = said.filter(({ side }) => side === 'i').map(({ text }) => userMessage(text));
    const output = said.filter(({ side }) => side === 'o').map(({ text }) => assistantMessage(text));
    const tokens = itemsTokens([...input, ...output]);
    totalTokens += tokens;
    const turn = { kind: 'ask', id, parent, input, output, metadata: {} } as unknown as BranchTurn['turn'];
    parent = id;
    return { turn, tokens, totalTokens, digest: '', hidden: [] };
  });
}

const assistantMessage = (text: string): Item => ({
  ...{ type: 'message', role: 'assistant', status: 'completed' },
  content: [{ type: 'output_text', text, annotations: [] }],
});

function saidIn({ turn, side, index: item, role, text }: Passage): SaidStatement[] {
  if (side !== 'i' || role !== 'user') return [];
  return statementsIn(text, role).map((statement, index) => ({ statement, source: { turn, item }, index }));
}

const excerptOf = ({ passage, score }: Hit) => {
  const { turn, speaker, role, text, at } = passage;
  return {
    turn,
    item: itemId('message', passage),
    speaker: speaker ?? role,
    text,
    tokens: estimateTokens(text),
    at,
    score,
  };
};

/** The methods that are compared. */
export const METHODS: readonly Method[] = [
  assembled('truncate', 'truncate', () => new PassageIndex()),
  assembled('retrieve lexical', 'retrieve', () => new PassageIndex()),
  assembled('retrieve lexical+gloss', 'retrieve', () => new PassageIndex(gloss())),
  assembled('auto lexical', 'auto', () => new PassageIndex()),
  assembled('auto lexical+gloss', 'auto', () => new PassageIndex(gloss())),
];
