import { printable, type Screen } from './conversation.ts';
import type { SessionTail } from './gateway-api.ts';

/** The last exchange is enough to remember where one was. */
const SHOWN_MESSAGES = 2;
const SHOWN_LINES = 8;

/** Says which session goes on, and shows how it ended; `shown` messages in full where it is given. */
export function showTail(
  name: string,
  { messages, more }: SessionTail,
  model: string,
  screen: Screen,
  shown?: number,
): void {
  const { style } = screen;
  const amount = `${messages.length}${more ? '+' : ''} message${messages.length === 1 && !more ? '' : 's'}`;
  if (shown === undefined) {
    screen.note(`Resuming ${style.bold(name)} (${amount}) with ${model}. /new starts afresh.\n`);
  } else {
    screen.note(`${style.bold(name)} (${amount}${more ? '; the newest are shown' : ''})\n`);
  }
  for (const { role, text } of messages.slice(-(shown ?? SHOWN_MESSAGES))) {
    const lines = printable(text).trimEnd().split('\n');
    const cut = shown === undefined && lines.length > SHOWN_LINES;
    const body = cut ? [...lines.slice(0, SHOWN_LINES), style.signs.ellipsis] : lines;
    if (role === 'user') screen.note(style.cyan(body.map((line) => `> ${line}`).join('\n')));
    else screen.note(`${style.dim(body.join('\n'))}\n`);
  }
}
