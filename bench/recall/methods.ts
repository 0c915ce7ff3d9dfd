import { assemble } from '../../src/context/assemble.ts';
import { statementsIn } from '../../src/context/pins/find.ts';
import { pinsOf, type SaidStatement } from '../../src/context/pins/fold.ts';
import { gloss } from '../../src/context/retrieval/gloss.ts';
import type { Hit, Passage } from '../../src/context/retrieval/passage.ts';
import { PassageIndex } from '../../src/context/retrieval/passage-index.ts';
import { quantised } from '../../src/context/retrieval/passage-vectors.ts';
import { estimateTokens, itemsTokens } from '../../src/context/tokens.ts';
import type { ContextPolicy } from '../../src/core/context-policy.ts';
import { itemId } from '../../src/core/ids.ts';
import { userMessage } from '../../src/core/items.ts';
import { ASKED_AFTER, type Conversation } from './conversation.ts';
import type { EmbedConversation } from './embeddings.ts';
import { branchOf, turnsOf } from './session.ts';
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
  open(conversation: Conversation, tokensOf: TokensOf): Opened | Promise<Opened>;
}

/** The number of hits that `recall@10` looks at. */
export const TOP = 10;

/**
 * The prompt that the gateway assembles (`src/context/assemble.ts`), with this policy. Its budget is in the gateway's
 * own estimates; it is scaled so that the conversation's past has this many tokens of o200k.
 */
function assembled(
  name: string,
  policy: ContextPolicy,
  makeIndex: () => PassageIndex,
  embed?: EmbedConversation,
): Method {
  return {
    name,
    async open(conversation, tokensOf) {
      const { passages } = conversation;
      const embedded = await embed?.(conversation);
      const index = makeIndex();
      const branch = branchOf(passages);
      for (const turn of turnsOf(passages)) index.add(turn[0]!.turn, turn);
      embedded?.passages.forEach((vector, number) => {
        index.setVector(number, quantised(vector));
      });
      const pins = pinsOf(passages.flatMap(saidIn));
      const saidAt = new Map(passages.map(({ turn, at }) => [turn as string, at]));
      const at = passages.at(-1)!.at + ASKED_AFTER;
      const counted = passages.reduce((sum, passage) => sum + tokensOf(passage), 0);
      const scale = branch.at(-1)!.totalTokens / counted;
      const ranked = (question: string, limit: number) =>
        index.search({ texts: [question], at, vector: embedded?.questions.get(question) }, limit);
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

/** The same with the vectors of an embedding model. */
export const hybridMethods = (embed: EmbedConversation): readonly Method[] => {
  const once = new Map<Conversation, ReturnType<EmbedConversation>>();
  const shared: EmbedConversation = (conversation) => {
    const known = once.get(conversation) ?? embed(conversation);
    once.set(conversation, known);
    return known;
  };
  const makeIndex = () => new PassageIndex(gloss());
  return [
    assembled('retrieve hybrid', 'retrieve', makeIndex, shared),
    assembled('auto hybrid', 'auto', makeIndex, shared),
  ];
};
