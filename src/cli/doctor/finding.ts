/** How things stand: `bad` keeps the gateway from working and makes the exit code 1. */
export type Level = 'ok' | 'note' | 'warn' | 'bad';

/** One thing that was looked at. */
export interface Finding {
  level: Level;
  /** What was looked at: `port`, `database`, `openai`. */
  subject: string;
  message: string;
  /** What to do; every `warn` and `bad` has one. */
  remedy?: string;
}

export interface Section {
  title: string;
  findings: Finding[];
}

export type Env = Readonly<Record<string, string | undefined>>;
