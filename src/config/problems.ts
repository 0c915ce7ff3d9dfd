import { z } from 'zod';
import { nearest } from '../core/nearest.ts';
import { expectedAt, isShowable, keysAt, type Path, schemaAt } from './shape.ts';

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
      message: `unknown key "${key}"${within(issue.path)}${suggestion(key, known) || allowed(known)}`,
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
  const expected = issue.message.startsWith('expected') ? issue.message : expectedKind(issue, schema);
  // A rule about several keys says itself what is wrong.
  const got = issue.code === 'custom' ? '' : gotText({ path, full: issue.path }, schema, value, origin);
  return [{ where: origin.where(path), message: `${name}${expected}${got}` }];
}

/**
 * The path as the file writes it. A shorthand has no keys: a text ends the path, and an entry of a list follows at
 * once (`aliases.fast[1]` in place of `aliases.fast.models[1]`).
 */
function writtenPath(path: Path, root: unknown): Path {
  let value = root;
  const written: PropertyKey[] = [];
  for (const step of path) {
    if (typeof value === 'string') break;
    if (Array.isArray(value) && typeof step !== 'number') continue;
    written.push(step);
    value = (value as Record<PropertyKey, unknown> | undefined)?.[step];
  }
  return written;
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

const MOST_ALLOWED = 12;

/** The keys of a mapping, where they are few. */
function allowed(keys: readonly string[]): string {
  return keys.length > 0 && keys.length <= MOST_ALLOWED ? `; allowed: ${keys.join(', ')}` : '';
}

/** More keys make a message too long. */
const MOST_NAMED = 6;

function expectedKind(issue: z.core.$ZodIssue, schema: z.core.$ZodType): string {
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.expected === 'object' || issue.expected === 'record') {
    const said = expectedAt(schema, issue.path);
    if (said !== undefined) return `expected ${said}`;
    const keys = keysAt(schema, issue.path);
    return keys.length > 0 && keys.length <= MOST_NAMED
      ? `expected a mapping with ${keys.join(', ')}`
      : 'expected a mapping of keys and values';
  }
  return issue.expected === 'array' ? 'expected a list' : `expected a ${issue.expected}`;
}

const LONGEST_SHOWN = 20;

const isShown = (schema: z.core.$ZodType | undefined): boolean =>
  isShowable(schema) || (schema !== undefined && z.globalRegistry.get(schema)?.shown === true);

/** Shows a wrong value only if it is short and its kind of setting is never secret. */
function gotText(
  { path, full }: { path: Path; full: Path },
  schema: z.core.$ZodType,
  root: unknown,
  origin: Origin,
): string {
  let value = root;
  for (const step of path) value = (value as Record<PropertyKey, unknown> | undefined)?.[step];
  if (value === undefined) return ', got nothing';
  if (Array.isArray(value)) return value.length > 0 ? ', got a list' : ', got an empty list';
  if (typeof value === 'object') return ', got a mapping';
  if (!isShown(schemaAt(schema, full))) return '';
  const written = origin.written(path);
  if (written !== undefined) return `, got ${written}`;
  const text = JSON.stringify(value);
  return text.length > LONGEST_SHOWN + 2 ? `, got ${text.length - 2} characters` : `, got ${text}`;
}
