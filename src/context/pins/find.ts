import type { Role } from '../../core/items.ts';
import { clauseEnd, clauseStarts, REPORTED, REQUEST, SUPPOSED, withoutConnective } from './clauses.ts';
import { FILLER, LASTING, MAKING, RULES } from './grammar.ts';
import type { Rule } from './rule.ts';
import { type Sentence, sentencesOf } from './sentences.ts';
import { STYLE } from './slots.ts';
import type { Statement } from './statement.ts';
import { polarityOf, topicOf } from './topic.ts';

const LEAST_CHARS = 4;
const MOST_CHARS = 400;
/** One message cannot push out the pins of a whole session. */
const MOST_STATEMENTS = 32;

/**
 * What a message says that lasts: standing instructions, preferences and facts about the user, and withdrawals of
 * earlier ones. Only the user's own messages have statements; system and developer messages are sent with each
 * request anyway. The time is linear in the text, and bounded: of a long message, both ends are read, and
 * a message has at most 32 statements.
 */
export function statementsIn(text: string, role: Role): Statement[] {
  if (role !== 'user') return [];
  const statements: Statement[] = [];
  const progress = { making: false, asked: false, lastingList: false };
  for (const sentence of sentencesOf(text)) {
    const lasting = LASTING.test(sentence.plain);
    if (!sentence.isEntry) progress.lastingList = false;
    const found = statementsOf(sentence, { ...progress, lasting: lasting || progress.lastingList });
    statements.push(...found);
    if (statements.length >= MOST_STATEMENTS) return statements.slice(0, MOST_STATEMENTS);
    if (sentence.plain.endsWith(':') && lasting) progress.lastingList = true;
    if (found.length > 0) continue;
    progress.making ||= MAKING.test(sentence.plain);
    progress.asked ||= sentence.isQuestion;
  }
  return statements;
}

/** What is known when a sentence is read. */
interface Known {
  /** An earlier sentence of the message asked for a text or a thing. */
  making: boolean;
  /** An earlier sentence of the message was a question. */
  asked: boolean;
  /** The sentence says that it holds from now on, or under a condition. */
  lasting: boolean;
}

interface Match {
  rule: Rule;
  groups: Record<string, string | undefined>;
  start: number;
  /** The end of what the rule's pattern matched. */
  end: number;
}

function statementsOf({ text, plain, isQuestion }: Sentence, known: Known): Statement[] {
  const supposed = SUPPOSED.test(plain);
  const asksNothing = isQuestion && !REQUEST.test(plain);
  const matches: Match[] = [];
  for (const start of clauseStarts(plain)) {
    const before = matches.at(-1);
    if (before && start < before.end) continue;
    const match = matchAt(plain, start, isOpen(plain, start, before), known);
    if (!match || (before && match.rule.needs === 'lasting')) continue;
    if (supposed && match.rule.kind !== 'instruction') continue;
    if (asksNothing && match.rule.at === 'sentence' && !match.rule.slot) continue;
    if (!REPORTED.test(plain.slice(Math.max(0, start - 40), start))) matches.push(match);
  }
  return matches.flatMap((match, index) => {
    const end = endOf(plain, match, matches[index + 1]?.start ?? plain.length);
    const statement = statementOf(text.slice(match.start, end), plain.slice(match.start, end), match);
    return statement ? [statement] : [];
  });
}

/** Whether an imperative at this clause is told to the assistant: it starts the sentence, or follows `so` or a rule. */
const isOpen = (plain: string, start: number, before: Match | undefined): boolean =>
  start === 0 ||
  before?.rule.kind === 'instruction' ||
  /^(?:so|please)\b/i.test(plain.slice(start, start + 7));

/** The name of the assistant before what it is told. */
const VOCATIVE = /\p{Lu}\p{Ll}+, /uy;

function matchAt(plain: string, from: number, atSentence: boolean, known: Known): Match | undefined {
  for (let start = from; start < plain.length; ) {
    const match = ruleAt(plain, start, atSentence, known);
    if (match) return match.rule.kind === 'instruction' && atSentence ? { ...match, start: from } : match;
    FILLER.lastIndex = VOCATIVE.lastIndex = start;
    const filler = FILLER.exec(plain) ?? VOCATIVE.exec(plain);
    if (!filler) return undefined;
    start += filler[0].length;
  }
  return undefined;
}

function ruleAt(plain: string, start: number, atSentence: boolean, known: Known): Match | undefined {
  const rest = plain.slice(start);
  for (const rule of RULES) {
    if (rule.at === 'sentence' && !atSentence) continue;
    rule.pattern.lastIndex = start;
    const match = rule.pattern.exec(plain);
    if (match && meets(rule, rest, known))
      return { rule, groups: match.groups ?? {}, start, end: start + match[0].length };
  }
  return undefined;
}

function meets({ needs }: Rule, rest: string, { making, asked, lasting }: Known): boolean {
  switch (needs) {
    case 'nothing':
      return true;
    case 'making':
      return lasting || !making;
    case 'style':
      return (
        STYLE.test(rest) &&
        (lasting || !(making || asked || MAKING.test(rest) || OF_TASK.test(rest.replace(KEEP_IT, ''))))
      );
    case 'lasting':
      return lasting;
  }
}

/** The words point at one text or thing, so they are about the present task. */
const OF_TASK =
  /\b(?:this|that|make (?:it|them)|what|how|why|your (?:last|previous|first)|(?:last|previous) (?:answer|reply|message)|the following|the above|these|those|the (?:\w+ )?(?:email|essay|letter|story|article|report|text|code|function|poem|document|paragraph|page|file|list|table|step|part|section|chapter|sentence|line|answer above|first|second|last)|my (?:email|essay|letter|story|article|report|text|code|resume|cv|site|website|app|room|house|wall\w*)|(?:an?|the) (?:\w+ )?(?:email|essay|letter|story|article|report|function|poem|script|paragraph|table|list|summary|example|overview|explanation))\b/iu;

const KEEP_IT = /\bkeep (?:this|that|it)\b/iu;

/** A statement about the user ends where the sentence goes on to ask. An instruction is the whole sentence. */
function endOf(plain: string, { rule, start }: Match, limit: number): number {
  if (rule.at === 'sentence') return start + withoutConnective(plain.slice(start, limit)).length;
  const said = plain.slice(start, clauseEnd(plain, start, limit));
  return start + withoutConnective(said.replace(/(?:,? you know)?\s*\?+$/i, '')).length;
}

const CHANGE =
  /\b(?:now|nowadays|these days|instead|actually|no longer|any ?more|(?<!ab )jetzt|stattdessen|maintenant|plutôt|ahora|mejor)\b/iu;

function statementOf(text: string, plain: string, { rule, groups }: Match): Statement | undefined {
  if (text.length > MOST_CHARS || text.length < LEAST_CHARS) return undefined;
  const topic = topicOf(plain, rule, groups);
  if (topic.words.length === 0 && rule.reach === 'topic') return undefined;
  const { kind, reach } = rule;
  return {
    kind,
    text: text.trim(),
    topic,
    polarity: polarityOf(plain, rule),
    isChange: CHANGE.test(plain),
    reach,
  };
}
