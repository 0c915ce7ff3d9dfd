import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { end, firstMatch, type Gateway, pinned, startGateway } from './processes.ts';
import { quantile } from './statistics.ts';

/**
 * Streams through an alias over three providers: one is slow, one fails, one limits requests. Compared with each
 * of them alone. Run it: `bun bench/mixed-traffic.ts`, or with `--quick`.
 */

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const SECONDS = values.quick ? 8 : 60;
const PER_SECOND = 30;
/** An answer that takes longer is no good answer. */
const GOOD_MS = 5_000;
/** Subjects that are measured at the same time: the latencies are those of the providers. */
const AT_ONCE = 3;

const PROVIDERS = {
  slow: ['--delay-ms', '3000'],
  failing: ['--failing', '0.5'],
  limited: ['--per-minute', '600'],
} as const;
type Provider = keyof typeof PROVIDERS;
const NAMES = Object.keys(PROVIDERS) as Provider[];
const MODEL = 'say-10+pace-10';
/** US dollars per million tokens: what is bad is also cheap. */
const PRICES: Record<Provider, number> = { failing: 1, slow: 2, limited: 3 };

const STRATEGIES = [
  'ordered',
  'weighted',
  'round_robin',
  'least_cost',
  'lowest_latency',
  'highest_throughput',
];
const ALIASES = [
  ...STRATEGIES.map((strategy) => ({ name: strategy, strategy, hedge: false })),
  { name: 'lowest_latency-hedge', strategy: 'lowest_latency', hedge: true },
];
const SUBJECTS = [...NAMES.map((name) => `${name}/${MODEL}`), ...ALIASES.map(({ name }) => name)];

const yamlOf = (ports: Record<Provider, number>): string => {
  const claws = NAMES.map(
    (name) =>
      `  ${name}: { protocol: openai-chat, base_url: 'http://127.0.0.1:${ports[name]}/v1', api_key: sk-simulated,` +
      ` models: [{ id: ${MODEL}, input_price: ${PRICES[name]}, output_price: ${PRICES[name]} }] }\n`,
  );
  const models = NAMES.map((name) => `${name}/${MODEL}`).join(', ');
  const aliases = ALIASES.map(
    ({ name, strategy, hedge }) =>
      `  ${name}: { strategy: ${strategy}, hedge: ${hedge}, models: [${models}] }\n`,
  );
  return `claws:\n${claws.join('')}aliases:\n${aliases.join('')}`;
};

interface Sample {
  isWhole: boolean;
  ms: number;
  firstTokenMs: number;
  by: string;
  status: number;
}

async function measure(model: string): Promise<Sample[]> {
  const children = NAMES.map((name) => {
    const program = join(import.meta.dir, 'unsteady-provider.ts');
    return Bun.spawn(pinned('other', [process.execPath, program, ...PROVIDERS[name]]), {
      stdout: 'pipe',
      stderr: 'inherit',
    });
  });
  const ports = await Promise.all(children.map(({ stdout }) => firstMatch(stdout, /127\.0\.0\.1:(\d+)/)));
  const portOf = Object.fromEntries(NAMES.map((name, index) => [name, Number(ports[index])]));
  const gateway = await startGateway({ provider: 1, yaml: yamlOf(portOf as Record<Provider, number>) });
  try {
    const running: Promise<Sample>[] = [];
    const from = performance.now();
    while (running.length < SECONDS * PER_SECOND) {
      const due = Math.floor(((performance.now() - from) * PER_SECOND) / 1000);
      while (running.length < due) running.push(send(gateway, model));
      await Bun.sleep(5);
    }
    return await Promise.all(running);
  } finally {
    await gateway.stop();
    await Promise.all(children.map((child) => end(child, 'SIGKILL')));
  }
}

async function send({ port, headers }: Gateway, model: string): Promise<Sample> {
  const messages = [{ role: 'user', content: `Question ${crypto.randomUUID()}: what is new?` }];
  const sentAt = performance.now();
  const since = () => performance.now() - sentAt;
  const reply = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream: true, messages }),
  });
  const by = reply.headers.get('x-clawhold-model-id')?.split('/')[0] ?? '';
  let text = '';
  let firstTokenMs = Number.NaN;
  for await (const chunk of reply.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (Number.isNaN(firstTokenMs) && text.includes('word1')) firstTokenMs = since();
  }
  const isWhole = reply.ok && text.includes('word10') && text.includes('[DONE]') && !text.includes('"error"');
  return { isWhole, ms: since(), firstTokenMs, by, status: reply.status };
}

function line(subject: string, samples: readonly Sample[]): string[] {
  const whole = samples.filter(({ isWhole }) => isWhole);
  const good = whole.filter(({ ms }) => ms <= GOOD_MS);
  const share = (part: readonly Sample[]) => `${((100 * part.length) / samples.length).toFixed(1)} %`;
  const ms = (quantity: 'ms' | 'firstTokenMs', at: number) =>
    whole.length === 0
      ? ''
      : `${Math.round(
          quantile(
            whole.map((each) => each[quantity]),
            at,
          ),
        ).toLocaleString('en')} ms`;
  const by = NAMES.map((name) =>
    Math.round((100 * whole.filter((each) => each.by === name).length) / samples.length),
  );
  return [
    subject,
    `${(good.length / SECONDS).toFixed(1)} /s`,
    share(whole),
    ms('ms', 0.5),
    ms('ms', 0.99),
    ms('firstTokenMs', 0.5),
    by.join(' / '),
  ];
}

const HEADERS = [
  'asked for',
  'goodput',
  'whole',
  'p50',
  'p99',
  'first token p50',
  `% by ${NAMES.join(' / ')}`,
];
const wanted = values.only?.split(',');
const subjects = SUBJECTS.filter((name) => !wanted || wanted.some((part) => name.startsWith(part)));
const lines: string[][] = [];
for (let at = 0; at < subjects.length; at += AT_ONCE) {
  const group = subjects.slice(at, at + AT_ONCE);
  const measured = await Promise.all(group.map(measure));
  for (const [index, samples] of measured.entries()) lines.push(line(group[index]!, samples));
}
for (const cells of [HEADERS, HEADERS.map(() => '---'), ...lines]) console.log(`| ${cells.join(' | ')} |`);
