import { z } from 'zod';

/** The kinds of values that `schema.ts` describes settings with. */

declare module 'zod' {
  /** What `schema.ts` says about a setting besides its type and default: `.meta({ … })`. */
  interface GlobalMeta {
    /** What the setting does, in sentences: shown by editors, in the example file and in the reference. */
    description?: string;
    /** The values that are allowed: `a whole number from 1 to 10`. The kinds below fill it in. */
    expected?: string;
    /** True: the text is never secret, so a message about a wrong one may show it. */
    shown?: boolean;
    /** True: nobody is shown the text. */
    secret?: boolean;
    /** YAML for the example file, as it follows the key. A setting with a default shows the default. */
    example?: string;
    /** True: a change takes effect only at a start. Otherwise it takes effect while the gateway runs. */
    restart?: boolean;
  }
}

/** `body_bytes` → `bodyBytes` */
export type CamelCase<Name> = Name extends `${infer Word}_${infer Rest}`
  ? `${Word}${Capitalize<CamelCase<Rest>>}`
  : Name;

/** An object of the file as the code sees it. */
export type CamelKeys<T> = { readonly [Key in keyof T as CamelCase<Key>]: T[Key] };

/** `body_bytes` → `bodyBytes` */
export function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** A mapping with the keys of `shape` and no others. Validation turns its keys into camelCase. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape).transform(camelKeys);
}

/** The same as `section`, with every key optional. */
export function partialSection<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape).partial().transform(camelKeys);
}

function camelKeys<T extends object>(value: T): CamelKeys<T> {
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [camelCase(name), entry]),
  ) as CamelKeys<T>;
}

export function wholeNumber(from: number, to: number) {
  const { expected, error } = expecting(`a whole number from ${from} to ${to}`);
  return z.number({ error }).int({ error }).min(from, { error }).max(to, { error }).meta({ expected });
}

/** A number that the program can find by itself. */
export function wholeNumberOrAuto(from: number, to: number) {
  const { expected, error } = expecting(`auto, or a whole number from ${from} to ${to}`);
  return z
    .union([z.enum(['auto'], { error }), wholeNumber(from, to)], { error })
    .meta({ expected, shown: true });
}

/** US dollars per million tokens. */
export function price() {
  const { expected, error } = expecting('US dollars per million tokens, 0 or more');
  return z.number({ error }).min(0, { error }).meta({ expected });
}

/** A number by which prices are multiplied. */
export function multiplier() {
  const { expected, error } = expecting('a number from 0 to 100');
  return z.number({ error }).min(0, { error }).max(100, { error }).meta({ expected });
}

/** A part of a whole. */
export function share() {
  const { expected, error } = expecting('a number from 0 to 1');
  return z.number({ error }).min(0, { error }).max(1, { error }).meta({ expected });
}

export function flag() {
  const { expected, error } = expecting('true or false');
  return z.boolean({ error }).meta({ expected });
}

export function oneOf<const Word extends string>(words: readonly [Word, ...Word[]]) {
  const { expected, error } = expecting(`one of ${words.join(', ')}`);
  return z.enum(words, { error }).meta({ expected });
}

/** `allowed` completes the sentence "expected …". */
export function text(allowed: string, pattern: RegExp) {
  const { expected, error } = expecting(allowed);
  return z.string({ error }).regex(pattern, { error }).meta({ expected });
}

/** A text that is never secret: a message shows a wrong one. */
export function name(allowed: string, pattern: RegExp) {
  return text(allowed, pattern).meta({ expected: allowed, shown: true });
}

/** A text that no message shows. */
export function secret(minimum: number) {
  const { expected, error } = expecting(minimum === 1 ? 'a text' : `at least ${minimum} characters`);
  return z.string({ error }).min(minimum, { error }).meta({ expected, secret: true });
}

export function list<Entry extends z.ZodType>(entry: Entry, allowed: string) {
  const { expected, error } = expecting(allowed);
  return z.array(entry, { error }).meta({ expected });
}

/** One value that is never secret, or several in order. Validation makes it a list in either case. */
export function oneOrMore<Entry extends z.ZodType<string>>(entry: Entry, allowed: string) {
  const { expected, error } = expecting(allowed);
  return z
    .union([entry, z.array(entry, { error }).min(1, { error })], { error })
    .meta({ shown: true })
    .transform((value) => (Array.isArray(value) ? value : [value]))
    .meta({ expected });
}

function expecting(expected: string) {
  return { expected, error: `expected ${expected}` };
}
