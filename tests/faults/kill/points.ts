import { readJournal } from '../recorded.ts';
import { until } from '../upstream.ts';
import type { Calls } from './calls.ts';
import { CLIENT_KINDS, isBackground, isStream } from './client-kind.ts';
import { Conversation } from './conversation.ts';
import type { Question, Scenario } from './question.ts';
import { BACKGROUND_SLOTS, type Recovery, type RestartingGateway } from './restarting-gateway.ts';

export interface KillContext {
  server: RestartingGateway;
  calls: Calls;
  conversations: readonly Conversation[];
  /** Asks a question in a conversation, which may be new in this round. */
  ask(conversation: Conversation, scenario?: Scenario): Question;
}

/** A moment in the execution of turns at which the process is killed. */
export interface KillPoint {
  name: string;
  /** The `turns.recovery` setting of the next start. */
  recovery?: Recovery;
  /** The point kills more than once itself, so the gateway is not killed again while it takes over. */
  repeats?: true;
  /** Resolves when the process has been killed. The questions of the clients continue. */
  reachAndKill(context: KillContext): Promise<void>;
}

/** Whether a question has reached the point. `text` is the answer's text in the journal. */
type Reached = (question: Question, context: KillContext, text: string) => boolean;

/** Every client asks once. The process is killed when all questions have reached the point. */
function atPoint(name: string, scenario: Scenario, reached: Reached): KillPoint {
  return {
    name,
    async reachAndKill(context) {
      const questions = context.conversations.map((conversation) => context.ask(conversation, scenario));
      await all(name, questions, reached, context);
      await context.server.kill();
    },
  };
}

async function all(name: string, questions: readonly Question[], reached: Reached, context: KillContext) {
  await until(name, () => {
    const journal = readJournal(context.server.dataDir);
    return questions.every((question) => {
      const text = [...journal.values()].find(({ asked }) => asked === question.user)?.text ?? '';
      return question.problems.length > 0 || reached(question, context, text);
    });
  });
}

/** Every client asks one question after the other until the process is killed. */
function busy(name: string, scenarios: Scenario[], moment: () => Promise<void>): KillPoint {
  return {
    name,
    async reachAndKill(context) {
      let killed = false;
      for (const [index, conversation] of context.conversations.entries()) {
        void (async () => {
          while (!killed) {
            await context.ask(conversation, scenarios[index % scenarios.length]).done;
          }
        })();
      }
      await moment();
      killed = true;
      await context.server.kill();
    },
  };
}

/** Kills in the same tick in which a client receives its terminal event. */
const atTerminalEvent: KillPoint = {
  name: 'at the terminal event',
  async reachAndKill(context) {
    let wanted = 1 + Math.floor(Math.random() * context.conversations.length);
    const killed = Promise.withResolvers<void>();
    for (const conversation of context.conversations) {
      void context.ask(conversation).done.then(() => {
        if (--wanted === 0) context.server.kill().then(killed.resolve);
      });
    }
    await killed.promise;
  },
};

/** The turn is in the log, but the client disconnected before it received the end. */
const committedUnseen: KillPoint = {
  name: 'after the commit, before the client sees the end',
  async reachAndKill(context) {
    const questions = context.conversations.map((conversation) =>
      context.ask(conversation, { behaviour: isStream(conversation.clientKind) ? 'pace-5' : 'delay-30' }),
    );
    await all(
      'the turns are running',
      questions,
      (question) => question.text !== '' || arrived(question, context),
      context,
    );
    const comeBack = questions.map((question) => question.leave());
    await until('the turns are recorded', () => {
      const running = [...readJournal(context.server.dataDir).values()].map(({ asked }) => asked);
      return questions.every((question) => arrived(question, context) && !running.includes(question.user));
    });
    await context.server.kill();
    for (const back of comeBack) back();
  },
};

/** Kills twice: first during the call of a turn, then during the call that continues it. */
function killedTwice(name: string, scenario: Scenario, reached: Reached, reachedAgain: Reached): KillPoint {
  return {
    name,
    repeats: true,
    async reachAndKill(context) {
      const { server, calls } = context;
      const questions = context.conversations.map((conversation) => context.ask(conversation, scenario));
      await all(name, questions, reached, context);
      await server.kill();
      calls.rearm();
      await server.start();
      await all(`${name}, again`, questions, reachedAgain, context);
      await server.kill();
    },
  };
}

const whileStarting: KillPoint = {
  name: 'while it starts and takes over',
  repeats: true,
  async reachAndKill(context) {
    await betweenDeltasPoint.reachAndKill(context);
    for (let start = 0; start < 2; start++) await context.server.startAndKill();
  },
};

const FALLBACK = 'once-stall-6';

/** The first provider has broken off twice, and the model of the other provider is continuing. */
const inFallback: KillPoint = {
  ...atPoint(
    'while a fallback rescues in mid-stream',
    { behaviour: 'cut-2', fallback: FALLBACK, calls: 5 },
    // A number of calls does not tell it: a first call on a closed connection is made again.
    (question, { calls }, text) =>
      calls.of(question.label).some(({ model }) => model.includes(FALLBACK)) && hasGoneOn(question, text),
  ),
  // A second kill could exceed the number of calls after which an answer is given up.
  repeats: true,
};

/** The gateway is stopping cleanly (running turns may end, new requests are refused) when it is killed. */
const whileStopping: KillPoint = {
  name: 'while it stops',
  async reachAndKill(context) {
    for (const conversation of context.conversations)
      context.ask(conversation, { behaviour: isStream(conversation.clientKind) ? 'pace-5' : 'delay-40' });
    await Bun.sleep(Math.random() * 60);
    await context.server.stopAndKill(Math.random() * 60);
  },
};

/** Each answer lasts long enough that all of them are under way at the kill. */
const inSlowAnswers: KillPoint = {
  name: 'in slow answers',
  async reachAndKill(context) {
    const questions = context.conversations.map((conversation) => {
      const isJson = conversation.clientKind.mode === 'json';
      return context.ask(conversation, { words: 60, behaviour: isJson ? 'delay-3000' : 'pace-50' });
    });
    await all('the answers have begun', questions, begunOrEnded, context);
    await context.server.kill();
  },
};

const queued: KillPoint = {
  name: 'while queued in the background',
  async reachAndKill(context) {
    const clientKind = CLIENT_KINDS.find(({ mode, state }) => mode === 'background' && state === 'chain')!;
    const before = Array.from(
      { length: BACKGROUND_SLOTS },
      () => new Conversation(clientKind, context.server),
    );
    const running = before.map((conversation) => context.ask(conversation, { behaviour: 'once-stall-2' }));
    await all('all background slots are taken', running, arrivedAt, context);
    const questions = context.conversations.map((conversation) =>
      context.ask(conversation, isBackground(conversation.clientKind) ? {} : { behaviour: 'once-stall-2' }),
    );
    const reached: Reached = (question) =>
      isBackground(question.clientKind) ? question.id !== undefined : arrived(question, context);
    await all('the others are queued', questions, reached, context);
    await context.server.kill();
  },
};

const waiting: KillPoint = {
  name: 'while waiting for the session',
  async reachAndKill(context) {
    const first = context.conversations.map((conversation) =>
      context.ask(conversation, { behaviour: 'once-stall-2' }),
    );
    await all('sessions are taken', first, betweenDeltas2, context);
    for (const conversation of context.conversations)
      if (conversation.clientKind.state === 'session') context.ask(conversation);
    // No signal shows that a request has joined the queue, so wait a moment.
    await Bun.sleep(30);
    await context.server.kill();
  },
};

const withBehaviour = (behaviour: string): Scenario => ({ behaviour });

const within = (ms: number) => () => Bun.sleep(Math.random() * ms);

const isJson = ({ clientKind }: Question): boolean => clientKind.mode === 'json';
const wordsOf = (text: string): number => text.split(' ').filter(Boolean).length;

const arrived = ({ label }: Question, { calls }: KillContext): boolean => calls.of(label).length > 0;
const arrivedAt: Reached = arrived;

/** Whether this many words are in the journal and, for a stream, at the client. A JSON answer has no deltas. */
const received =
  (words: number): Reached =>
  (question, context, text) => {
    if (isJson(question)) return arrived(question, context);
    return wordsOf(text) >= words && (!isStream(question.clientKind) || wordsOf(question.text) >= words);
  };

const betweenDeltas = received(4);
const begunOrEnded: Reached = (question, context, text) =>
  question.end !== undefined || betweenDeltas(question, context, text);
const betweenDeltas2 = received(2);
const betweenDeltasPoint = atPoint('between deltas', { behaviour: 'once-stall-4' }, betweenDeltas);

/** Whether the answer has grown. A model that repeats earlier text may have added nothing yet. */
const hasGoneOn = (question: Question, text: string): boolean =>
  isJson(question) || /again|overlap/.test(JSON.stringify(question.body)) || wordsOf(text) > 4;

const calledAgain: Reached = ({ label }, { calls }) => calls.of(label).length >= 2;
const inRescue: Reached = (question, context, text) =>
  calledAgain(question, context, text) && hasGoneOn(question, text);

const DEFERRED: Scenario = { behaviour: 'once-status-503', defer: true, calls: 2 };
const deferred: Reached = (question, context) =>
  arrived(question, context) && (isBackground(question.clientKind) || question.deferred);

const allReceived: Reached = (question, context, text) =>
  isJson(question)
    ? arrived(question, context)
    : text === question.answer && (!isStream(question.clientKind) || question.text === text);

/** Calls stall until the process that runs their turns is killed. */
const STALLED_POINTS: readonly KillPoint[] = [
  atPoint('after the intent', { behaviour: 'once-silent' }, arrivedAt),
  atPoint('before the first delta', { behaviour: 'once-stall-0' }, arrivedAt),
  betweenDeltasPoint,
  atPoint('all text received, not committed', { behaviour: 'once-stall-99' }, allReceived),
  killedTwice('while the restarted gateway rescues', { behaviour: 'once-stall-4' }, betweenDeltas, inRescue),
  killedTwice(
    'while the restarted gateway runs the turn again',
    { behaviour: 'once-silent' },
    arrivedAt,
    calledAgain,
  ),
  whileStarting,
  inFallback,
  queued,
  atPoint('while deferred', DEFERRED, deferred),
  killedTwice('while deferred again', DEFERRED, deferred, calledAgain),
  waiting,
  { ...betweenDeltasPoint, name: 'between deltas, to be closed by the next start', recovery: 'close' },
];

/** Turns go on and end whether or not the process that is killed runs them. */
const RUNNING_POINTS: readonly KillPoint[] = [
  inSlowAnswers,
  committedUnseen,
  atTerminalEvent,
  // Turns without pauses spend most of their time in the intent and in the commit.
  busy('around the commit', [{}], within(60)),
  busy('around the end of a stream', ['pace-1', 'pace-0', 'pace-2', ''].map(withBehaviour), within(120)),
  busy(
    'anywhere in a turn',
    ['pace-5', 'pace-3', 'delay-5', 'delay-5+pace-2'].map(withBehaviour),
    within(150),
  ),
  whileStopping,
  // Long answers make journals of several segments.
  busy(
    'in long answers',
    [
      { words: 1500, behaviour: 'pace-0' },
      { words: 3000, behaviour: 'pace-0' },
    ],
    within(600),
  ),
];

/** The points at which a gateway is killed that is one process, or has several workers. */
export const killPointsFor = (workers: number): readonly KillPoint[] =>
  workers === 1 ? [...STALLED_POINTS, ...RUNNING_POINTS] : RUNNING_POINTS;
