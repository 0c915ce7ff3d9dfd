import { Nothing } from '../parts/notice.tsx';
import { hrefOf, place, setQuery } from '../route.ts';
import { Conversation } from '../sessions/conversation.tsx';
import { Composer } from './composer.tsx';
import { KnownModels } from './model-field.tsx';

/**
 * Talks in one session, or in two copies of one side by side. The address says in which sessions (`session`,
 * `beside`), with which models (`model`, `second`), and from which turn on (`turn`).
 */
export function PlaygroundPage() {
  const { query } = place.value;
  const session = query.get('session') ?? '';
  const beside = query.get('beside') ?? '';
  return (
    <div class="playground">
      <header class="playground-head">
        <h1>Playground</h1>
        <button type="button" onClick={() => setQuery({ session: '', beside: '', turn: '' })}>
          New session
        </button>
      </header>
      <div class="columns">
        {session === '' ? (
          <Nothing>Choose a model and say something. The first message makes a session.</Nothing>
        ) : (
          <Column session={session} title={beside === '' ? '' : (query.get('model') ?? '')} />
        )}
        {beside !== '' && <Column session={beside} title={query.get('second') ?? ''} />}
      </div>
      <KnownModels />
      <Composer />
    </div>
  );
}

/** One of the conversations. */
function Column({ session, title }: { session: string; title: string }) {
  const turn = place.value.query.get('turn') ?? undefined;
  return (
    <section class="column" aria-label={title || 'Conversation'}>
      {title && (
        <p class="column-head small">
          <strong>{title}</strong> <a href={hrefOf(['sessions', session])}>Open the session</a>
        </p>
      )}
      <Conversation key={session} session={session} turn={turn} onWalk={(next) => setQuery({ turn: next })} />
    </section>
  );
}
