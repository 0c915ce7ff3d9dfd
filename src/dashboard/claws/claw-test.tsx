import { useState } from 'preact/hooks';
import { type ApiError, send, urlOf } from '../api/client.ts';
import type { ClawTest } from '../api/types.ts';
import { duration, money } from '../format.ts';

type Result = 'waits' | string;

/** Asks a model of the claw for a few tokens. */
export function ClawTestButton({ name }: { name: string }) {
  const [result, setResult] = useState<Result>();
  const test = async () => {
    setResult('waits');
    const done = send<ClawTest>('POST', urlOf(`claws/${encodeURIComponent(name)}/test`), {});
    setResult(await done.then(textOf, ({ message }: ApiError) => message));
  };
  return (
    <span class="claw-test">
      <span class="small soft" role="status">
        {result === 'waits' ? 'Testing…' : result}
      </span>
      <button type="button" onClick={test} disabled={result === 'waits'} aria-label={`Test ${name}`}>
        Test
      </button>
    </span>
  );
}

function textOf({ ok, model, ms, cost_usd: cost, error, message }: ClawTest): string {
  if (ok) return `${model} answered in ${duration(ms)} for ${money(cost)}`;
  return `${model}: ${error ?? 'failed'}${message ? `, ${message}` : ''}`;
}
