import type { TurnId } from '../../../src/core/ids.ts';
import { startProvider } from '../../simulators/provider/provider.ts';
import { type RecordedLog, type RecordedSession, readLog, textOf } from '../recorded.ts';
import { Calls } from './calls.ts';
import { checkAgain, checkQuestion, checkTalk, leftovers } from './checks.ts';
import { type Fate, fateOf } from './fate.ts';
import { MANNERS } from './manner.ts';
import { KILL_POINTS, type KillPoint } from './points.ts';
import type { Question, Wish } from './question.ts';
import { Site } from './site.ts';
import { Talk } from './talk.ts';

/** How many clients talk at the same time. */
const CLIENTS = 20;
/** A new conversation from time to time keeps the old ones short: all of each is read after every kill. */
const TALK_LENGTH = 30;
/** Milliseconds in which a restarted gateway is killed a second time. */
const TAKING_OVER = 80;
/** Milliseconds in which what ended turns held must be free. */
const SETTLED_WITHIN = 3_000;

export interface KillSummary {
  kills: number;
  /** Kills by the point at which they struck. */
  points: Record<string, number>;
  /** How often each point met each manner, and how many pairs there are. */
  cells: Map<string, number>;
  /** Questions that were answered, and those of them whose client lived through a kill. */
  answered: number;
  survivors: number;
  /** What became of the survivors' turns. */
  fates: Record<Fate, number>;
  /** Broken promises, each with what is needed to understand it. */
  violations: string[];
}

/**
 * Whether what is restarted after the kill is killed again while it takes over; `in the same place` is where
 * providers fail as they did before.
 */
const AGAIN = ['no', 'anywhere', 'no', 'in the same place'] as const;
type Again = (typeof AGAIN)[number];

interface Asked {
  talk: Talk;
  question: Question;
}

/**
 * Kills a gateway again and again while clients talk to it, and checks after each restart, on the same data,
 * that every client gets its whole answer, and that nothing is lost, doubled, repeated or invented.
 */
export class KillRun {
  readonly summary: KillSummary = {
    kills: 0,
    points: {},
    cells: new Map(),
    answered: 0,
    survivors: 0,
    fates: { whole: 0, rescued: 0, rerun: 0, begun: 0, closed: 0 },
    violations: [],
  };
  private readonly provider = startProvider({ keep: 100_000 });
  private readonly calls = new Calls(this.provider);
  private readonly site: Site;
  private readonly talks: Talk[];
  /** What was wrong once is wrong for the rest of its talk. */
  private readonly spoiled = new Set<Question>();
  /** Of the round. */
  private asked: Asked[] = [];
  /** The last ones of the round before. */
  private earlier: Asked[] = [];

  constructor(private readonly dataDir: string) {
    this.site = new Site(dataDir, this.provider.url);
    this.talks = MANNERS.map((manner) => new Talk(manner, this.site));
  }

  async run(kills: number, onRound: (summary: KillSummary) => void = () => {}): Promise<KillSummary> {
    try {
      await this.site.start();
      for (let round = 0; this.summary.kills < kills; round++) {
        const visit = Math.floor(round / KILL_POINTS.length);
        await this.round(
          KILL_POINTS[round % KILL_POINTS.length]!,
          this.clients(round, visit),
          AGAIN[visit % AGAIN.length]!,
        );
        onRound(this.summary);
      }
    } finally {
      await this.site.stop();
      this.provider.stop();
    }
    return this.summary;
  }

  /** One point, and the restart after it. */
  private async round(point: KillPoint, talks: Talk[], again: Again): Promise<void> {
    const { site, calls, summary } = this;
    const ask = (talk: Talk, wish?: Wish) => {
      const question = talk.ask(wish);
      this.asked.push({ talk, question });
      return question;
    };
    const before = site.kills.length;
    try {
      await point.strike({ site, calls, talks, ask });
    } catch (error) {
      this.violated(`the point was not reached: ${error}`, point);
      await site.kill();
    }
    if (again === 'in the same place') calls.rearm();
    await site.start(point.recovery);
    if (again !== 'no' && !point.repeats) {
      await Bun.sleep(Math.random() * TAKING_OVER);
      await site.kill();
      await site.start(point.recovery);
    }
    await this.answers();
    // Every session takes a further turn.
    for (const { talk } of this.newest()) ask(talk);
    await this.answers();
    for (const { manner } of talks) {
      const cell = `${point.name} ${Object.values(manner).join(' ')}`;
      summary.cells.set(cell, (summary.cells.get(cell) ?? 0) + 1);
    }
    const struck = site.kills.length - before;
    summary.kills += struck;
    summary.points[point.name] = (summary.points[point.name] ?? 0) + struck;
    await this.check(point);
    this.earlier = this.newest();
    this.asked = [];
    calls.forget();
  }

  private async answers(): Promise<void> {
    // A talk may be asked more while the answers are awaited.
    for (let known = -1; known < this.asked.length; ) {
      known = this.asked.length;
      await Promise.all(this.asked.map(({ question }) => question.done));
    }
  }

  private newest(): Asked[] {
    return [...new Map(this.asked.map((entry) => [entry.talk, entry])).values()];
  }

  private async check(point: KillPoint): Promise<void> {
    await Promise.all(
      [...this.asked, ...this.earlier].map(async ({ talk, question }) => {
        if (question.end !== 'completed') return;
        const problems = await checkAgain(talk, question).catch((error) => [
          `asked again, it fails: ${error}`,
        ]);
        for (const problem of problems) this.violated(problem, point, question);
      }),
    );
    await readLog(this.dataDir, async (log) => {
      for (const talk of new Set(this.asked.map((entry) => entry.talk))) {
        const kept = await log.sessionOf(talk);
        const questions = this.asked.filter((entry) => entry.talk === talk).map(({ question }) => question);
        for (const problem of checkTalk(talk, kept)) this.violated(problem, point, questions.at(-1));
        for (const question of questions) {
          const { turns } = talk.manner.state === 'none' ? await alone(log, question) : kept;
          const found = turns.filter(({ input }) => textOf(input) === question.user);
          this.settle(question, found[0]?.createdAt);
          const kills = this.kills(question).length;
          const { recovery = 'rescue' } = point;
          const facts = { question, found, calls: this.calls.of(question.label), kills, recovery };
          for (const problem of checkQuestion(facts)) this.violated(problem, point, question);
        }
      }
    });
    for (const problem of await this.leftovers()) this.violated(problem, point);
  }

  /** The kills between a question and now, which are those of its round. */
  private kills({ askedAt }: Question): number[] {
    return this.site.kills.filter((at) => at >= askedAt);
  }

  private settle(question: Question, createdAt?: number): void {
    const { summary } = this;
    if (question.end === 'completed') summary.answered++;
    const [kill] = this.kills(question);
    if (kill === undefined || question.endedAt < kill) return;
    summary.survivors++;
    summary.fates[fateOf(question, this.calls.of(question.label), createdAt ?? 0, kill)]++;
  }

  /** What a turn holds is given up right after its end, and not before. */
  private async leftovers(): Promise<string[]> {
    const deadline = performance.now() + SETTLED_WITHIN;
    for (;;) {
      const found = leftovers(this.dataDir);
      if (found.length === 0 || performance.now() > deadline) return found;
      await Bun.sleep(10);
    }
  }

  /** The clients of a round: others at each visit of a point. Those that have talked for long begin anew. */
  private clients(round: number, visit: number): Talk[] {
    return Array.from({ length: CLIENTS }, (_, index) => {
      const place = (round + visit * CLIENTS + index) % this.talks.length;
      const talk = this.talks[place]!;
      const isDone =
        talk.questions.length >= TALK_LENGTH || talk.questions.some((question) => this.spoiled.has(question));
      if (isDone) this.talks[place] = new Talk(talk.manner, this.site);
      return this.talks[place]!;
    });
  }

  private violated(what: string, { name }: KillPoint, question?: Question): void {
    const { summary, calls } = this;
    if (question) this.spoiled.add(question);
    const said = `${what} [kill ${summary.kills}, ${name}]`;
    if (!question) summary.violations.push(said);
    else {
      const { manner, wish, label, id, end, text, whole, requests, refusals, events } = question;
      const called = calls.of(label).map(({ context }) => context.slice(question.context.length));
      const more = {
        ...manner,
        wish,
        label,
        id,
        end,
        text,
        requests,
        refusals,
        events: events.length,
        called,
        whole,
      };
      summary.violations.push(`${said} ${JSON.stringify(more)}`);
    }
  }
}

/** The only turn of its session; none where nobody has heard of it. */
async function alone(log: RecordedLog, { id }: Question): Promise<RecordedSession> {
  return id === undefined ? { head: null, turns: [] } : log.endingIn(id as TurnId);
}
