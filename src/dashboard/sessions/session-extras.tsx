import type { SessionDetail } from '../api/types.ts';
import { Fold } from '../turn/items.tsx';

/** Pins and values, which are beside the turns. */
export function SessionExtras({ session: { pins, values } }: { session: SessionDetail }) {
  if (pins.length + values.length === 0) return null;
  return (
    <Fold title={`${pins.length} pins, ${values.length} values`}>
      <ul class="extras">
        {pins.map(({ id, kind, text }) => (
          <li key={id}>
            <span class="chip">{kind}</span> {text}
          </li>
        ))}
        {values.map(({ key, value }) => (
          <li key={key}>
            <span class="mono">{key}</span> <span class="mono soft">{JSON.stringify(value)}</span>
          </li>
        ))}
      </ul>
    </Fold>
  );
}
