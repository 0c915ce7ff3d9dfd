import type { Claw } from '../api/types.ts';
import { count, duration } from '../format.ts';
import { Nothing } from '../parts/notice.tsx';
import { State } from '../parts/state.tsx';
import { hrefOf } from '../route.ts';

/** The claws that are on, with the latency of the last day. */
export function ClawHealth({ claws }: { claws?: Claw[] }) {
  const on = claws?.filter((claw) => claw.on) ?? [];
  return (
    <section class="card" aria-labelledby="claw-health">
      <h2 id="claw-health">Claws</h2>
      {claws && on.length === 0 && <Nothing>No claw is on. Set the key of a provider.</Nothing>}
      <ul class="rows">
        {on.map(({ name, health, last_day: day }) => (
          <li key={name}>
            <a href={hrefOf(['claws'])}>{name}</a>
            <State of={health} />
            <span class="soft small">
              {day ? `${count(day.turns)} turns, p95 ${duration(day.total_ms.p95)}` : 'no turns in 24 hours'}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
