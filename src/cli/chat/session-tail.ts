import { printable, type Screen } from './conversation.ts';
import type { SessionTail } from './gateway-api.ts';

/** The last question and its answer remind the user of the session. */
const SHOWN_MESSAGES = 2;
const SHOWN_LINES = 8;

/**
 * Shows the end of a session. With `shown`: that many messages, in full. Without it: says that the session
 * continues, and shows the start of its last messages.
 */
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
    screen.note(`Resuming ${style.bold(name)} (${amount}) with ${model}. /new begins a new session.\n`);
  } else {
    screen.note(`${style.bold(name)} (${amount}${more ? '; only the newest are shown' : ''})\n`);
  }
  for (const { role, text } of messages.slice(-(shown ?? SHOWN_MESSAGES))) {
    const lines = printable(text).trimEnd().split('\n');
    const cut = shown === undefined && lines.length > SHOWN_LINES;
    const body = cut ? [...lines.slice(0, SHOWN_LINES), style.signs.ellipsis] : lines;
    if (role === 'user') screen.note(style.cyan(body.map((line) => `> ${line}`).join('\n')));
    else screen.note(`${style.dim(body.join('\n'))}\n`);
  }
}
