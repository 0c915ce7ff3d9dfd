import { useState } from 'preact/hooks';
import { type ApiError, send, tenantUrl } from '../api/client.ts';
import type { SessionDetail } from '../api/types.ts';
import { ago, compact, count, money, shortId } from '../format.ts';
import { Icon } from '../parts/icon.tsx';
import { go, hrefOf } from '../route.ts';
import { SessionExtras } from './session-extras.tsx';

/** What a session is, and what can be done with it. */
export function SessionHead({ session }: { session: SessionDetail }) {
  const { id, name, tags, turns, failed_turns: failed } = session;
  return (
    <header class="session-head">
      <div class="page-head">
        <div>
          <p class="small">
            <a href={hrefOf(['sessions'])}>Sessions</a>
          </p>
          <h1>{name ?? shortId(id)}</h1>
        </div>
        <Actions session={session} />
      </div>
      <p class="session-facts soft small">
        <span>
          {count(turns)} {turns === 1 ? 'turn' : 'turns'}
          {failed > 0 && `, ${count(failed)} failed`}
        </span>
        <span>{compact(session.input_tokens + session.output_tokens)} tokens</span>
        <span>{money(session.cost_usd)}</span>
        <span>active {ago(session.updated_at)}</span>
        <span class="mono">{id}</span>
        {tags.map((tag) => (
          <span class="chip" key={tag}>
            {tag}
          </span>
        ))}
      </p>
      <SessionExtras session={session} />
    </header>
  );
}

const FORMS = [
  ['clawhold', 'JSON lines, with everything'],
  ['openai', 'Messages of OpenAI'],
  ['markdown', 'Markdown'],
] as const;

function Actions({ session }: { session: SessionDetail }) {
  const path = `sessions/${session.id}`;
  return (
    <div class="actions">
      <a class="button" href={hrefOf(['playground'], { session: session.id })}>
        <Icon name="playground" /> Talk
      </a>
      <details class="menu">
        <summary class="button">Export</summary>
        <ul>
          {FORMS.map(([form, title]) => (
            <li key={form}>
              <a href={tenantUrl(`${path}/export`, { form })} download={fileOf(session, form)}>
                {title}
              </a>
            </li>
          ))}
        </ul>
      </details>
      <Delete session={session} />
    </div>
  );
}

const ENDINGS = { clawhold: 'jsonl', openai: 'json', markdown: 'md' };
const fileOf = ({ name, id }: SessionDetail, form: keyof typeof ENDINGS): string =>
  `${(name ?? id).replace(/[^\w.-]+/g, '-')}.${ENDINGS[form]}`;

/** Asks once more before a session is deleted. */
function Delete({ session }: { session: SessionDetail }) {
  const [asks, setAsks] = useState(false);
  const [error, setError] = useState<string>();
  const remove = () =>
    send('DELETE', tenantUrl(`sessions/${session.id}`)).then(
      () => go(hrefOf(['sessions'])),
      (failure: ApiError) => setError(failure.message),
    );
  if (!asks)
    return (
      <button type="button" onClick={() => setAsks(true)}>
        Delete
      </button>
    );
  return (
    <span class="actions" role="alert">
      {error ?? 'Delete this session?'}
      <button type="button" onClick={remove}>
        Delete
      </button>
      <button type="button" class="quiet" onClick={() => setAsks(false)}>
        Keep
      </button>
    </span>
  );
}
