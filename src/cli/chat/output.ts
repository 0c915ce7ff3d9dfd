import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { styleFor } from '../style.ts';
import type { Screen } from './conversation.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** For a person: all on one screen. */
export function terminalScreen(env: Env): Screen {
  const write = (words: string) => process.stdout.write(words);
  return {
    answer: write,
    note: (words) => write(`${words}\n`),
    progress: process.stdout.isTTY ? (words) => write(`\r\u001b[K${words}`) : undefined,
    style: styleFor(process.stdout, env),
  };
}

/** For programs: standard output has the answers and nothing else. */
export function writtenScreen(env: Env): Screen {
  return {
    answer: (words) => process.stdout.write(words),
    note: (words) => process.stderr.write(`${words.trimEnd()}\n`),
    style: styleFor(process.stderr, env),
  };
}

/** Each line that has something in it. */
export async function* messagesOf(input: NodeJS.ReadableStream): AsyncGenerator<string> {
  for await (const line of createInterface({ input })) {
    if (line.trim() !== '') yield line;
  }
}

export const wholeText = (input: NodeJS.ReadableStream): Promise<string> => text(input);
