import { isGeneratedImage } from '../core/generated-images.ts';
import type { Item, Part } from '../core/items.ts';

/**
 * The estimated tokens of a text. Estimates are made once, when an item is appended
 * (`docs/adr/0004-token-estimates.md`). Where a provider reports its own count, this is used instead.
 *
 * The weights are fitted to the tokenizer o200k, for words of ASCII and of other alphabets, punctuation and
 * digits, and CJK. A change of case, or between letters and digits, begins a new token inside a word. This holds
 * for code and for encoded data.
 */
export function estimateTokens(text: string): number {
  let tokens = 0;
  let before = Kind.space;
  for (let i = 0; i < text.length; i++) {
    const kind = kindOf(text.charCodeAt(i));
    tokens += kind === before ? FURTHER[kind]! : WEIGHTS[kind]!;
    if (kind !== before && before !== Kind.space && isChange(before, kind)) tokens += PER_CHANGE;
    before = kind;
  }
  return Math.ceil(tokens);
}

enum Kind {
  space,
  lower,
  upper,
  digit,
  mark,
  alphabet,
  wide,
}

/** Tokens per character, by kind. */
const WEIGHTS = [0.215, 0.215, 0.27, 0.5, 0.62, 0.31, 0.9];
/** Of a character after one of the same kind: runs of spaces, and of punctuation as in JSON, are often one token. */
const FURTHER = [0.06, 0.215, 0.27, 0.5, 0.33, 0.31, 0.9];
const PER_CHANGE = 0.6;

function kindOf(code: number): Kind {
  if (code < 128) return ASCII_KINDS[code]!;
  return code < 0x2e80 ? Kind.alphabet : Kind.wide;
}

/** A table, because every character of a prompt is looked at. */
const ASCII_KINDS = Uint8Array.from({ length: 128 }, (_, code) => asciiKindOf(code));

function asciiKindOf(code: number): Kind {
  if (code >= 97 && code <= 122) return Kind.lower;
  if (code <= 32) return Kind.space;
  if (code >= 65 && code <= 90) return Kind.upper;
  return code >= 48 && code <= 57 ? Kind.digit : Kind.mark;
}

/** Lower to upper case, or a letter beside a digit. */
function isChange(before: Kind, now: Kind): boolean {
  if (before > Kind.digit || now > Kind.digit) return false;
  return before === Kind.digit || now === Kind.digit || (before === Kind.lower && now === Kind.upper);
}

/** Tokens of an item besides its text: its role and delimiters. */
const PER_ITEM = 4;
/** Tokens of a high-detail image of common size. Providers count 258 to about 1,600. */
const PER_IMAGE = 1_000;
/** Characters of base64 per token of a document. Providers extract its text or render its pages. */
const BASE64_PER_TOKEN = 12;

/** The tokens of a text: estimated, or counted by a tokenizer. */
type TextTokens = (text: string) => number;

/** The tokens of an item; images, files and recordings are estimated, whatever `count` is. */
export function itemTokens(item: Item, count: TextTokens = estimateTokens): number {
  switch (item.type) {
    case 'message':
      return PER_ITEM + partsTokens(item.content, count);
    case 'function_call':
      return PER_ITEM + count(item.name) + count(item.arguments);
    case 'function_call_output':
      return (
        PER_ITEM + (typeof item.output === 'string' ? count(item.output) : partsTokens(item.output, count))
      );
    case 'reasoning':
      return (
        PER_ITEM + [...item.summary, ...(item.content ?? [])].reduce((sum, part) => sum + count(part.text), 0)
      );
    default:
      if (isGeneratedImage(item)) return PER_ITEM + PER_IMAGE;
      return PER_ITEM + count(JSON.stringify(item));
  }
}

/** The estimated tokens of items. */
export function itemsTokens(items: readonly Item[]): number {
  return items.reduce((sum, item) => sum + itemTokens(item), 0);
}

function partsTokens(parts: readonly Part[], count: TextTokens): number {
  return parts.reduce((sum, part) => sum + partTokens(part, count), 0);
}

function partTokens(part: Part, count: TextTokens): number {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
      return count(part.text);
    case 'refusal':
      return count(part.refusal);
    case 'input_image':
      return PER_IMAGE;
    case 'input_file':
      return Math.ceil((part.file_data?.length ?? 0) / BASE64_PER_TOKEN) + PER_IMAGE;
    case 'input_audio':
      return Math.ceil(part.input_audio.data.length / BASE64_PER_TOKEN);
    default:
      return count(JSON.stringify(part));
  }
}

/** The tokens of the definitions of tools. */
export function toolsTokens(tools: readonly unknown[] = [], count: TextTokens = estimateTokens): number {
  return tools.reduce<number>((sum, tool) => sum + count(JSON.stringify(tool)), 0);
}

const MEDIA = new Set(['input_image', 'input_file', 'input_audio']);

/** Whether the tokens of an item depend on more than its text, so that they are only guessed. */
export function isGuessed(item: Item): boolean {
  if (item.type === 'message') return item.content.some(({ type }) => MEDIA.has(type));
  if (item.type === 'function_call_output') {
    return typeof item.output !== 'string' && item.output.some(({ type }) => MEDIA.has(type));
  }
  // Reasoning may be encrypted, and other items are of tools that run at a provider.
  return item.type !== 'function_call' && (item.type !== 'reasoning' || Boolean(item.encrypted_content));
}
