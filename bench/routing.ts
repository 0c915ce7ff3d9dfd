import { STRATEGIES } from '../src/core/routing.ts';
import { CANDIDATES, openTurnParts, PLAIN_MODEL, type RoutedTurn, type TurnParts } from './routed-turn.ts';
import type { Bench, Figure, Row, RowResult } from './row.ts';
import { median, spread } from './statistics.ts';

const LIMIT = 10;
/** Turns that are made before they are measured, together: a clock is too coarse for one. */
const BATCH = 20;

export const routing: Row = {
  key: 'j',
  title: `CPU of routing, ${CANDIDATES} candidates`,
  async measure({ effort }: Bench): Promise<RowResult> {
    const parts = await openTurnParts();
    try {
      const models = [...STRATEGIES, PLAIN_MODEL];
      const ms = effort.ms / models.length;
      for (const model of models) await partsOf(parts, model, effort.warmUpMs / models.length);
      const rounds = new Map<string, Micros[]>(models.map((model) => [model, []]));
      for (let round = 0; round < effort.rounds; round++)
        for (const model of models) rounds.get(model)!.push(await partsOf(parts, model, ms));
      return {
        figures: figuresOf(rounds),
        notes: [
          `In one process, without HTTP and claws. Each turn has four messages and two functions; ${CANDIDATES} models of five providers answer for an alias. In all: from the name to candidates, filters and strategy; retries, breaker, bulkhead and time limits around a constant answer; limits of requests, tokens and streams for the gateway, the key and the model.`,
        ],
      };
    } finally {
      parts.close();
    }
  },
};

/** Microseconds of each part of a turn. */
interface Micros {
  route: number;
  call: number;
  limit: number;
  /** `JSON.parse` of the request, to compare runs on a machine with other load. */
  parse: number;
}

const inAll = ({ route, call, limit }: Micros): number => route + call + limit;

function figuresOf(rounds: ReadonlyMap<string, readonly Micros[]>): Figure[] {
  const of = (model: string, value: (micros: Micros) => number) => spread(rounds.get(model)!.map(value));
  const slowest = STRATEGIES.toSorted((a, b) => of(b, inAll).median - of(a, inAll).median)[0]!;
  const plain = (value: (micros: Micros) => number) => of(PLAIN_MODEL, value);
  return [
    ...STRATEGIES.map((strategy) => ({
      what: `Find, filter and order them, \`${strategy}\``,
      value: of(strategy, ({ route }) => route),
      unit: 'µs',
    })),
    { what: 'Retries, breaker, bulkhead, time limits', value: of(slowest, ({ call }) => call), unit: 'µs' },
    { what: 'Limits of the caller', value: of(slowest, ({ limit }) => limit), unit: 'µs' },
    {
      what: `In all, \`${slowest}\` (the slowest)`,
      value: of(slowest, inAll),
      unit: 'µs',
      budget: { limit: LIMIT, is: 'at most' },
    },
    { what: 'JSON.parse of the request', value: of(slowest, ({ parse }) => parse), unit: 'µs' },
    { what: 'One model without an alias: find and filter', value: plain(({ route }) => route), unit: 'µs' },
    { what: 'One model without an alias: in all', value: plain(inAll), unit: 'µs' },
  ];
}

/** The medians of many batches. */
async function partsOf(parts: TurnParts, model: string, ms: number): Promise<Micros> {
  const samples: Micros[] = [];
  const until = performance.now() + ms;
  do samples.push(await batch(parts, model));
  while (performance.now() < until);
  const middle = (value: (micros: Micros) => number) => median(samples.map(value));
  return {
    route: middle(({ route }) => route),
    call: middle(({ call }) => call),
    limit: middle(({ limit }) => limit),
    parse: middle(({ parse }) => parse),
  };
}

async function batch(parts: TurnParts, model: string): Promise<Micros> {
  const turns = Array.from({ length: BATCH }, () => parts.turn(model));
  const routed: { turn: RoutedTurn; route: ReturnType<TurnParts['route']> }[] = [];
  const route = await microsEach(() => {
    for (const turn of turns) routed.push({ turn, route: parts.route(turn) });
  });
  const call = await microsEach(async () => {
    for (const each of routed) await parts.call(each.turn, each.route);
  });
  const bare = await microsEach(async () => {
    for (const each of routed) await parts.answer(each.turn, each.route);
  });
  const limit = await microsEach(async () => {
    for (const turn of turns) await parts.limit(turn);
  });
  const bodies = turns.map(({ intent: { model, input, settings } }) =>
    JSON.stringify({ model, input, settings }),
  );
  const parse = await microsEach(() => {
    for (const body of bodies) JSON.parse(body);
  });
  return { route, call: call - bare, limit, parse };
}

/** Microseconds for each turn of a batch. */
async function microsEach(work: () => void | Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return ((performance.now() - startedAt) * 1_000) / BATCH;
}
