import { parseArgs } from 'node:util';
import { startProvider } from '../tests/simulators/provider/provider.ts';

/**
 * The process of a provider that is slow, fails or limits requests. All other requests get the answers of the
 * provider simulator, with its checks.
 */

const { values } = parseArgs({
  options: {
    'delay-ms': { type: 'string', default: '100' },
    /** The share of requests that fail, from 0 to 1. */
    failing: { type: 'string', default: '0' },
    /** Requests per minute. */
    'per-minute': { type: 'string', default: 'Infinity' },
  },
});
const delayMs = Number(values['delay-ms']);
const failing = Number(values.failing);
const perMinute = Number(values['per-minute']);

const error = (status: number, message: string, type: string, headers: Record<string, string> = {}) =>
  Response.json({ error: { message, type, param: null, code: null } }, { status, headers });

/**
 * A limit as OpenAI has it (platform.openai.com/docs/guides/rate-limits): it is refilled steadily, each reply says
 * what is left, and a refusal says when to come again.
 */
class RateLimit {
  /** A minute's limit also bounds each part of it: a burst may have as much as ten seconds. */
  private readonly most = perMinute / 6;
  private left = this.most;
  private filledAt = performance.now();

  take(): { taken: boolean; headers: Record<string, string> } {
    if (perMinute === Number.POSITIVE_INFINITY) return { taken: true, headers: {} };
    const now = performance.now();
    this.left = Math.min(this.most, this.left + ((now - this.filledAt) * perMinute) / 60_000);
    this.filledAt = now;
    const taken = this.left >= 1;
    if (taken) this.left--;
    const seconds = (this.most - this.left) / (perMinute / 60);
    const headers: Record<string, string> = {
      'x-ratelimit-limit-requests': String(this.most),
      'x-ratelimit-remaining-requests': String(Math.floor(this.left)),
      'x-ratelimit-reset-requests': `${seconds.toFixed(3)}s`,
    };
    if (!taken) headers['retry-after'] = '1';
    return { taken, headers };
  }
}

const simulator = startProvider({ keep: 10 });
const limit = new RateLimit();
const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const body = await request.text();
    const { taken, headers } = limit.take();
    if (!taken) return error(429, 'Rate limit reached for requests', 'requests', headers);
    await Bun.sleep(delayMs);
    if (Math.random() < failing) return error(500, 'The server had an error', 'server_error', headers);
    const answer = await fetch(`${simulator.url}${pathname}`, {
      method: request.method,
      body,
      headers: { authorization: 'Bearer sk-simulated', 'content-type': 'application/json' },
      signal: request.signal,
    });
    for (const [name, value] of Object.entries(headers)) answer.headers.set(name, value);
    return answer;
  },
});
console.log(`listening on 127.0.0.1:${server.port}`);
