import { useEffect, useState } from 'preact/hooks';
import { send, urlOf } from '../api/client.ts';
import type { RunningTurn } from '../api/types.ts';
import { duration } from '../format.ts';
import { Nothing } from '../parts/notice.tsx';
import { State } from '../parts/state.tsx';
import { hrefOf } from '../route.ts';

/** The turns that run, with how long they have run. */
export function RunningTurns({ turns }: { turns?: RunningTurn[] }) {
  return (
    <section class="card" aria-labelledby="running-turns">
      <h2 id="running-turns">Running turns</h2>
      {turns?.length === 0 && <Nothing>No turn is running.</Nothing>}
      <ul class="rows">
        {turns?.map((turn) => (
          <Running key={turn.id} turn={turn} />
        ))}
      </ul>
    </section>
  );
}

function Running({ turn }: { turn: RunningTurn }) {
  const age = useAge(turn.age_ms);
  const model = turn.answering ?? turn.asked_model;
  const cancel = () =>
    send('POST', urlOf(`turns/${turn.id}/cancel`, { tenant: turn.tenant })).catch(() => {});
  return (
    <li>
      <a href={hrefOf(['sessions', turn.session], { turn: turn.id })}>{model}</a>
      <State of={turn.state} />
      <span class="soft small">{duration(age)}</span>
      <button type="button" class="quiet" onClick={cancel}>
        Cancel
      </button>
    </li>
  );
}

/** An age that grows every second. */
function useAge(ms: number): number {
  const [age, setAge] = useState(ms);
  useEffect(() => {
    const start = Date.now() - ms;
    setAge(ms);
    const timer = setInterval(() => setAge(Date.now() - start), 1_000);
    return () => clearInterval(timer);
  }, [ms]);
  return age;
}
