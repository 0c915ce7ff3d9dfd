import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import type { Passage } from '../../src/context/retrieval/passage.ts';
import type { SessionId, TurnId } from '../../src/core/ids.ts';

/** A question about a conversation, and the passages that hold its answer. */
export interface Question {
  text: string;
  category: string;
  /** Positions in `Conversation.passages`; at least one. */
  evidence: readonly number[];
}

/** A conversation as a session: its utterances in order, and the questions that are asked after the last one. */
export interface Conversation {
  name: string;
  /** The name of its folder, which is the name of its data set in the results. */
  data: string;
  passages: readonly Passage[];
  questions: readonly Question[];
}

/** A question is asked this long after the last utterance, in milliseconds. */
export const ASKED_AFTER = 24 * 3600 * 1000;

/** Reads every `.json` file of a folder. Throws where a file has neither form. */
export function readConversations(folder: string): Conversation[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${folder} is no folder`);
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  if (files.length === 0) throw new Error(`${folder} holds no .json file`);
  const data = basename(resolve(folder));
  return files.sort().map((file) => {
    const content: unknown = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const name = basename(file, '.json');
    const chat = Chat.safeParse(content);
    if (chat.success) return { name, data, ...chatOf(chat.data) };
    const talk = Talk.safeParse(content);
    if (talk.success) return { name, data, ...talkOf(talk.data) };
    throw new Error(`${join(folder, file)} is neither a LoCoMo conversation nor a BEAM chat`);
  });
}

/** A long chat of a person with an assistant, in the form of BEAM. */
const Chat = z.object({
  messages: z.array(
    z.object({
      id: z.number(),
      role: z.enum(['user', 'assistant']),
      /** `March-15-2024`: the day of the message's session. */
      time: z.string(),
      content: z.string(),
    }),
  ),
  questions: z.array(z.object({ category: z.string(), question: z.string(), evidence: z.array(z.number()) })),
});

type Content = Pick<Conversation, 'passages' | 'questions'>;

function chatOf({ messages, questions }: z.infer<typeof Chat>): Content {
  const passages: Passage[] = [];
  const positions = new Map<number, number>();
  let turn = 0;
  for (const { id, role, time, content } of messages) {
    // A turn is a message of the user and the answer to it.
    if (role === 'user') turn += 1;
    positions.set(id, passages.length);
    const side = role === 'user' ? 'i' : 'o';
    passages.push({ turn: turnId(turn), side, index: 0, role, text: content, at: timeOf(time) });
  }
  return { passages, questions: questionsOf(questions, (id) => positions.get(id)) };
}

/** A long conversation of two people, in the form of LoCoMo: it has fields `session_1`, `session_2`… */
const Talk = z.looseObject({
  qa: z.array(
    z.looseObject({ question: z.string(), category: z.number(), evidence: z.array(z.string()).default([]) }),
  ),
});

const Utterances = z.array(
  z.looseObject({
    speaker: z.string(),
    dia_id: z.string(),
    text: z.string(),
    /** What a model saw in the image that was sent with the text. */
    blip_caption: z.string().optional(),
  }),
);

/** The categories of questions that have an answer in the conversation. Those of category 5 have none. */
const ANSWERABLE = 4;

function talkOf(talk: z.infer<typeof Talk>): Content {
  const passages: Passage[] = [];
  const positions = new Map<string, number>();
  for (let session = 1; talk[`session_${session}_date_time`] !== undefined; session++) {
    const at = timeOf(String(talk[`session_${session}_date_time`]));
    for (const { speaker, dia_id, text, blip_caption } of Utterances.parse(
      talk[`session_${session}`] ?? [],
    )) {
      positions.set(dia_id, passages.length);
      passages.push({
        turn: turnId(passages.length),
        side: 'i',
        index: 0,
        role: 'user',
        speaker,
        text: blip_caption ? `${text} [image: ${blip_caption}]` : text,
        at,
      });
    }
  }
  const questions = talk.qa
    .filter(({ category }) => category <= ANSWERABLE)
    .map(({ question, category, evidence }) => ({
      question,
      category: String(category),
      // Some entries hold several ids: `D8:6; D9:17`.
      evidence: evidence.flatMap((ids) => ids.split(/[;,\s]+/)).filter((id) => id !== ''),
    }));
  return { passages, questions: questionsOf(questions, (id) => positions.get(id)) };
}

/** Leaves out evidence that names no utterance, and questions without evidence. */
function questionsOf<Id>(
  questions: readonly { category: string; question: string; evidence: readonly Id[] }[],
  positionOf: (id: Id) => number | undefined,
): Question[] {
  return questions.flatMap(({ category, question, evidence }) => {
    const positions = new Set(evidence.map(positionOf).filter((position) => position !== undefined));
    return positions.size === 0 ? [] : [{ category, text: question, evidence: [...positions] }];
  });
}

/** `1:56 pm on 8 May, 2023` or `March-15-2024`, in UTC. */
function timeOf(text: string): number {
  const [, time, day] = /^(?:(.*) on )?(.*)$/.exec(text)!;
  const at = Date.parse(`${day!.replace(/[-,]/g, ' ')} ${time ?? '12:00 pm'} UTC`);
  if (Number.isNaN(at)) throw new Error(`"${text}" is no date`);
  return at;
}

const SESSION = '0'.repeat(20) as SessionId;

const turnId = (turn: number): TurnId => `${SESSION}${String(turn).padStart(13, '0')}` as TurnId;
