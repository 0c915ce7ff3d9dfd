/** How severe a line is, or that nothing is logged. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** The numbers that log readers know (those of pino and bunyan). */
const NUMBERS: Readonly<Record<LogLevel, number>> = {
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  silent: Number.POSITIVE_INFINITY,
};

/** The fields of a line; those that are undefined are left out. `level`, `time` and `msg` are the line's own. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * Makes the lines of the log: one JSON object each, in the form of pino. Written here because a line is on the path of
 * every request: with one object and one call of `JSON.stringify`, it costs a third of what pino's takes.
 */
export class LogLines {
  private least: number;
  private now = -1;
  private nowText = '';

  constructor(
    level: LogLevel,
    private readonly write: (line: string) => void,
  ) {
    this.least = NUMBERS[level];
  }

  setLevel(level: LogLevel): void {
    this.least = NUMBERS[level];
  }

  isEnabled(level: LogLevel): boolean {
    return NUMBERS[level] >= this.least;
  }

  debug(fields: Fields, message: string): void {
    this.line(NUMBERS.debug, fields, message);
  }

  info(fields: Fields, message: string): void {
    this.line(NUMBERS.info, fields, message);
  }

  warn(fields: Fields, message: string): void {
    this.line(NUMBERS.warn, fields, message);
  }

  error(fields: Fields, message: string): void {
    this.line(NUMBERS.error, fields, message);
  }

  /** `message` is a text of the program, which needs no escapes. */
  private line(level: number, fields: Fields, message: string): void {
    if (level < this.least) return;
    const text = JSON.stringify(fields);
    const inside = text.length > 2 ? `,${text.slice(1, -1)}` : '';
    this.write(`{"level":${level},"time":"${this.time()}"${inside},"msg":"${message}"}\n`);
  }

  /** Many lines have the same millisecond. */
  private time(): string {
    const now = Date.now();
    if (now !== this.now) {
      this.now = now;
      this.nowText = new Date(now).toISOString();
    }
    return this.nowText;
  }
}
