import { readJournal } from '../recorded.ts';
import { until } from '../upstream.ts';
import type { Calls } from './calls.ts';
import { isBackground, isStream, MANNERS } from './manner.ts';
import type { Question, Wish } from './question.ts';
import { PLACES, type Recovery, type Site } from './site.ts';
import { Talk } from './talk.ts';

export interface Scene {
  site: Site;
  calls: Calls;
  talks: readonly Talk[];
  /** Says something in a talk, which may be one that is new to the round. */
  ask(talk: Talk, wish?: Wish): Question;
}

/** A moment in the life of turns at which the process is killed. */
export interface KillPoint {
  name: string;
  /** How the gateway is started again. */
  recovery?: Recovery;
  /** It may not be killed again while it takes over. */
  repeats?: true;
  /** Settles when the process is gone. The clients' questions go on. */
  strike(scene: Scene): Promise<void>;
}

/** Whether a question has come to the point; `text` is what the journal holds of its answer. */
type Reached = (question: Question, scene: Scene, text: string) => boolean;

/** Every client asks once; the process is killed when all have come as far as `reached` says. */
function stalled(name: string, wish: Wish, reached: Reached): KillPoint {
  return {
    name,
    async strike(scene) {
      const questions = scene.talks.map((talk) => scene.ask(talk, wish));
      await all(name, questions, reached, scene);
      await scene.site.kill();
    },
  };
}

async function all(name: string, questions: readonly Question[], reached: Reached, scene: Scene) {
  await until(name, () => {
    const journal = readJournal(scene.site.dataDir);
    return questions.every((question) => {
      const text = [...journal.values()].find(({ asked }) => asked === question.user)?.text ?? '';
      return question.problems.length > 0 || reached(question, scene, text);
    });
  });
}

/** Every client asks and asks again, until the process is killed in the midst of it. */
function busy(name: string, wishes: Wish[], moment: () => Promise<void>): KillPoint {
  return {
    name,
    async strike(scene) {
      let killed = false;
      for (const [index, talk] of scene.talks.entries()) {
        void (async () => {
          while (!killed) {
            await scene.ask(talk, wishes[index % wishes.length]).done;
          }
        })();
      }
      await moment();
      killed = true;
      await scene.site.kill();
    },
  };
}

/** In the very tick in which a client has seen its terminal event. */
const atTerminalEvent: KillPoint = {
  name: 'at the terminal event',
  async strike(scene) {
    let wanted = 1 + Math.floor(Math.random() * scene.talks.length);
    const killed = Promise.withResolvers<void>();
    for (const talk of scene.talks) {
      void scene.ask(talk).done.then(() => {
        if (--wanted === 0) scene.site.kill().then(killed.resolve);
      });
    }
    await killed.promise;
  },
};

/** The turn is in the log; its client hung up before it could learn of it. */
const unheard: KillPoint = {
  name: 'after the commit, before the client hears of it',
  async strike(scene) {
    const questions = scene.talks.map((talk) =>
      scene.ask(talk, { behaviour: isStream(talk.manner) ? 'pace-5' : 'delay-30' }),
    );
    await all(
      'they are at work',
      questions,
      (question) => question.text !== '' || arrived(question, scene),
      scene,
    );
    const comeBack = questions.map((question) => question.leave());
    await until('they are recorded', () => {
      const running = [...readJournal(scene.site.dataDir).values()].map(({ asked }) => asked);
      return questions.every((question) => arrived(question, scene) && !running.includes(question.user));
    });
    await scene.site.kill();
    for (const back of comeBack) back();
  },
};

/** Two calls of a turn come to nothing: one with the process, and the one that was to go on in its place. */
function again(name: string, wish: Wish, reached: Reached, reachedAgain: Reached): KillPoint {
  return {
    name,
    repeats: true,
    async strike(scene) {
      const { site, calls } = scene;
      const questions = scene.talks.map((talk) => scene.ask(talk, wish));
      await all(name, questions, reached, scene);
      await site.kill();
      calls.rearm();
      await site.start();
      await all(`${name}, again`, questions, reachedAgain, scene);
      await site.kill();
    },
  };
}

const whileStarting: KillPoint = {
  name: 'while it starts and takes over',
  repeats: true,
  async strike(scene) {
    await betweenDeltasPoint.strike(scene);
    for (let start = 0; start < 2; start++) await scene.site.startAndKill();
  },
};

/** The first provider has broken off twice, and the other one's model is going on. */
const inFallback: KillPoint = {
  ...stalled(
    'while a fallback rescues in mid-stream',
    { behaviour: 'cut-2', fallback: 'once-stall-6', calls: 5 },
    (question, { calls }, text) => calls.of(question.label).length >= 3 && hasGoneOn(question, text),
  ),
  // An answer is given up when it has broken off too often.
  repeats: true,
};

/** In order at first: what runs may end, and who comes is sent away. */
const whileStopping: KillPoint = {
  name: 'while it stops',
  async strike(scene) {
    for (const talk of scene.talks)
      scene.ask(talk, { behaviour: isStream(talk.manner) ? 'pace-5' : 'delay-40' });
    await Bun.sleep(Math.random() * 60);
    await scene.site.stopAndKill(Math.random() * 60);
  },
};

const queued: KillPoint = {
  name: 'while queued in the background',
  async strike(scene) {
    const manner = MANNERS.find(({ mode, state }) => mode === 'background' && state === 'chain')!;
    const before = Array.from({ length: PLACES }, () => new Talk(manner, scene.site));
    const running = before.map((talk) => scene.ask(talk, { behaviour: 'once-stall-2' }));
    await all('all places are taken', running, arrivedAt, scene);
    const questions = scene.talks.map((talk) =>
      scene.ask(talk, isBackground(talk.manner) ? {} : { behaviour: 'once-stall-2' }),
    );
    const reached: Reached = (question) =>
      isBackground(question.manner) ? question.id !== undefined : arrived(question, scene);
    await all('the others are queued', questions, reached, scene);
    await scene.site.kill();
  },
};

const waiting: KillPoint = {
  name: 'while waiting for the session',
  async strike(scene) {
    const first = scene.talks.map((talk) => scene.ask(talk, { behaviour: 'once-stall-2' }));
    await all('sessions are taken', first, betweenDeltas2, scene);
    for (const talk of scene.talks) if (talk.manner.state === 'session') scene.ask(talk);
    // Nothing tells that a request has joined the queue.
    await Bun.sleep(30);
    await scene.site.kill();
  },
};

const saying = (behaviour: string): Wish => ({ behaviour });

const within = (ms: number) => () => Bun.sleep(Math.random() * ms);

const isJson = ({ manner }: Question): boolean => manner.mode === 'json';
const wordsOf = (text: string): number => text.split(' ').filter(Boolean).length;

const arrived = ({ label }: Question, { calls }: Scene): boolean => calls.of(label).length > 0;
const arrivedAt: Reached = arrived;

/** A JSON answer has no deltas before it is whole. */
const heard =
  (words: number): Reached =>
  (question, scene, text) => {
    if (isJson(question)) return arrived(question, scene);
    return wordsOf(text) >= words && (!isStream(question.manner) || wordsOf(question.text) >= words);
  };

const betweenDeltas = heard(4);
const betweenDeltas2 = heard(2);
const betweenDeltasPoint = stalled('between deltas', { behaviour: 'once-stall-4' }, betweenDeltas);

/** A model that repeats what was said may have come to nothing new. */
const hasGoneOn = (question: Question, text: string): boolean =>
  isJson(question) || /again|overlap/.test(JSON.stringify(question.body)) || wordsOf(text) > 4;

const calledAgain: Reached = ({ label }, { calls }) => calls.of(label).length >= 2;
const inRescue: Reached = (question, scene, text) =>
  calledAgain(question, scene, text) && hasGoneOn(question, text);

const DEFERRED: Wish = { behaviour: 'once-status-429', defer: true, calls: 2 };
const deferred: Reached = (question, scene) =>
  arrived(question, scene) && (isBackground(question.manner) || question.deferred);

const allSaid: Reached = (question, scene, text) =>
  isJson(question)
    ? arrived(question, scene)
    : text === question.answer && (!isStream(question.manner) || question.text === text);

export const KILL_POINTS: readonly KillPoint[] = [
  stalled('after the intent', { behaviour: 'once-silent' }, arrivedAt),
  stalled('before the first delta', { behaviour: 'once-stall-0' }, arrivedAt),
  betweenDeltasPoint,
  stalled('all said, not committed', { behaviour: 'once-stall-99' }, allSaid),
  unheard,
  atTerminalEvent,
  again('while the restarted gateway rescues', { behaviour: 'once-stall-4' }, betweenDeltas, inRescue),
  again('while the restarted gateway asks anew', { behaviour: 'once-silent' }, arrivedAt, calledAgain),
  whileStarting,
  inFallback,
  queued,
  stalled('while deferred', DEFERRED, deferred),
  again('while deferred again', DEFERRED, deferred, calledAgain),
  waiting,
  { ...betweenDeltasPoint, name: 'between deltas, to be closed by the next start', recovery: 'close' },
  // Turns without pause spend most of their time at their two ends: the intent and the commit.
  busy('around the commit', [{}], within(60)),
  busy('around the end of a stream', ['pace-1', 'pace-0', 'pace-2', ''].map(saying), within(120)),
  busy('anywhere in a turn', ['pace-5', 'pace-3', 'delay-5', 'delay-5+pace-2'].map(saying), within(150)),
  whileStopping,
  // Journals of several segments.
  busy(
    'in long answers',
    [
      { words: 1500, behaviour: 'pace-0' },
      { words: 3000, behaviour: 'pace-0' },
    ],
    within(600),
  ),
];
