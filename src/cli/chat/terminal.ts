import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';

/** Lines that come this close together are one paste. */
const PASTE_MS = 25;

export interface TerminalOptions {
  prompt: string;
  complete(line: string): string[];
}

/**
 * A person at a terminal. Typing is possible while an answer is written: it is not shown then, and
 * stands at the next prompt.
 */
export class Terminal {
  private readonly gate = new Gate();
  private readonly lines: Interface;
  private readonly asked: string[] = [];
  private pasted: string[] = [];
  private pasteTimer: ReturnType<typeof setTimeout> | undefined;
  private waiting: ((message: string | undefined) => void) | undefined;
  private closed = false;
  private interrupts = 0;
  /** Called for Ctrl-C while an answer is written. */
  onInterrupt: (() => void) | undefined;

  constructor(private readonly options: TerminalOptions) {
    this.lines = createInterface({
      input: process.stdin,
      output: this.gate,
      terminal: true,
      prompt: options.prompt,
      historySize: 500,
      removeHistoryDuplicates: true,
      completer: (line: string) => [options.complete(line), line],
    });
    this.lines.on('line', (line) => this.line(line));
    this.lines.on('SIGINT', () => this.interrupt());
    this.lines.on('close', () => this.end());
    // A window that was closed: readline fails to give back a terminal that is gone, and says nothing.
    for (const stream of [process.stdin, process.stdout]) stream.on('error', () => this.end());
    process.stdin.on('end', () => this.end());
  }

  /** The next message; undefined when the person wants to leave. */
  ask(): Promise<string | undefined> {
    const queued = this.asked.shift();
    if (queued !== undefined) {
      process.stdout.write(`${this.options.prompt}${queued}\n`);
      return Promise.resolve(queued);
    }
    if (this.closed) return Promise.resolve(undefined);
    this.gate.open = true;
    this.lines.prompt(true);
    return new Promise((resolve) => {
      this.waiting = resolve;
    });
  }

  close(): void {
    this.gate.open = false;
    try {
      this.lines.close();
    } catch {
      this.end();
    }
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

  /** A paste that ends within a line waits for Enter, so that it can be completed. */
  private submit(): void {
    if (this.lines.line !== '' && this.pasted.length > 0 && !this.closed) return;
    const message = this.pasted.join('\n');
    this.pasted = [];
    const { waiting } = this;
    this.waiting = undefined;
    this.gate.open = false;
    if (waiting) waiting(message);
    else if (message.trim() !== '') this.asked.push(message);
  }

  private interrupt(): void {
    if (!this.waiting) {
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
    process.stdout.write('\n(Ctrl-C again, or Ctrl-D, leaves.)\n');
    this.lines.prompt();
  }

  private end(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.pasted.length > 0) this.submit();
    this.waiting?.(undefined);
    this.waiting = undefined;
  }
}

/** Readline's own echo, held back while an answer is written. */
class Gate extends Writable {
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

/** Asks for a secret; what is typed is not shown. Undefined when nothing was given. */
export async function askSecret(question: string): Promise<string | undefined> {
  const gate = new Gate();
  gate.open = false;
  const lines = createInterface({ input: process.stdin, output: gate, terminal: true, historySize: 0 });
  // Only now: the terminal itself would show what is typed before.
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
