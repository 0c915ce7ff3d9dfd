import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { styleFor } from '../style.ts';
import type { Screen } from './conversation.ts';
import { WordWrap } from './word-wrap.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The screen of a user at a terminal: answers and notes together. */
export function terminalScreen(env: Env): Screen {
  const write = (words: string) => {
    process.stdout.write(words);
  };
  const style = styleFor(process.stdout, env);
  const wrap = new WordWrap(write, () => process.stdout.columns || Number.MAX_SAFE_INTEGER);
  return {
    answer: (words) => wrap.push(words),
    note(words) {
      wrap.flush();
      write(`${words}\n`);
    },
    // Cut to one row, because only the last row can be rewritten.
    progress:
      env.TERM !== 'dumb'
        ? (words) => write(`\r\u001b[K${style.dim(words.slice(0, Math.max(0, process.stdout.columns - 1)))}`)
        : undefined,
    interactive: true,
    style,
  };
}

/** The screen of a script: standard output has only the answers, standard error has the notes. */
export function scriptScreen(env: Env): Screen {
  return {
    answer: (words) => process.stdout.write(words),
    note: (words) => process.stderr.write(`${words.trimEnd()}\n`),
    interactive: false,
    style: styleFor(process.stderr, env),
  };
}

/** Each line that is not blank. */
export async function* messagesOf(input: NodeJS.ReadableStream): AsyncGenerator<string> {
  for await (const line of createInterface({ input })) {
    if (line.trim() !== '') yield line;
  }
}

export const wholeText = (input: NodeJS.ReadableStream): Promise<string> => text(input);
