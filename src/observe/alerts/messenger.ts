import { createHmac } from 'node:crypto';
import type { AlertKind, AlertMessage, AlertTarget } from './rule.ts';

/** Pauses before the further tries of a message that was not taken. */
const PAUSES_MS = [1_000, 5_000];
const TIMEOUT_MS = 10_000;
const COMMAND_MS = 30_000;

/** Tells a target. Rejects where it was not told, after some tries; a command has one try. */
export async function tell(
  target: AlertTarget,
  message: AlertMessage,
  pausesMs: readonly number[] = PAUSES_MS,
): Promise<void> {
  if (target.kind === 'command') return run(target.command ?? [], message);
  for (const pauseMs of [...pausesMs, undefined]) {
    try {
      return await post(target, message);
    } catch (error) {
      if (pauseMs === undefined) throw error;
      await Bun.sleep(pauseMs);
    }
  }
}

async function post({ kind, url = '', secret = '' }: AlertTarget, message: AlertMessage): Promise<void> {
  const body = JSON.stringify(kind === 'slack' ? { text: sentence(message) } : message);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(kind === 'webhook' && signature(body, secret)) },
    body,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    redirect: 'error',
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`The target answered ${response.status}.`);
}

/** The headers of the Standard Webhooks specification: receivers can check them with its libraries. */
export function signature(
  body: string,
  secret: string,
  at = Math.floor(Date.now() / 1_000),
): Record<string, string> {
  const id = `msg_${Bun.randomUUIDv7('base64url')}`;
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
  const code = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${code}` };
}

/** The command gets no variable of the gateway but its path: the others hold keys. */
async function run(command: readonly string[], message: AlertMessage): Promise<void> {
  const child = Bun.spawn([...command], {
    env: { PATH: process.env.PATH ?? '' },
    stdin: new Blob([JSON.stringify(message)]),
    stdout: 'ignore',
    stderr: 'ignore',
    timeout: COMMAND_MS,
    killSignal: 'SIGKILL',
  });
  const code = await child.exited;
  if (code !== 0) throw new Error(`The command ended with ${code}.`);
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const perHour = (value: number): string => `$${value.toFixed(2)} per hour`;

/** How a value of each kind is written, and what it is the value of. */
const SHOWN: Readonly<Record<AlertKind, { amount(value: number): string; what: string }>> = {
  error_rate: { amount: percent, what: 'share of turns that failed' },
  latency_p95: { amount: (value) => `${Math.round(value)} ms`, what: '95th percentile of the time of turns' },
  cost_per_hour: { amount: perHour, what: 'cost' },
  spend_spike: { amount: (value) => `${value.toFixed(1)} times`, what: 'cost against the usual cost' },
  breaker_open: { amount: String, what: 'models that are not called' },
  stuck_turn: { amount: (value) => `${Math.round(value / 1_000)} s`, what: 'age of the oldest running turn' },
  disk_used: { amount: percent, what: 'used share of the disk' },
};

/** A message as a sentence for people. */
export function sentence({ alert, when, state, value, above, gateway, host }: AlertMessage): string {
  const { amount, what } = SHOWN[when];
  const now = value === undefined ? 'not known' : amount(value);
  const where = `${gateway} on ${host}`;
  return state === 'firing'
    ? `Alert ${alert} at ${where}: ${what} is ${now} (limit: ${amount(above)}).`
    : `Resolved: ${alert} at ${where}: ${what} is ${now}.`;
}
