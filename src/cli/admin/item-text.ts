import type { Style } from '../style.ts';

/** An item of a conversation for a terminal: who said what. Tools and thoughts take one line. */
export function itemText(item: Record<string, unknown>, style: Style): string {
  switch (item.type) {
    case 'message':
      return `${style.bold(String(item.role))}: ${lines(partsText(item.content))}`;
    case 'reasoning':
      return style.dim(`thought: ${oneLine(partsText(item.content) || partsText(item.summary))}`);
    case 'function_call':
      return style.cyan(`call ${oneLine(String(item.name))} ${oneLine(String(item.arguments))}`);
    case 'function_call_output':
      return style.dim(
        `output ${oneLine(typeof item.output === 'string' ? item.output : partsText(item.output))}`,
      );
    default:
      return style.dim(oneLine(String(item.type)));
  }
}

const LONGEST_LINE = 160;

function partsText(parts: unknown): string {
  if (!Array.isArray(parts)) return '';
  return parts.map((part) => part.text ?? part.refusal ?? `[${part.type}]`).join('');
}

/** Without control characters, which a terminal would obey; lines stay. */
const lines = (text: string): string => text.replace(/(?!\n)[\p{Cc}\p{Cf}]/gu, ' ');

function oneLine(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return plain.length > LONGEST_LINE ? `${plain.slice(0, LONGEST_LINE)}…` : plain;
}
