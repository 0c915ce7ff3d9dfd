import type { SpawnedGateway } from '../harness/gateway.ts';
import type { Attempt, Talk } from './talk.ts';
import { type Upstream, until } from './upstream.ts';

export interface Scene {
  gateway: SpawnedGateway;
  talks: readonly Talk[];
  upstream: Upstream;
}

/** A moment in the life of turns at which the process is killed. */
export interface KillPoint {
  name: string;
  /** Settles when the process is gone and every client has noticed. */
  strike(scene: Scene): Promise<void>;
}

/** Every client asks once; the process is killed when all have come as far as `reached` says. */
function stuck(
  name: string,
  behaviour: string,
  reached: (attempt: Attempt, talk: Talk, upstream: Upstream) => boolean,
): KillPoint {
  return {
    name,
    async strike({ gateway, talks, upstream }) {
      const turns = talks.map((talk) => talk.turn(gateway, behaviour));
      await until(name, () => talks.every((talk) => reached(talk.attempts.at(-1)!, talk, upstream)));
      await gateway.kill();
      await Promise.all(turns);
    },
  };
}

/** Every client asks and asks again, until the process is killed in the midst of it. */
function busy(name: string, behaviours: string[], moment: (ended: () => number) => Promise<void>): KillPoint {
  return {
    name,
    async strike({ gateway, talks }) {
      let ended = 0;
      let killed = false;
      const chatter = talks.map(async (talk, index) => {
        while (!killed) {
          const attempt = await talk.turn(gateway, behaviours[index % behaviours.length]);
          if (!attempt.completed) return;
          ended++;
        }
      });
      await moment(() => ended);
      killed = true;
      await gateway.kill();
      await Promise.all(chatter);
    },
  };
}

/** Kills in the very tick in which a client has seen its terminal event. */
const atTerminalEvent: KillPoint = {
  name: 'after the terminal event',
  async strike({ gateway, talks }) {
    let wanted = 1 + Math.floor(Math.random() * 20);
    let killed: Promise<void> | undefined;
    const onSeen = (attempt: Attempt) => {
      if (attempt.completed && --wanted === 0) killed = gateway.kill();
    };
    await Promise.all(
      talks.map(async (talk) => {
        while (!killed && (await talk.turn(gateway, '', onSeen)).completed);
      }),
    );
    await killed;
  },
};

const within = (ms: number) => () => Bun.sleep(Math.random() * ms);

const arrived = (attempt: Attempt, _talk: Talk, upstream: Upstream) =>
  upstream.contextOf(attempt.user) !== undefined;

const words = (attempt: Attempt) => attempt.seen.split(' ').length;

export const KILL_POINTS: KillPoint[] = [
  stuck('before the claw answers', 'silent', arrived),
  stuck('before the first delta', 'stall-0', arrived),
  stuck('between deltas', 'stall-4', (attempt, talk, upstream) =>
    talk.manner.stream ? words(attempt) >= 4 : arrived(attempt, talk, upstream),
  ),
  atTerminalEvent,
  // Turns without pause spend most of their time at their two ends: the intent and the commit.
  busy('around the commit', [''], within(60)),
  busy('around the end of a stream', ['pace-1', 'pace-0', 'pace-2', ''], within(120)),
  busy('anywhere in a stream', ['pace-5', 'pace-3', 'delay-5', 'delay-5+pace-2'], within(150)),
];
