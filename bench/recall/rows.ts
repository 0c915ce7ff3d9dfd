import type { Passage } from '../../src/context/retrieval/passage.ts';
import type { Conversation } from './conversation.ts';
import { METHODS, type Method } from './methods.ts';
import { tokenCounter } from './tokens.ts';

/** Tokens for the past of a conversation. */
export const BUDGETS = [1_000, 2_000, 4_000, 8_000, 16_000];

/** The recall of a method: the mean, over questions, of the share of the evidence that it found. */
export interface RecallRow {
  data: string;
  method: string;
  measure: 'recall@10' | 'tokens';
  /** Tokens; `null` for `recall@10`. */
  budget: number | null;
  /** `all` for the mean over all questions. */
  category: string;
  /** 0 to 1. */
  recall: number;
  questions: number;
}

/** The recall on single conversations, which shows how far conversations differ. */
export interface Spread {
  data: string;
  method: string;
  /** `recall@10` of each conversation. */
  recalls: readonly { conversation: string; recall: number }[];
}

/** What a mean is taken over. */
type Series = Pick<RecallRow, 'data' | 'method' | 'measure' | 'budget'>;

export class Scores {
  readonly #scores = new Map<string, { series: Series; category: string; sum: number; questions: number }>();
  readonly spreads: Spread[] = [];

  add(series: Series, category: string, recall: number): void {
    for (const name of ['all', category]) {
      const key = JSON.stringify([series, name]);
      const score = this.#scores.get(key) ?? { series, category: name, sum: 0, questions: 0 };
      score.sum += recall;
      score.questions += 1;
      this.#scores.set(key, score);
    }
  }

  get rows(): RecallRow[] {
    return [...this.#scores.values()].map(({ series, category, sum, questions }) => ({
      ...series,
      category,
      recall: sum / questions,
      questions,
    }));
  }
}

/** Puts all questions to all methods. */
export async function measure(
  conversations: readonly Conversation[],
  methods: readonly Method[] = METHODS,
): Promise<Scores> {
  const scores = new Scores();
  const tokensOf = tokenCounter();
  for (const method of methods) {
    for (const data of new Set(conversations.map((conversation) => conversation.data))) {
      const own = conversations.filter((conversation) => conversation.data === data);
      const recalls: Spread['recalls'][number][] = [];
      for (const conversation of own) {
        const recall = await measureOne(scores, method, conversation, tokensOf);
        recalls.push({ conversation: conversation.name, recall });
      }
      scores.spreads.push({ data, method: method.name, recalls });
    }
  }
  return scores;
}

/** Returns the `recall@10` of the conversation. */
async function measureOne(
  scores: Scores,
  method: Method,
  conversation: Conversation,
  tokensOf: ReturnType<typeof tokenCounter>,
): Promise<number> {
  const { data, passages, questions } = conversation;
  const opened = await method.open(conversation, tokensOf);
  let sum = 0;
  for (const { text, category, evidence } of questions) {
    const share = (found: readonly Passage[]): number => {
      const all = new Set(found);
      return evidence.filter((position) => all.has(passages[position]!)).length / evidence.length;
    };
    const series = { data, method: method.name };
    const top = share(opened.top(text));
    sum += top;
    scores.add({ ...series, measure: 'recall@10', budget: null }, category, top);
    for (const budget of BUDGETS) {
      scores.add({ ...series, measure: 'tokens', budget }, category, share(opened.within(text, budget)));
    }
  }
  return sum / Math.max(1, questions.length);
}
