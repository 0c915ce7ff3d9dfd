import type { TurnId } from '../../../src/core/ids.ts';
import { startProvider } from '../../simulators/provider/provider.ts';
import { type RecordedLog, type RecordedSession, readLog, textOf } from '../recorded.ts';
import { Calls } from './calls.ts';
import { checkConversation, checkQuestion, checkRepetition, leftovers } from './checks.ts';
import { CLIENT_KINDS } from './client-kind.ts';
import { Conversation } from './conversation.ts';
import { type Fate, fateOf } from './fate.ts';
import { type KillPoint, killPointsFor } from './points.ts';
import type { Question, Scenario } from './question.ts';
import { type Kill, RestartingGateway } from './restarting-gateway.ts';

/** How many clients ask at the same time. */
const CLIENTS = 20;
/** How many questions a conversation has at most. Each kill reads whole conversations, so they must stay short. */
const CONVERSATION_LENGTH = 30;
/** A second kill happens within this time after the restart, in milliseconds. */
const TAKEOVER_MS = 80;
/** Ended turns must have released their resources within this time, in milliseconds. */
const RELEASED_WITHIN_MS = 3_000;

export interface KillSummary {
  kills: number;
  /** The number of kills at each point. */
  points: Record<string, number>;
  /** How often each pair of kill point and client kind was tested. */
  cells: Map<string, number>;
  /** How many questions were answered. `survivors`: those that were open during a kill. */
  answered: number;
  survivors: number;
  /** What happened to the turns of the survivors. */
  fates: Record<Fate, number>;
  /** The broken guarantees, each with the facts to understand it. */
  violations: string[];
}

/**
 * Whether the restarted gateway is killed again while it takes over. `same faults`: the providers also fail again as
 * they did before the kill.
 */
const SECOND_KILLS = ['no', 'anywhere', 'no', 'same faults'] as const;
type SecondKill = (typeof SECOND_KILLS)[number];

interface Asked {
  conversation: Conversation;
  question: Question;
}

/**
 * Kills a gateway again and again while clients use it. After each restart on the same data, it checks that every
 * client gets its whole answer, and that nothing is lost, stored twice, executed twice or invented.
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
  private readonly server: RestartingGateway;
  private readonly conversations: Conversation[];
  /** Questions with violations. Their conversations are not used again. */
  private readonly violating = new Set<Question>();
  /** The questions of this round. */
  private asked: Asked[] = [];
  /** The last question of each conversation in the previous round. */
  private previous: Asked[] = [];

  constructor(
    private readonly dataDir: string,
    workers = 1,
  ) {
    this.server = new RestartingGateway(dataDir, this.provider.url, workers);
    this.conversations = CLIENT_KINDS.map((clientKind) => new Conversation(clientKind, this.server));
  }

  async run(kills: number, onRound: (summary: KillSummary) => void = () => {}): Promise<KillSummary> {
    const points = killPointsFor(this.server.workers);
    try {
      await this.server.start();
      for (let round = 0; this.summary.kills < kills; round++) {
        const visit = Math.floor(round / points.length);
        await this.round(
          points[round % points.length]!,
          this.clients(round, visit),
          SECOND_KILLS[visit % SECOND_KILLS.length]!,
        );
        onRound(this.summary);
      }
    } finally {
      await this.server.stop();
      this.provider.stop();
    }
    return this.summary;
  }

  /** Kills the gateway at one point, restarts it, and checks. */
  private async round(
    point: KillPoint,
    conversations: Conversation[],
    secondKill: SecondKill,
  ): Promise<void> {
    const { server, calls, summary } = this;
    const ask = (conversation: Conversation, scenario?: Scenario) => {
      const question = conversation.ask(scenario);
      this.asked.push({ conversation, question });
      return question;
    };
    const before = server.kills.length;
    try {
      await point.reachAndKill({ server, calls, conversations, ask });
    } catch (error) {
      this.violated(`the point was not reached: ${error}`, point);
      await server.kill();
    }
    // A fault that happens again needs a second kill: no gateway waits for a stalled provider within the test's time.
    if (secondKill === 'same faults' && !point.repeats) calls.rearm();
    await server.start(point.recovery);
    if (secondKill !== 'no' && !point.repeats) {
      await Bun.sleep(Math.random() * TAKEOVER_MS);
      await server.kill();
      // A process that was killed before it called a provider leaves the fault to the next one, which is not killed.
      if (secondKill === 'same faults') calls.disarm();
      await server.start(point.recovery);
    }
    await this.awaitAnswers();
    // Every session must accept another turn.
    for (const { conversation } of this.newest()) ask(conversation);
    await this.awaitAnswers();
    for (const { clientKind } of conversations) {
      const cell = `${point.name} ${Object.values(clientKind).join(' ')}`;
      summary.cells.set(cell, (summary.cells.get(cell) ?? 0) + 1);
    }
    const kills = server.kills.length - before;
    summary.kills += kills;
    summary.points[point.name] = (summary.points[point.name] ?? 0) + kills;
    await this.check(point);
    this.previous = this.newest();
    this.asked = [];
    calls.forget();
  }

  private async awaitAnswers(): Promise<void> {
    // More questions may be asked while the answers are awaited.
    for (let known = -1; known < this.asked.length; ) {
      known = this.asked.length;
      await Promise.all(this.asked.map(({ question }) => question.done));
    }
  }

  private newest(): Asked[] {
    return [...new Map(this.asked.map((entry) => [entry.conversation, entry])).values()];
  }

  private async check(point: KillPoint): Promise<void> {
    await Promise.all(
      [...this.asked, ...this.previous].map(async ({ conversation, question }) => {
        if (question.end !== 'completed') return;
        const problems = await checkRepetition(conversation, question).catch((error) => [
          `the repeated request fails: ${error}`,
        ]);
        for (const problem of problems) this.violated(problem, point, question);
      }),
    );
    await readLog(this.dataDir, async (log) => {
      for (const conversation of new Set(this.asked.map((entry) => entry.conversation))) {
        const stored = await log.sessionOf(conversation);
        const questions = this.asked
          .filter((entry) => entry.conversation === conversation)
          .map(({ question }) => question);
        for (const problem of checkConversation(conversation, stored))
          this.violated(problem, point, questions.at(-1));
        for (const question of questions) {
          const { turns } =
            conversation.clientKind.state === 'none' ? await sessionOfOne(log, question) : stored;
          const found = turns.filter(({ input }) => textOf(input) === question.user);
          this.count(question);
          const kills = this.kills(question).length;
          const { recovery = 'rescue' } = point;
          const facts = { question, found, calls: this.calls.of(question.label), kills, recovery };
          for (const problem of checkQuestion(facts)) this.violated(problem, point, question);
        }
      }
    });
    for (const problem of await this.leftovers()) this.violated(problem, point);
  }

  /** The kills since a question was asked. */
  private kills({ askedAt }: Question): Kill[] {
    return this.server.kills.filter(({ at }) => at >= askedAt);
  }

  private count(question: Question): void {
    const { summary } = this;
    if (question.end === 'completed') summary.answered++;
    const [kill] = this.kills(question);
    if (kill === undefined || question.endedAt < kill.at) return;
    summary.survivors++;
    summary.fates[fateOf(question, this.calls.of(question.label), kill.at)]++;
  }

  /** Resources that ended turns still hold. They are released shortly after the end, so this waits for that. */
  private async leftovers(): Promise<string[]> {
    const deadline = performance.now() + RELEASED_WITHIN_MS;
    for (;;) {
      const found = leftovers(this.dataDir, this.server.workers);
      if (found.length === 0 || performance.now() > deadline) return found;
      await Bun.sleep(10);
    }
  }

  /** The conversations of a round. Each visit of a point uses other ones. Long conversations are replaced. */
  private clients(round: number, visit: number): Conversation[] {
    return Array.from({ length: CLIENTS }, (_, index) => {
      const position = (round + visit * CLIENTS + index) % this.conversations.length;
      const conversation = this.conversations[position]!;
      const isDone =
        conversation.questions.length >= CONVERSATION_LENGTH ||
        conversation.questions.some((question) => this.violating.has(question));
      if (isDone) this.conversations[position] = new Conversation(conversation.clientKind, this.server);
      return this.conversations[position]!;
    });
  }

  private violated(what: string, { name }: KillPoint, question?: Question): void {
    const { summary, calls } = this;
    if (question) this.violating.add(question);
    const description = `${what} [kill ${summary.kills}, ${name}]`;
    if (!question) summary.violations.push(description);
    else {
      const { clientKind, scenario, label, id, end, text, whole, requests, refusals, events } = question;
      const called = calls.of(label).map(({ context }) => context.slice(question.context.length));
      const more = {
        ...clientKind,
        scenario,
        label,
        id,
        end,
        text,
        requests,
        refusals,
        sent: question.sent.map((at) => at - question.askedAt),
        kills: this.kills(question).map(({ at, what }) => `${what} after ${at - question.askedAt} ms`),
        events: events.length,
        called,
        whole,
      };
      summary.violations.push(`${description} ${JSON.stringify(more)}`);
    }
  }
}

/** The session of a turn without a named session. It is empty if the client never learned the id. */
async function sessionOfOne(log: RecordedLog, { id }: Question): Promise<RecordedSession> {
  return id === undefined ? { head: null, turns: [] } : log.endingIn(id as TurnId);
}
