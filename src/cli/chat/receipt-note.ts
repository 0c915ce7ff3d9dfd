import { count, money } from './turn-note.ts';

/** How an answer came about, as `GET /v1/responses/{id}/receipt` tells it: the fields that the chat shows. */
export interface Receipt {
  model: string | null;
  route: { alias: string | null; strategy: string; reason: string } | null;
  failed_calls: { model: string; code: string; ms: number }[];
  context: {
    policy: string;
    limit: number;
    tokens: number;
    kept_turns: number;
    dropped_tokens: number;
    pinned: string[];
    retrieved: { id: string; score: number }[];
  } | null;
  timings: { first_delta_ms: number | null; total_ms: number };
  tokens: {
    input: number;
    expected_input: number | null;
    output: number;
    cached: number;
    expected_cached: number;
  } | null;
  cost_usd: number | null;
  cost_of_everything_usd: number | null;
  cost_of_everything_cached_usd: number | null;
}

/** The receipt of an answer, as lines of text. */
export function receiptNote(receipt: Receipt): string {
  const { timings, tokens } = receipt;
  const lines = [answered(receipt), ...receipt.failed_calls.map(failed), ...context(receipt)];
  if (tokens) {
    lines.push(
      `Tokens: ${count(tokens.input)} in${expected(tokens.expected_input)}, of which ${count(tokens.cached)} cached (${count(tokens.expected_cached)} expected), ${count(tokens.output)} out.`,
    );
  }
  const first =
    timings.first_delta_ms === null ? '' : `first words after ${count(timings.first_delta_ms)} ms, `;
  lines.push(`Time: ${first}all after ${count(timings.total_ms)} ms.`, ...cost(receipt));
  return lines.join('\n');
}

function answered({ model, route }: Receipt): string {
  const name = model ?? 'No model';
  if (!route) return `${name} answered.`;
  const alias = route.alias === null ? '' : `, for ${route.alias}`;
  return `${name} answered${alias}: strategy ${route.strategy}, reason ${route.reason}.`;
}

const expected = (input: number | null): string => (input === null ? '' : ` (${count(input)} expected)`);

const failed = ({ model, code, ms }: Receipt['failed_calls'][number]): string =>
  `${model} failed before it: ${code} after ${count(ms)} ms.`;

function context({ context: sent }: Receipt): string[] {
  if (!sent) return [];
  const { policy, limit, tokens, kept_turns: turns, dropped_tokens: dropped, pinned, retrieved } = sent;
  const whole = `Context: about ${count(tokens)} of ${count(limit)} tokens, with ${count(turns)} earlier turns`;
  if (dropped === 0) return [`${whole}: the whole session.`];
  return [
    `${whole} (policy ${policy}). About ${count(dropped)} tokens of older turns are left out, except`,
    `${count(pinned.length)} standing instructions and ${count(retrieved.length)} excerpts.`,
  ];
}

function cost(receipt: Receipt): string[] {
  const { cost_usd: paid, cost_of_everything_usd: uncached } = receipt;
  if (paid === null) return [];
  const { cost_of_everything_cached_usd: cached } = receipt;
  const compared =
    uncached === null || cached === null
      ? ''
      : `; with the whole session about ${money(uncached)}, or ${money(cached)} from the prompt cache`;
  return [`Cost: ${money(paid)}${compared}.`];
}
