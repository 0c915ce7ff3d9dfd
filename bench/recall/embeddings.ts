import { openCalls } from '../../src/composition/calls.ts';
import { openClaws } from '../../src/composition/claws.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Passage } from '../../src/context/retrieval/passage.ts';
import { termsOf } from '../../src/context/retrieval/words.ts';
import type { Tenant } from '../../src/core/request.ts';
import { RecallEmbeddings } from '../../src/turn/past/recall-model.ts';
import { vectorsOf } from '../gloss/vectors.ts';
import type { Conversation } from './conversation.ts';

/** The vectors of a conversation's passages, by their position, and of its questions, by their text. */
export interface EmbeddedConversation {
  passages: readonly Float32Array[];
  questions: ReadonlyMap<string, Float32Array>;
}

/** Embeds a conversation. */
export type EmbedConversation = (conversation: Conversation) => Promise<EmbeddedConversation>;

/** The name of the stand-in for a trained model: no provider need be reached. */
export const SIMULATED = 'simulated';

/** The model of this name, with the keys that the gateway would find; or the stand-in. */
export async function embeddingOf(name: string): Promise<EmbedConversation> {
  if (name === SIMULATED) return simulated;
  const config = await loadConfig({ cwd: process.cwd(), env: process.env });
  const claws = await openClaws(config, process.env);
  const { embedder } = openCalls(config, claws.directory, { level: 'calm' }, () => {});
  const embeddings = new RecallEmbeddings({ embedder, model: () => name, emit: () => {} });
  const problem = embeddings.problem();
  if (problem) throw problem;
  const asker = { tenant: 'bench' as Tenant };
  const model = embeddings.for(asker)!;
  const embed = async (texts: readonly string[]): Promise<Float32Array[]> => {
    const vectors: Float32Array[] = [];
    for (let from = 0; from < texts.length; from += BATCH) {
      const part = texts.slice(from, from + BATCH);
      vectors.push(...(await embeddings.passages(part, model, asker, AbortSignal.timeout(CALL_MS))));
    }
    return vectors;
  };
  return async ({ passages, questions }) => {
    const texts = questions.map(({ text }) => text);
    const asked = await embed(texts);
    return {
      passages: await embed(passages.map(saidIn)),
      questions: new Map(texts.map((text, index) => [text, asked[index]!])),
    };
  };
}

const BATCH = 64;
const CALL_MS = 120_000;

const saidIn = ({ speaker, text }: Passage): string => (speaker === undefined ? text : `${speaker}: ${text}`);

const MOST_TERMS = 6_000;
const DIMENSIONS = 128;
/** Terms of a text that count. */
const MOST_READ = 400;

/**
 * Word vectors that are made from the conversation itself: words are close where they occur in the same passages. It
 * stands for a trained model, which knows more of the language and less of the conversation.
 */
async function simulated({ passages, questions }: Conversation): Promise<EmbeddedConversation> {
  const bags = passages.map((passage) => termsOf(saidIn(passage)).slice(0, MOST_READ));
  const { terms, values } = vectorsOf(bags, MOST_TERMS, DIMENSIONS);
  const rows = new Map(terms.map((term, row) => [term, row]));
  const counts = new Map<string, number>();
  for (const bag of bags) for (const term of new Set(bag)) counts.set(term, (counts.get(term) ?? 0) + 1);
  const vectorOf = (bag: readonly string[]): Float32Array => {
    const sum = new Float32Array(DIMENSIONS);
    for (const term of bag) {
      const row = rows.get(term);
      if (row === undefined) continue;
      const weight = Math.log(passages.length / counts.get(term)!);
      for (let k = 0; k < DIMENSIONS; k++) sum[k]! += weight * values[row * DIMENSIONS + k]!;
    }
    return sum;
  };
  return {
    passages: bags.map(vectorOf),
    questions: new Map(questions.map(({ text }) => [text, vectorOf(termsOf(text))])),
  };
}
