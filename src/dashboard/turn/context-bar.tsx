import type { Receipt } from '../api/types.ts';
import { count } from '../format.ts';

type Context = NonNullable<Receipt['context']>;

/** What of the conversation the model got, as a bar of tokens. Lengths are shares of everything there was. */
export function ContextBar({ context }: { context: Context }) {
  const { tokens, recalled_tokens: recalled, dropped_tokens: dropped, limit, reserved } = context;
  const parts = [
    { name: 'Kept', colour: 'one', tokens: tokens - recalled },
    { name: 'Recalled', colour: 'two', tokens: recalled },
    { name: 'Left out', colour: 'off', tokens: Math.max(0, dropped - recalled) },
  ];
  const all = parts.reduce((sum, part) => sum + part.tokens, 0) || 1;
  return (
    <figure class="context">
      <figcaption>
        <span class="label">Context</span>
        <span class="small soft">
          policy {context.policy}; {count(context.kept_turns)} earlier turns kept whole; room for{' '}
          {count(limit - reserved)} tokens
        </span>
      </figcaption>
      <div class="bar" aria-hidden="true">
        {parts.map((part) => (
          <span
            key={part.name}
            class={`swatch ${part.colour}`}
            style={{ width: `${(part.tokens / all) * 100}%` }}
          />
        ))}
      </div>
      <ul class="legend">
        {parts.map((part) => (
          <li key={part.name}>
            <span class={`swatch ${part.colour}`} />
            {part.name} {count(part.tokens)}
          </li>
        ))}
      </ul>
      <Recalled context={context} />
    </figure>
  );
}

function Recalled({ context: { pinned, retrieved } }: { context: Context }) {
  if (pinned.length + retrieved.length === 0) return null;
  return (
    <ul class="recalled small">
      {pinned.map((id) => (
        <li key={id}>
          <span class="chip">pinned</span> <span class="mono">{id}</span>
        </li>
      ))}
      {retrieved.map(({ id, score }) => (
        <li key={id}>
          <span class="chip">retrieved, {score.toFixed(2)}</span> <span class="mono">{id}</span>
        </li>
      ))}
    </ul>
  );
}
