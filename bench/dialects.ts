import type { Job } from './load/job.ts';
import { type Gateway, startGateway } from './processes.ts';
import { interleaved, type Measured, measured } from './rounds.ts';
import type { Bench, Figure, Row, RowResult } from './row.ts';
import { spread } from './statistics.ts';

const EVENTS = 50;
const CONCURRENCY = 32;

const SYSTEM = 'You are the assistant of a travel agency. Answer briefly, and ask when something is unclear.';
const QUESTION =
  'We are two adults and a child of four, we like hiking and museums, and we have ten days in May. ' +
  'Which three regions would you compare for us, and what would each cost roughly, with trains only?';

/** A dialect onto the provider that speaks it itself. */
interface Subject {
  name: string;
  path: string;
  provider: string;
  /** The request in the dialect's words. */
  body: Record<string, unknown>;
}

const user = { role: 'user', content: QUESTION };

/** The first one is what the others are compared with. */
const SUBJECTS: readonly [Subject, ...Subject[]] = [
  {
    name: 'chat onto chat',
    path: '/v1/chat/completions',
    provider: 'openai',
    body: { messages: [{ role: 'system', content: SYSTEM }, user], temperature: 0.7, max_tokens: 500 },
  },
  {
    name: 'messages onto Anthropic',
    path: '/v1/messages',
    provider: 'anthropic',
    body: { system: SYSTEM, messages: [user], temperature: 0.7, max_tokens: 500 },
  },
];

/** How much more than chat a dialect may cost. A further dialect is a further subject. */
const MOST = 1.15;

/** The simulator sends every event in its own packet, as a real model does. */
function job(gateway: Gateway, { path, provider, body }: Subject, stream: boolean, ms: number): Job {
  const model = `${provider}/${stream ? `say-${EVENTS}+pace-1` : 'say-20'}`;
  return {
    port: gateway.port,
    path,
    headers: gateway.headers,
    body: JSON.stringify({ ...body, model, stream }),
    load: { kind: 'closed', concurrency: CONCURRENCY, ms },
  };
}

export const dialects: Row = {
  key: 'l',
  title: 'Each dialect onto its own protocol, stateless',
  async measure(bench: Bench): Promise<RowResult> {
    const { effort, simulator } = bench;
    const { port } = simulator;
    const yaml = `claws:\n  anthropic: { api_key: sk-simulated, base_url: "http://127.0.0.1:${port}" }\n`;
    const gateway = await startGateway({ provider: port, yaml });
    try {
      const figures: Figure[] = [];
      for (const stream of [false, true]) {
        const run = (subject: Subject, ms: number) =>
          measured(bench, gateway.pid, job(gateway, subject, stream, ms));
        for (const subject of SUBJECTS) await run(subject, effort.warmUpMs);
        const rounds = await interleaved(effort.rounds, SUBJECTS, (subject) => run(subject, effort.ms));
        figures.push(...figuresOf(rounds, stream));
      }
      return { figures, notes: [] };
    } finally {
      await gateway.stop();
    }
  },
};

function figuresOf(rounds: ReadonlyMap<Subject, Measured[]>, stream: boolean): Figure[] {
  const parts = stream ? EVENTS : 1;
  const what = stream ? 'CPU per event' : 'CPU per request';
  const cost = ({ serverCpuMicros, requests }: Measured) => serverCpuMicros / (requests * parts);
  const floor = rounds.get(SUBJECTS[0])!.map(cost);
  return [...rounds].flatMap(([{ name }, measurements], index): Figure[] => {
    const costs = measurements.map(cost);
    const absolute: Figure = { what: `${what}, ${name}`, value: spread(costs), unit: 'µs' };
    if (index === 0) return [absolute];
    const compared = spread(costs.map((value, round) => value / floor[round]!));
    const budget = { limit: MOST, is: 'at most' } as const;
    return [absolute, { what: `${what}, ${name} against chat`, value: compared, unit: '×', budget }];
  });
}
