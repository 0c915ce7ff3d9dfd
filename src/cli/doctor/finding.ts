/** How serious a finding is. `bad` keeps the gateway from working and makes the exit code 1. */
export type Level = 'ok' | 'note' | 'warn' | 'bad';

/** The result of one check. */
export interface Finding {
  level: Level;
  /** What was checked: `Port`, `Database`, `openai`. */
  subject: string;
  message: string;
  /** What the operator should do. Every `warn` and `bad` has one. */
  remedy?: string;
}

export interface Section {
  title: string;
  findings: Finding[];
}

export type Env = Readonly<Record<string, string | undefined>>;
