/** How text looks on one output: with or without colour, with Unicode or ASCII signs. */
export interface Style {
  dim(text: string): string;
  bold(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  /** The marks of findings and of notes. Plain ASCII when the locale is not UTF-8. */
  signs: { ok: string; warn: string; bad: string; note: string; dot: string; ellipsis: string };
}

type Env = Readonly<Record<string, string | undefined>>;

const UNICODE: Style['signs'] = { ok: '✓', warn: '!', bad: '✗', note: '·', dot: '·', ellipsis: '…' };
const ASCII: Style['signs'] = { ok: '+', warn: '!', bad: 'x', note: '-', dot: '-', ellipsis: '...' };

/** Uses colours only on a terminal, and not when `NO_COLOR` is set (no-color.org). */
export function styleFor(output: { isTTY?: boolean }, env: Env): Style {
  const coloured = output.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  const paint = (open: number, close: number) => (text: string) =>
    coloured && text !== '' ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    dim: paint(2, 22),
    bold: paint(1, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
    signs: isUtf8(env) ? UNICODE : ASCII,
  };
}

function isUtf8(env: Env): boolean {
  if (process.platform === 'win32') return true;
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '');
}
