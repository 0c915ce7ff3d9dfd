import { urlOf } from '../api/client.ts';
import { changes } from '../api/live.ts';
import { useLoaded } from '../api/load.ts';
import type { Claw, ClawList } from '../api/types.ts';
import { Failure } from '../parts/notice.tsx';
import { ClawCard } from './claw-card.tsx';

/** Every claw: how it is, and what could be turned on. */
export function ClawsPage() {
  const { data, error } = useLoaded<ClawList>(urlOf('claws'), changes.value);
  const claws = data?.data ?? [];
  const on = claws.filter((claw) => claw.on);
  const off = claws.filter((claw) => !claw.on);
  return (
    <div class="page">
      <header class="page-head">
        <h1>Claws</h1>
      </header>
      <Failure error={error} />
      {on.map((claw) => (
        <ClawCard key={claw.name} claw={claw} />
      ))}
      {off.length > 0 && <Off claws={off} />}
    </div>
  );
}

const Off = ({ claws }: { claws: readonly Claw[] }) => (
  <details class="card">
    <summary>{claws.length} more providers can be turned on</summary>
    <ul class="providers-off">
      {claws.map(({ name, turn_on_with: how }) => (
        <li key={name}>
          {name} {how && <span class="soft small">{how}</span>}
        </li>
      ))}
    </ul>
  </details>
);
