import type { Slot, Statement, StatementKind } from './statement.ts';

/** One way to say something that lasts. */
export interface Rule {
  kind: StatementKind;
  polarity: Statement['polarity'];
  reach: Statement['reach'];
  /** Matched at the start of a sentence, or also at the start of a clause inside it. Sticky. */
  pattern: RegExp;
  at: 'sentence' | 'clause';
  /**
   * What must also be true.
   * - `nothing`: the words alone mean that it lasts.
   * - `making`: the same, unless the message asked for a text or a thing before: then it describes that.
   * - `style`: it names a shape, language or tone of answers, and no task came before; or it is `lasting`.
   * - `lasting`: the sentence says for how long or when it holds (`from now on`, `when I ask …`).
   */
  needs: 'nothing' | 'making' | 'style' | 'lasting';
  /** The slot that the rule fills. The groups `of` and `value` of the pattern name the thing and the value. */
  slot?: Slot;
}

/** What is known of one human language. The patterns are sources of regular expressions without anchors. */
export interface Language {
  /** Words before a statement that do not change it. */
  filler: string;
  /** Words by which a sentence says that it holds from now on. */
  lasting: string;
  /** The condition of an instruction, up to its subject: `when I ask about`. */
  condition: string;
  /** The start of a request for a text or a thing to be made. */
  making: string;
  rules: Rule[];
}

type Options = Partial<Pick<Rule, 'at' | 'needs' | 'slot' | 'reach'>>;

/** A rule with the common defaults: at the start of a clause, and without further needs. */
export function rule(
  kind: StatementKind,
  polarity: Statement['polarity'],
  pattern: string,
  options: Options = {},
): Rule {
  return {
    kind,
    polarity,
    reach: 'topic',
    at: 'clause',
    needs: 'nothing',
    pattern: new RegExp(`(?:${pattern})`, 'iuy'),
    ...options,
  };
}

/** Any of the words of a list. `_` stands for a space inside an entry; an entry may be a pattern. */
export const oneOf = (list: string): string =>
  `(?:${list.trim().split(/\s+/).join('|').replaceAll('_', ' ')})`;
