import type { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import { isShowable, keysAt, type Path, schemaAt } from './shape.ts';

/** One mistake: where it is (`clawhold.yaml:12`, or a variable's name) and what is wrong. */
export interface Problem {
  where: string;
  message: string;
}

/** The configuration is not valid. `problems` has one line for every mistake. No line shows a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly Problem[]) {
    const inOrder = problems.toSorted((a, b) => a.where.localeCompare(b.where, 'en', { numeric: true }));
    const lines = [...new Set(inOrder.map(({ where, message }) => `${where}: ${message}`))];
    super(lines.join('\n'));
    this.problems = lines;
  }
}

/** Where the values of a configuration came from. */
export interface Origin {
  /** The file and line of a path, or the variable that set it. */
  where(path: Path): string;
  /** Whether a variable set the value at the path. `where` then names the setting already. */
  fromVariable(path: Path): boolean;
  /** The text in the file before its variables were replaced; absent for a text without variables. */
  written(path: Path): string | undefined;
}

/** What is wrong with `value`, for the person who wrote it. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  schema: z.core.$ZodType,
  value: unknown,
  origin: Origin,
): Problem[] {
  return issues.flatMap((issue) => describeIssue(issue, schema, value, origin));
}

function describeIssue(
  issue: z.core.$ZodIssue,
  schema: z.core.$ZodType,
  value: unknown,
  origin: Origin,
): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => ({
      where: origin.where([...issue.path, key]),
      message: `unknown key "${key}"${within(issue.path)}${suggestion(key, known)}`,
    }));
  }
  if (issue.code === 'invalid_key') {
    const [inner] = issue.issues;
    const { path } = issue;
    return [
      {
        where: origin.where(path),
        message: `${pathText(path.slice(0, -1))}: ${inner?.message}, got "${String(path.at(-1))}"`,
      },
    ];
  }
  const path = writtenPath(issue.path, value);
  const name = origin.fromVariable(path) ? '' : `${pathText(path) || 'the file'}: `;
  const expected = issue.message.startsWith('expected') ? issue.message : expectedKind(issue);
  const got = gotText(path, schema, value, origin);
  return [{ where: origin.where(path), message: `${name}${expected}${got}` }];
}

/** The path up to a shorthand: a text or a list in place of a mapping. */
function writtenPath(path: Path, root: unknown): Path {
  let value = root;
  for (const [index, step] of path.entries()) {
    const isShort = typeof value === 'string' || (Array.isArray(value) && typeof step !== 'number');
    if (isShort) return path.slice(0, index);
    value = (value as Record<PropertyKey, unknown> | undefined)?.[step];
  }
  return path;
}

/** `; did you mean "port"?`, or an empty text when no known word is similar. */
export function suggestion(word: string, known: Iterable<string>): string {
  const [best] = nearest(word, known);
  return best === undefined ? '' : `; did you mean "${best}"?`;
}

/** `keys[0].name` */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text ? `.${String(step)}` : String(step);
  }
  return text;
}

function within(path: Path): string {
  return path.length > 0 ? ` in ${pathText(path)}` : '';
}

function expectedKind(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.expected === 'object' || issue.expected === 'record')
    return 'expected a mapping of keys and values';
  return issue.expected === 'array' ? 'expected a list' : `expected a ${issue.expected}`;
}

const LONGEST_SHOWN = 20;

/** Shows a wrong value only if it is short and its kind of setting is never secret. */
function gotText(path: Path, schema: z.core.$ZodType, root: unknown, origin: Origin): string {
  let value = root;
  for (const step of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[step];
  if (value === undefined) return ', got nothing';
  if (Array.isArray(value)) return ', got a list';
  if (typeof value === 'object') return ', got a mapping';
  if (!isShowable(schemaAt(schema, path))) return '';
  const written = origin.written(path);
  if (written !== undefined) return `, got ${written}`;
  const text = JSON.stringify(value);
  return text.length > LONGEST_SHOWN + 2 ? `, got ${text.length - 2} characters` : `, got ${text}`;
}
