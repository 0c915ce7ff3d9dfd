import type { SearchHit } from '../api/types.ts';
import { ago, shortId } from '../format.ts';
import { hrefOf } from '../route.ts';

/** Turns in which the words were found. */
export const Hits = ({ hits }: { hits: readonly SearchHit[] }) => (
  <ul class="hits">
    {hits.map((hit) => (
      <li key={hit.turn}>
        <a class="card hit" href={hrefOf(['sessions', hit.session], { turn: hit.turn })}>
          <span class="hit-head">
            <strong>{hit.session_name ?? shortId(hit.session)}</strong>
            <span class="soft small">{ago(hit.created_at)}</span>
          </span>
          <Snippet text={hit.snippet} />
        </a>
      </li>
    ))}
  </ul>
);

/** `[` and `]` enclose what was found. */
const Snippet = ({ text }: { text: string }) => (
  <span class="snippet">
    {text
      .split(/(\[[^\]]*\])/)
      .map((part, index) => (part.startsWith('[') ? <mark key={index}>{part.slice(1, -1)}</mark> : part))}
  </span>
);
