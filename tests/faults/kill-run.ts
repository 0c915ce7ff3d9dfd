import { responseId, type TurnId } from '../../src/core/ids.ts';
import type { Turn } from '../../src/core/turn.ts';
import { type SpawnedGateway, spawnGateway } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { KILL_POINTS, type KillPoint } from './kill-points.ts';
import { branchOf, journalFiles, readJournal, readLog, saidOn, textOf } from './recorded.ts';
import { type Attempt, type Manner, Talk } from './talk.ts';
import { Upstream } from './upstream.ts';

const MANNERS: Manner[] = (['groq', 'anthropic'] as const).flatMap((provider) =>
  [true, false].flatMap((stream) =>
    (['chat', 'responses'] as const).map((dialect) => ({ dialect, stream, provider })),
  ),
);

/** A new conversation from time to time keeps the old ones from being cut to the model's window. */
const TALK_LENGTH = 200;

/** What became of the attempts that no client saw completed. */
export interface Fates {
  /** Not in the log: the kill came before its intent. */
  unknown: number;
  /** Closed with no text. */
  empty: number;
  /** Closed with a part of the text. */
  partial: number;
  /** Whole in the log, though its client never learned of it. */
  unheard: number;
}

export interface KillSummary {
  kills: number;
  byPoint: Record<string, number>;
  acknowledged: number;
  fates: Fates;
  /** Broken promises, each with what is needed to understand it. */
  violations: string[];
}

/**
 * Kills a gateway again and again while clients talk to it, and checks after each restart, on the same
 * data, that nothing was lost, doubled or invented. Every round's restart is the next round's gateway.
 */
export class KillRun {
  private readonly upstream = new Upstream(startProvider({ keep: 100_000 }));
  private gateway: SpawnedGateway | undefined;
  private readonly retired: Talk[] = [];
  private talks = MANNERS.map((manner) => new Talk(manner));
  private unchecked: { talk: Talk; attempt: Attempt }[] = [];
  private readonly summary: KillSummary = {
    kills: 0,
    byPoint: {},
    acknowledged: 0,
    fates: { unknown: 0, empty: 0, partial: 0, unheard: 0 },
    violations: [],
  };

  constructor(private readonly dataDir: string) {}

  async run(kills: number, onKill: (summary: KillSummary) => void = () => {}): Promise<KillSummary> {
    try {
      await this.start();
      for (let kill = 0; kill < kills; kill++) {
        await this.round(KILL_POINTS[kill % KILL_POINTS.length]!);
        onKill(this.summary);
      }
      for (const talk of [...this.talks, ...this.retired]) {
        for (const attempt of talk.attempts) this.unchecked.push({ talk, attempt });
      }
      await this.checkLog(new Map(), 'known');
    } finally {
      await this.gateway?.stop();
      this.upstream.provider.stop();
    }
    return this.summary;
  }

  /** One kill, and the restart after it. */
  private async round(point: KillPoint): Promise<void> {
    const gateway = this.gateway!;
    await this.calmTurns(gateway);
    const before = this.talks.map(({ attempts }) => attempts.length);
    await point.strike({ gateway, talks: this.talks, upstream: this.upstream });
    await gateway.stop();
    this.talks.forEach((talk, index) => {
      for (const attempt of talk.attempts.slice(before[index])) this.unchecked.push({ talk, attempt });
    });
    this.summary.kills++;
    this.summary.byPoint[point.name] = (this.summary.byPoint[point.name] ?? 0) + 1;
    const journaled = readJournal(this.dataDir);
    await this.start();
    const left = journalFiles(this.dataDir);
    if (
      left.some((name) => name.endsWith('.log')) ||
      left.filter((name) => name.endsWith('.lock')).length !== 1
    )
      this.violated(`the restart left a journal behind: ${left.join(' ')}`);
    await this.checkLog(journaled, 'new');
    this.upstream.forget();
    this.renewTalks();
  }

  private async start(): Promise<void> {
    this.gateway = await spawnGateway({ dataDir: this.dataDir, provider: this.upstream.provider.url });
  }

  /** Every session must take a next turn, and its provider must be sent the whole of what was said. */
  private async calmTurns(gateway: SpawnedGateway): Promise<void> {
    const turns = this.talks.map(async (talk) => ({ talk, attempt: await talk.turn(gateway) }));
    for (const { talk, attempt } of await Promise.all(turns)) {
      this.unchecked.push({ talk, attempt });
      if (!attempt.completed) this.violated('a session took no further turn', talk, attempt);
    }
  }

  /** `new` attempts are settled once they have been checked; `known` ones have been. */
  private async checkLog(journaled: Map<TurnId, string>, attempts: 'new' | 'known'): Promise<void> {
    await readLog(this.dataDir, async (log) => {
      const known = new Set<TurnId>();
      for (const talk of new Set(this.unchecked.map((entry) => entry.talk))) {
        const session = await log.sessionOf(talk);
        for (const { id } of session.turns) known.add(id);
        for (const entry of this.unchecked) {
          if (entry.talk !== talk) continue;
          const found = session.turns.filter(({ input }) => textOf(input) === entry.attempt.user);
          this.checkAttempt(talk, entry.attempt, found, journaled);
          if (attempts === 'new') this.settle(talk, entry.attempt, found[0]);
        }
        const said = saidOn(branchOf(await log.sessionOf(talk)));
        if (!Bun.deepEquals(said, talk.history)) this.violated('the branch is not what was said', talk);
      }
      for (const turn of journaled.keys()) {
        if (!known.has(turn)) this.violated(`turn ${turn} was journaled and is not in the log`);
      }
    });
    this.unchecked = [];
  }

  private checkAttempt(talk: Talk, attempt: Attempt, found: Turn[], journaled: Map<TurnId, string>): void {
    const bad = (what: string) => this.violated(what, talk, attempt, found);
    if (found.length > 1) bad('a turn is in the log more than once');
    const sent = this.upstream.contextOf(attempt.user);
    if (sent && !Bun.deepEquals(sent, attempt.context)) bad(`the provider was sent ${JSON.stringify(sent)}`);
    if (!attempt.answer.startsWith(attempt.seen)) bad('the client saw what the provider did not say');
    const [turn] = found;
    if (!turn) {
      if (attempt.completed) bad('an acknowledged turn is lost');
      if (sent || attempt.response) bad('a turn that had begun is lost');
      return;
    }
    const text = textOf(turn.output);
    if (!text.startsWith(attempt.seen)) bad('the client saw what is not recorded');
    if (attempt.completed && text !== attempt.seen) bad('more is recorded than was acknowledged');
    if (attempt.response && attempt.response !== responseId(turn.id)) bad('the turn has another id');
    if (turn.state === 'completed') {
      if (text !== attempt.answer) bad('a turn is recorded as completed and is not whole');
    } else {
      if (attempt.completed) bad('an acknowledged turn is not completed in the log');
      if (turn.state !== 'incomplete') bad(`an unfinished turn is recorded as ${turn.state}`);
      const expected = journaled.get(turn.id);
      if (expected !== undefined && text !== expected) bad(`journaled was "${expected}"`);
    }
  }

  /** Tells a client what became of an attempt, as it would find out by asking. */
  private settle(talk: Talk, attempt: Attempt, turn: Turn | undefined): void {
    const { fates } = this.summary;
    if (attempt.completed) {
      this.summary.acknowledged++;
      return;
    }
    const text = turn ? textOf(turn.output) : '';
    if (!turn) fates.unknown++;
    else if (turn.state === 'completed') fates.unheard++;
    else if (text === '') fates.empty++;
    else fates.partial++;
    // A session goes on from what was said in it; a chain from the last response that its client knows.
    const goesOn = talk.manner.dialect === 'chat' ? text !== '' : attempt.response !== undefined;
    if (turn && goesOn) talk.remember(attempt.user, text, attempt.response);
  }

  private renewTalks(): void {
    this.talks = this.talks.map((talk) => {
      if (talk.attempts.length < TALK_LENGTH) return talk;
      this.retired.push(talk);
      return new Talk(talk.manner);
    });
  }

  private violated(what: string, talk?: Talk, attempt?: Attempt, found?: Turn[]): void {
    const recorded = found?.map(({ id, state, parent, output }) => ({
      id,
      state,
      parent,
      text: textOf(output),
    }));
    const detail = { kill: this.summary.kills, ...talk?.manner, attempt, recorded };
    this.summary.violations.push(`${what}: ${JSON.stringify(detail)}`);
  }
}
