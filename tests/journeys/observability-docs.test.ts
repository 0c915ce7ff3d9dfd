import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STEP_SPANS } from '../../src/observe/traces/spans.ts';
import { eventually } from '../harness/eventually.ts';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { type Collector, startCollector, valuesOf } from '../simulators/otlp/collector.ts';

/** docs/observability.md and a real gateway name the same metrics, spans and attributes. */

setDefaultTimeout(60_000);

const ROOT = join(import.meta.dir, '../..');
const DOCS = readFileSync(join(ROOT, 'docs/observability.md'), 'utf8');

let collector: Collector;
let journey: Journey;
beforeAll(async () => {
  collector = startCollector();
  journey = await startJourney({
    yaml: `
telemetry: { endpoint: '${collector.url}', sample: 1, logs: true }
bulkhead: { max: 1, min: 1 }
turns: { background: 1, when_broken: restart }
claws: { openai: { models: [{ id: recall, context: 2000, output: 200, input_price: 1, output_price: 1 }] } }
aliases:
  quick: { models: [openai/say-5+delay-400, groq/say-5], hedge: true, hedge_after_ms: 1 }
alerts:
  every_ms: 100
  targets: { none: { kind: command, command: ['true'] } }
  rules: [{ name: disk, when: disk_used, above: 0, to: [none] }]
`,
    env: { CLAWHOLD_BREAKER_LEAST_CALLS: '2' },
  });
  await traffic(journey);
});
afterAll(async () => {
  await journey.end();
  collector.stop();
});

/** Turns that take every step, wait for everything, fail in every way, and are rescued. */
async function traffic({ gateway }: Journey): Promise<void> {
  const ask = async (model: string, body: object = {}, headers: Record<string, string> = {}) =>
    (
      await gateway.post(
        '/v1/responses',
        { model, input: 'My name is Ada, and I like tea.', ...body },
        headers,
      )
    ).text();
  const session = { 'x-session-id': 'long', 'x-clawhold-context-policy': 'auto' };
  const long = 'word '.repeat(900);
  for (const input of ['My name is Ada. Please always answer in French.', long, long, 'What is my name?'])
    await ask('openai/recall', { input }, session);
  await Promise.all([1, 2].map(() => ask('openai/say-20+pace-20', { stream: true })));
  await Promise.all([1, 2].map(() => ask('openai/say-20+pace-20', { background: true })));
  for (let time = 0; time < 3; time++) await ask('groq/status-500', { models: ['openai/say-5'] });
  await ask('anthropic/cut-3', { stream: true });
  await gateway.fetch('/v1/conversations/none');
  await ask('quick', { stream: true });
  await gateway.post('/admin/reload', {});
  const made = await json(gateway.post('/v1/conversations', {}));
  await gateway.fetch(`/v1/conversations/${String(made.id)}`, { method: 'DELETE' });
}

const backticked = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, inside]) => inside!);
const tableRows = (heading: string): string[][] =>
  DOCS.split(`\n## ${heading}\n`)[1]!
    .split('\n## ')[0]!
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));

const scrape = async () => (await journey.gateway.fetch('/metrics')).text();

describe('metrics', () => {
  test('are those of the table, with their kinds and meanings', async () => {
    const text = await scrape();
    const helps = new Map([...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, help]) => [name, help]));
    const emitted = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => [
      name,
      kind,
      helps.get(name),
    ]);
    const documented = tableRows('Metrics').map(([name, kind, , meaning]) => [
      backticked(name!)[0],
      kind,
      meaning,
    ]);
    expect(documented.sort()).toEqual(emitted.sort());
  });

  test('have the labels of the table', async () => {
    const labelsOf = (text: string, name: string) =>
      new Set(
        [...text.matchAll(new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{(.*)\\} `, 'gm'))].flatMap(
          ([, labels]) =>
            [...labels!.matchAll(/(\w+)="/g)].map(([, label]) => label!).filter((label) => label !== 'le'),
        ),
      );
    const text = await scrape();
    for (const [name, , labels] of tableRows('Metrics')) {
      const metric = backticked(name!)[0]!;
      const found = labelsOf(text, metric);
      expect([metric, ...backticked(labels!)]).toEqual(expect.arrayContaining([metric, ...found]));
    }
  });

  test('have values after traffic', async () => {
    const text = await scrape();
    const documented = tableRows('Metrics').map(([name]) => backticked(name!)[0]!);
    const empty = documented.filter((name) => !new RegExp(`^${name}(?:_count)?[{ ]`, 'm').test(text));
    // These need a broken store, a broken worker and a broken collector: other tests have them.
    expect(empty).toEqual([
      'clawhold_store_errors_total',
      'clawhold_worker_restarts_total',
      'clawhold_telemetry_dropped_total',
    ]);
  });

  test('of the dashboard and the rules exist', async () => {
    const known = new Set(tableRows('Metrics').map(([name]) => backticked(name!)[0]!));
    for (const file of ['deploy/grafana/clawhold.json', 'deploy/prometheus/rules.yml']) {
      const used = readFileSync(join(ROOT, file), 'utf8').match(/\b(?:clawhold|process)_[a-z_]+/g)!;
      const unknown = used.filter((name) => !known.has(name.replace(/_bucket$/, '')));
      expect([file, unknown]).toEqual([file, []]);
    }
  });
});

/** `POST /v1/responses` → `<METHOD> <route>`: the name as the documentation has it. */
const spanKind = (name: string): string =>
  name.replace(/^(GET|POST|DELETE) \S+$/, '<METHOD> <route>').replace(/^(turn|chat) \S+$/, '$1 <model>');

describe('spans', () => {
  test('are those of the table', async () => {
    const documented = tableRows('Traces').map(([name]) => backticked(name!)[0]!);
    // The time at which a turn recalls depends on the policy; `recall past` is in the table through its step.
    const kinds = await eventually(
      'all spans have come',
      () => [...new Set(collector.spans.map(({ name }) => spanKind(name)))],
      (found) => documented.every((name) => found.includes(name)),
      20_000,
    );
    expect(kinds.sort()).toEqual(documented.sort());
    for (const name of Object.values(STEP_SPANS)) expect(documented).toContain(name);
    expect(collector.refused).toEqual([]);
  });

  test('have the attributes that are named', () => {
    const section = DOCS.split('\n## Traces\n')[1]!.split('\n## ')[0]!;
    const documented = new Set(
      backticked(section).filter((word) => /^(gen_ai|clawhold|error)\.[a-z_.]+$/.test(word)),
    );
    const emitted = new Set(
      collector.spans
        .flatMap(({ attributes }) => Object.keys(valuesOf(attributes)))
        .filter((key) => !key.startsWith('http.')),
    );
    const ofRequests = ['clawhold.request.id'];
    expect([...emitted].filter((key) => !documented.has(key) && !ofRequests.includes(key))).toEqual([]);
    // These depend on settings of the gateway or of the request that this traffic does not have.
    const rare = /messages$|system_instructions|instance$|max_tokens|temperature/;
    expect([...documented].filter((key) => !emitted.has(key) && !rare.test(key))).toEqual([]);
  });
});
