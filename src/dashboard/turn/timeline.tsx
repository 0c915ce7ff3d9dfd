import type { Receipt } from '../api/types.ts';
import { duration } from '../format.ts';

interface Span {
  name: string;
  note: string;
  tone: 'bad' | 'off' | 'one';
  from: number;
  ms: number;
}

/** The calls of a turn, one after the other, until its end. */
export function Timeline({ receipt }: { receipt: Receipt }) {
  const spans = spansOf(receipt);
  const total = Math.max(receipt.timings.total_ms, 1);
  return (
    <div class="timeline">
      <p class="label">Time line</p>
      <ol>
        {spans.map(({ name, note, tone, from, ms }, index) => (
          <li key={index}>
            <span class="timeline-name small">{name}</span>
            <span class="timeline-track" aria-hidden="true">
              <span
                class={`swatch ${tone}`}
                style={{ left: `${share(from, total)}%`, width: `${Math.max(share(ms, total), 0.6)}%` }}
              />
            </span>
            <span class="soft small">{note}</span>
          </li>
        ))}
      </ol>
    </div>
  );
}

const share = (ms: number, total: number): number => Math.min(100, (ms / total) * 100);

function spansOf({ failed_calls: failed, timings, model, status }: Receipt): Span[] {
  const { first_delta_ms: first, total_ms: total } = timings;
  let at = 0;
  const spans: Span[] = failed.map((call) => {
    const span = {
      name: call.model,
      note: `${call.code}, ${duration(call.ms)}`,
      tone: 'bad' as const,
      from: at,
      ms: call.ms,
    };
    at += call.ms;
    return span;
  });
  if (model === null || first === null) return spans;
  const begun = Math.max(first, at);
  return [
    ...spans,
    { name: 'until the first token', note: duration(begun - at), tone: 'off', from: at, ms: begun - at },
    {
      name: model,
      note: `${status}, ${duration(total - begun)}`,
      tone: 'one',
      from: begun,
      ms: total - begun,
    },
  ];
}
