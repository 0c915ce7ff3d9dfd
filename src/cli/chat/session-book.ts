import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';

const entrySchema = z.object({
  name: z.string(),
  /** The gateway that has the session: `local` for the configured one, else its URL. */
  gateway: z.string(),
  /** The model of the last turn. */
  model: z.string().optional(),
  /** The start of the first message. */
  title: z.string().default(''),
  turns: z.number().default(0),
  tokens: z.number().default(0),
  /** US dollars. */
  cost: z.number().default(0),
  /** A part of the cost is not exact. */
  estimated: z.boolean().default(false),
  /** Milliseconds since 1970. */
  lastUsed: z.number(),
});

const bookSchema = z.object({ sessions: z.array(entrySchema) });

/** What the chat stores about one of its sessions. The gateway stores the messages. */
export type BookEntry = z.output<typeof entrySchema>;

/** What one turn adds to a session's entry. */
export interface NotedTurn {
  name: string;
  model: string;
  /** The user's message. */
  text: string;
  tokens: number;
  cost: number;
  estimated?: boolean;
  at: number;
}

const TITLE_LENGTH = 60;

/**
 * The chat's own list of sessions, in one small file, because OpenAI's API cannot list conversations. If the
 * file is lost, no message is lost: `--session <name>` still opens each session.
 */
export class SessionBook {
  constructor(
    private readonly path: string,
    private readonly gateway: string,
  ) {}

  /** Newest first. */
  list(): BookEntry[] {
    return this.read()
      .filter(({ gateway }) => gateway === this.gateway)
      .sort((a, b) => b.lastUsed - a.lastUsed);
  }

  find(name: string): BookEntry | undefined {
    return this.list().find((entry) => entry.name === name);
  }

  /** Adds a turn to its session's entry. Reads the file first, because another chat may have changed it. */
  note(turn: NotedTurn): void {
    const all = this.read();
    const known = all.find(({ name, gateway }) => name === turn.name && gateway === this.gateway);
    const { name, model, at } = turn;
    const entry: BookEntry = {
      name,
      gateway: this.gateway,
      model,
      title: known?.title || titleOf(turn.text),
      turns: (known?.turns ?? 0) + 1,
      tokens: (known?.tokens ?? 0) + turn.tokens,
      cost: (known?.cost ?? 0) + turn.cost,
      estimated: turn.estimated === true || known?.estimated === true,
      lastUsed: at,
    };
    this.write([entry, ...all.filter((other) => other !== known)]);
  }

  private read(): BookEntry[] {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch {
      return [];
    }
    try {
      return bookSchema.parse(JSON.parse(text)).sessions;
    } catch {
      renameSync(this.path, `${this.path}.unreadable`);
      return [];
    }
  }

  private write(sessions: BookEntry[]): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const draft = `${this.path}.${process.pid}`;
    writeFileSync(draft, `${JSON.stringify({ sessions }, null, 2)}\n`, { mode: 0o600 });
    renameSync(draft, this.path);
  }
}

function titleOf(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  return line.length > TITLE_LENGTH ? `${line.slice(0, TITLE_LENGTH - 1).trimEnd()}…` : line;
}

/** A name for a new session: date and time, so that names sort by age and are readable weeks later. */
export function freshName(at: Date, taken: ReadonlySet<string>): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const base = `${day}-${two(at.getHours())}${two(at.getMinutes())}`;
  let name = base;
  for (let count = 2; taken.has(name); count++) name = `${base}-${count}`;
  return name;
}
