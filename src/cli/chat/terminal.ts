import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

/** Lines that arrive within this time of each other are one paste. */
const PASTE_MS = 25;

const LONGEST_LIST = 40;

export interface TerminalOptions {
  prompt: string;
  /** The lines that a command line can become. */
  complete(line: string): string[];
}

/**
 * What Tab does. `extend`: the line becomes the longest text that all `lines` begin with; no typed character is
 * removed. `list`: the line stays, and the possible lines are shown.
 */
export type Completion = { kind: 'extend'; lines: string[] } | { kind: 'list'; lines: string[] };

/** In a message, Tab is a character: pasted text has tabs. */
export function completionOf(line: string, complete: (line: string) => string[]): Completion {
  if (!line.startsWith('/')) return { kind: 'extend', lines: [`${line}\t`] };
  const lines = complete(line);
  const typed = line.toLowerCase();
  const allBegin = lines.every((other) => other.toLowerCase().startsWith(typed));
  return { kind: lines.length < 2 || allBegin ? 'extend' : 'list', lines };
}

/**
 * Reads messages from a terminal. The user can type while an answer is written: the typed text is not shown
 * then, and appears at the next prompt.
 */
export class Terminal {
  private readonly echo = new Echo();
  private readonly lines: Interface;
  private readonly queued: string[] = [];
  private pasted: string[] = [];
  private pasteTimer: ReturnType<typeof setTimeout> | undefined;
  private resolveAsk: ((message: string | undefined) => void) | undefined;
  private closed = false;
  /** How many times in a row Ctrl-C was pressed at an empty prompt. */
  private interrupts = 0;
  /** Called for Ctrl-C while an answer is written. */
  onInterrupt: (() => void) | undefined;

  constructor(private readonly options: TerminalOptions) {
    this.lines = createInterface({
      input: process.stdin,
      output: this.echo,
      terminal: true,
      prompt: options.prompt,
      historySize: 500,
      removeHistoryDuplicates: true,
      completer: (line: string) => this.complete(line),
    });
    this.lines.on('line', (line) => this.line(line));
    this.lines.on('SIGINT', () => this.interrupt());
    this.lines.on('close', () => this.end());
    // When the window is closed, readline cannot reset the terminal and reports nothing, so listen for errors here.
    for (const stream of [process.stdin, process.stdout]) stream.on('error', () => this.end());
    process.stdin.on('end', () => this.end());
  }

  /** Resolves to the next message, or to undefined when the user ends the chat. */
  ask(): Promise<string | undefined> {
    const queued = this.queued.shift();
    if (queued !== undefined) {
      process.stdout.write(`${this.options.prompt}${queued}\n`);
      return Promise.resolve(queued);
    }
    if (this.closed) return Promise.resolve(undefined);
    this.echo.open = true;
    this.lines.prompt(true);
    return new Promise((resolve) => {
      this.resolveAsk = resolve;
    });
  }

  close(): void {
    this.echo.open = false;
    try {
      this.lines.close();
    } catch {
      this.end();
    }
  }

  private complete(line: string): [string[], string] {
    const { kind, lines } = completionOf(line, this.options.complete);
    if (kind === 'extend') return [lines, line];
    const rest = lines.length - LONGEST_LIST;
    const shown = [...lines.slice(0, LONGEST_LIST), ...(rest > 0 ? [`and ${rest} more`] : [])];
    this.echo.write(`\n${shown.join('\n')}\n`);
    this.lines.prompt(true);
    return [[], line];
  }

  private line(line: string): void {
    this.interrupts = 0;
    if (line.endsWith('\\')) {
      this.pasted.push(line.slice(0, -1));
      return;
    }
    this.pasted.push(line);
    clearTimeout(this.pasteTimer);
    this.pasteTimer = setTimeout(() => this.submit(), PASTE_MS);
  }

  /** If the paste ends inside a line, the message waits for Enter, so that the user can complete the line. */
  private submit(): void {
    if (this.lines.line !== '' && this.pasted.length > 0 && !this.closed) return;
    const message = this.pasted.join('\n');
    this.pasted = [];
    const { resolveAsk } = this;
    this.resolveAsk = undefined;
    this.echo.open = false;
    if (resolveAsk) resolveAsk(message);
    else if (message.trim() !== '') this.queued.push(message);
  }

  private interrupt(): void {
    if (!this.resolveAsk) {
      this.onInterrupt?.();
      return;
    }
    const empty = this.lines.line === '' && this.pasted.length === 0;
    this.pasted = [];
    this.lines.write(null, { ctrl: true, name: 'e' });
    this.lines.write(null, { ctrl: true, name: 'u' });
    if (!empty) {
      this.interrupts = 0;
      process.stdout.write('\n');
      this.lines.prompt();
      return;
    }
    this.interrupts++;
    if (this.interrupts > 1) {
      this.close();
      return;
    }
    process.stdout.write('\n(Press Ctrl-C again, or Ctrl-D, to end the chat.)\n');
    this.lines.prompt();
  }

  private end(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.pasted.length > 0) this.submit();
    this.resolveAsk?.(undefined);
    this.resolveAsk = undefined;
  }
}

/** Readline's output. It is dropped while an answer is written (`open` is false). */
class Echo extends Writable {
  open = true;
  readonly isTTY = true;

  constructor() {
    super();
    process.stdout.on('resize', () => this.emit('resize'));
  }

  get columns(): number {
    return process.stdout.columns || 80;
  }

  get rows(): number {
    return process.stdout.rows || 24;
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    if (this.open) process.stdout.write(chunk);
    done();
  }
}

/** Asks for a secret and does not show what is typed. Resolves to undefined when nothing is entered. */
export async function askSecret(question: string): Promise<string | undefined> {
  const echo = new Echo();
  echo.open = false;
  const lines = createInterface({ input: process.stdin, output: echo, terminal: true, historySize: 0 });
  // After createInterface: before it, the terminal itself shows what is typed.
  process.stderr.write(question);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  lines.on('line', (line) => resolve(line.trim() || undefined));
  lines.on('SIGINT', () => resolve(undefined));
  lines.on('close', () => resolve(undefined));
  const secret = await promise;
  lines.close();
  process.stderr.write('\n');
  return secret;
}
