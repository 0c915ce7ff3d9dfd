import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asJson, asText } from '../simulators/provider/shape.ts';
import type { Held } from './reload-child.ts';

const EVERY_MS = 100;
const LANES = 12;
const CLIENT_KEY = 'sk-of-a-client-0123456789';
const ANSWER = /^(word\d+ ?)+$/;

export interface ReloadSummary {
  reloads: number;
  answers: number;
  failures: string[];
  /** After warming up, in the middle, and when everything has ended. */
  held: Held[];
}

/** Reads another configuration ten times a second, in each of the three ways, while clients stream answers. */
export class ReloadSoak {
  private readonly provider: Provider = startProvider({ keep: 0 });
  private readonly directory = temporaryDirectory();
  private child!: Bun.Subprocess;
  private url = '';
  private reply = Promise.withResolvers<Held>();
  private readonly summary: ReloadSummary = { reloads: 0, answers: 0, failures: [], held: [] };
  private hasEnded = false;

  async run(seconds: number): Promise<ReloadSummary> {
    try {
      await this.start();
      const lanes = Array.from({ length: LANES }, (_, lane) => this.lane(lane));
      await this.reloadFor(1);
      this.summary.held.push(await this.ask());
      await this.reloadFor(seconds / 2);
      this.summary.held.push(await this.ask());
      await this.reloadFor(seconds / 2);
      this.hasEnded = true;
      await Promise.all(lanes);
      // Connections of clients and of the provider close a moment later.
      await Bun.sleep(500);
      this.summary.held.push(await this.ask());
    } finally {
      this.child?.disconnect();
      await this.child?.exited;
      this.provider.stop();
      rmSync(this.directory, { recursive: true, force: true });
    }
    return this.summary;
  }

  private start(): Promise<void> {
    this.write(0);
    return new Promise((resolve) => {
      this.child = Bun.spawn([process.execPath, join(import.meta.dir, 'reload-child.ts')], {
        cwd: this.directory,
        env: {
          PATH: process.env.PATH ?? '',
          CLAWHOLD_PORT: '0',
          CLAWHOLD_DATA_DIR: join(this.directory, 'data'),
          CLAWHOLD_ROOT_KEY: ROOT_KEY,
          CLAWHOLD_DETECT: 'false',
          CLAWHOLD_LOG_LEVEL: 'error',
        },
        stdout: 'inherit',
        stderr: 'inherit',
        ipc: (message: Held | { url: string }) => {
          if ('url' in message) {
            this.url = message.url;
            resolve();
          } else this.reply.resolve(message);
        },
      });
    });
  }

  private ask(): Promise<Held> {
    this.reply = Promise.withResolvers();
    this.child.send('held');
    return this.reply.promise;
  }

  /** Every claw, alias, key and timeout differs from the configuration before. */
  private write(version: number): void {
    const [one, other] = version % 2 === 0 ? ['first', 'second'] : ['second', 'first'];
    const yaml = `
claws:
  ${one}:
    protocol: openai-chat
    base_url: ${this.provider.url}/v1
    instances: [{ api_key: sk-simulated-${version} }, { name: b, api_key: sk-simulated-b }]
  ${other}: { protocol: anthropic, base_url: '${this.provider.url}', api_key: sk-simulated-${version} }
aliases: { fast: ${one}/say-30+pace-10, spare: [${other}/say-30+pace-10, ${one}/say-3] }
keys: [{ name: client-${version}, key: ${CLIENT_KEY} }]
timeouts: { idle_ms: ${10_000 + version} }
limits: { session_queue: ${100 + version} }
`;
    writeFileSync(join(this.directory, 'next.yaml'), yaml);
    renameSync(join(this.directory, 'next.yaml'), join(this.directory, 'clawhold.yaml'));
  }

  private async reloadFor(seconds: number): Promise<void> {
    for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
      const version = ++this.summary.reloads;
      const next = Bun.sleep(EVERY_MS);
      if (version % 10 === 9) {
        // A mistake, which changes nothing.
        writeFileSync(join(this.directory, 'clawhold.yaml'), 'claws: { first: { protocol: none } }');
      } else this.write(version);
      if (version % 3 === 0) process.kill(this.child.pid, 'SIGHUP');
      else if (version % 3 === 1) await this.reloadByRoute(version % 10 === 9 ? 422 : 200);
      await next;
    }
  }

  private async reloadByRoute(expected: number): Promise<void> {
    const headers = { authorization: `Bearer ${ROOT_KEY}` };
    const { status } = await fetch(`${this.url}/admin/reload`, { method: 'POST', headers });
    if (status !== expected) this.summary.failures.push(`reload: ${status}`);
  }

  private async lane(lane: number): Promise<void> {
    for (let number = 0; !this.hasEnded; number++) {
      const isStreamed = (lane + number) % 4 !== 0;
      try {
        const text = await this.answer(lane % 2 === 0 ? 'fast' : 'spare', isStreamed, `Question ${number}`);
        if (!ANSWER.test(text)) throw new Error(`the answer is ${JSON.stringify(text)}`);
        this.summary.answers++;
      } catch (error) {
        this.summary.failures.push(`${isStreamed ? 'stream' : 'answer'}: ${(error as Error).message}`);
        await Bun.sleep(50);
      }
    }
  }

  /** Nothing is kept: the memory of sessions would hide a leak. */
  private async answer(model: string, stream: boolean, content: string): Promise<string> {
    const response = await fetch(`${this.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${CLIENT_KEY}`, 'x-clawhold-keep': 'false' },
      body: JSON.stringify({ model, stream, messages: [{ role: 'user', content }] }),
    });
    const body = await response.text();
    if (response.status !== 200) throw new Error(`${response.status} ${body}`);
    if (!stream) return textOf(JSON.parse(body), 'message');
    if (!body.endsWith('data: [DONE]\n\n')) throw new Error(`the stream was cut: ${body.slice(-300)}`);
    const events = [...body.matchAll(/^data: (\{.*)$/gm)];
    return events.map(([, data]) => textOf(JSON.parse(data!), 'delta')).join('');
  }
}

function textOf(body: unknown, field: 'message' | 'delta'): string {
  const { error, choices } = asJson(body);
  if (error !== undefined) throw new Error(JSON.stringify(error));
  const [choice] = Array.isArray(choices) ? choices : [];
  const { content } = asJson(asJson(choice ?? { [field]: {} })[field]);
  return typeof content === 'string' ? asText(content) : '';
}
