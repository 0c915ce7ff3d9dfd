import { SQLiteError } from 'bun:sqlite';
import type { Surveyor } from '../../../session/survey-store.ts';
import { Statements } from '../statements.ts';
import { Phrases } from './phrases.ts';
import { openSurvey, shrink } from './survey-file.ts';
import type { SurveyCalls, SurveyReply, SurveyRequest } from './survey-protocol.ts';
import { SurveyReader } from './survey-reader.ts';
import { SurveyWriter } from './survey-writer.ts';
import { Terms } from './terms.ts';

/** How often the thread looks for news in the log, in milliseconds. */
const LOOK_EVERY_MS = 1_000;

/** Another process may take the same step: what it has done is there at the next look. */
const BUSY_PAUSE_MS = 5;
const BUSY_MS = 5_000;
const isBusy = (error: unknown): boolean =>
  error instanceof SQLiteError && error.code?.startsWith('SQLITE_BUSY') === true;

interface Port {
  postMessage(message: SurveyReply): void;
  onmessage: ((event: MessageEvent<SurveyRequest>) => void) | null;
}

/**
 * The survey's thread. It follows the log and answers questions; between two steps it answers what was asked
 * meanwhile. A failure to follow is tried again: the log keeps what the survey has not seen.
 */
export function serveSurvey(port: Port, surveyor: Surveyor): void {
  let parts: ReturnType<typeof open> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waiting: PromiseWithResolvers<void>[] = [];
  /** Since when another process has been faster with each step. */
  let busySince: number | undefined;

  const catchUp = () => {
    clearTimeout(timer);
    if (!parts) return;
    const asked = waiting;
    let isBehind = false;
    try {
      isBehind = parts.writer.step();
      if (!isBehind) {
        waiting = [];
        for (const { resolve } of asked) resolve();
        parts.shrink();
      }
      busySince = undefined;
    } catch (error) {
      busySince ??= performance.now();
      if (isBusy(error) && performance.now() - busySince < BUSY_MS) {
        timer = setTimeout(catchUp, BUSY_PAUSE_MS);
        return;
      }
      busySince = undefined;
      waiting = [];
      for (const { reject } of asked) reject(error);
    }
    if (isBehind || parts.follows) timer = setTimeout(catchUp, isBehind ? 0 : LOOK_EVERY_MS);
  };
  const refreshed = () => {
    const done = Promise.withResolvers<void>();
    waiting.push(done);
    clearTimeout(timer);
    timer = setTimeout(catchUp, 0);
    return done.promise;
  };

  const answer = async ({ name, args }: SurveyRequest): Promise<unknown> => {
    if (name === 'open') {
      const [files] = args as Parameters<SurveyCalls['open']>;
      parts = open(files, surveyor);
      if (files.follows) timer = setTimeout(catchUp, 0);
      return undefined;
    }
    if (!parts) throw new Error('The survey is not open.');
    const { reader, writer } = parts;
    switch (name) {
      case 'refresh':
        return refreshed();
      case 'rebuild':
        writer.forgetEverything();
        return refreshed();
      case 'count':
        return writer.count(...(args as Parameters<SurveyCalls['count']>));
      case 'change':
        return writer.change;
      case 'close':
        clearTimeout(timer);
        parts.close();
        parts = undefined;
        return undefined;
      default:
        return (reader[name] as (...args: unknown[]) => unknown).apply(reader, args);
    }
  };

  port.onmessage = async ({ data }) => {
    const { number } = data;
    try {
      port.postMessage({ number, value: await answer(data) });
    } catch (error) {
      port.postMessage({ number, failure: error instanceof Error ? error.message : String(error) });
    }
  };
}

function open({ path, logPath, follows }: Parameters<SurveyCalls['open']>[0], surveyor: Surveyor) {
  const db = openSurvey(path, logPath);
  const statements = new Statements(db);
  const terms = new Terms(statements);
  return {
    reader: new SurveyReader(statements, terms, surveyor, new Phrases(db, statements)),
    writer: new SurveyWriter(db, statements, terms, surveyor),
    follows,
    /** One process is enough for it. */
    shrink: follows ? () => shrink(db) : () => {},
    close() {
      statements.finalize();
      db.close();
    },
  };
}
