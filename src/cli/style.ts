/** How a text looks on one output: coloured or plain, with the marks that its character set has. */
export interface Style {
  dim(text: string): string;
  bold(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
  /** Marks of a finding, and the signs around text; plain ASCII outside UTF-8. */
  signs: { ok: string; warn: string; bad: string; note: string; dot: string; ellipsis: string };
}

type Env = Readonly<Record<string, string | undefined>>;

const UNICODE: Style['signs'] = { ok: '✓', warn: '!', bad: '✗', note: '·', dot: '·', ellipsis: '…' };
const ASCII: Style['signs'] = { ok: '+', warn: '!', bad: 'x', note: '-', dot: '-', ellipsis: '...' };

/** Colours only for a terminal and without `NO_COLOR` (no-color.org). */
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
    signs: speaksUtf8(env) ? UNICODE : ASCII,
  };
}

function speaksUtf8(env: Env): boolean {
  if (process.platform === 'win32') return true;
  return /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '');
}
