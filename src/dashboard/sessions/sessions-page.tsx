import { useEffect, useRef, useState } from 'preact/hooks';
import { tenantUrl } from '../api/client.ts';
import { changes } from '../api/live.ts';
import { usePages } from '../api/pages.ts';
import type { SearchHit, Session } from '../api/types.ts';
import { Failure, Nothing } from '../parts/notice.tsx';
import { SearchField } from '../parts/search-field.tsx';
import { place, setQuery } from '../route.ts';
import { Filters, filterOf } from './filters.tsx';
import { Hits } from './hits.tsx';
import { SessionTable } from './session-table.tsx';

/** How long after the last key a search begins, in milliseconds. */
const PAUSE_MS = 150;

/** All sessions: to find one by its traits, or by what was said. */
export function SessionsPage() {
  const words = place.value.query.get('q') ?? '';
  return (
    <div class="page">
      <header class="page-head">
        <h1>Sessions</h1>
      </header>
      <WordsField words={words} />
      {words === '' ? <FilteredSessions /> : <FoundTurns words={words} />}
    </div>
  );
}

function WordsField({ words }: { words: string }) {
  const [text, setText] = useState(words);
  const sent = useRef(words);
  useEffect(() => {
    // A link, or the way back, has changed the address.
    if (words !== sent.current) setText(words);
    sent.current = words;
  }, [words]);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (text.trim() === sent.current) return;
      sent.current = text.trim();
      setQuery({ q: sent.current });
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return <SearchField what="Search what was said" text={text} setText={setText} />;
}

function FilteredSessions() {
  const url = tenantUrl('sessions', filterOf(place.value.query));
  const { entries, error, more } = usePages<Session>(url, changes.value);
  return (
    <>
      <Filters />
      <Failure error={error} />
      {entries?.length === 0 && <Nothing>No session passes these filters.</Nothing>}
      {entries && entries.length > 0 && <SessionTable sessions={entries} />}
      {more && (
        <button type="button" class="more" onClick={more}>
          Show more
        </button>
      )}
    </>
  );
}

/** A word that is being typed may go on. */
const openEnded = (words: string): string =>
  /[\p{L}\p{N}]{3}$/u.test(words) && !words.includes('"') ? `${words}*` : words;

function FoundTurns({ words }: { words: string }) {
  const { entries, error, more } = usePages<SearchHit>(tenantUrl('search', { q: openEnded(words) }));
  return (
    <>
      <Failure error={error} />
      <p class="hidden" role="status">
        {entries ? `${entries.length} turns found` : ''}
      </p>
      {entries?.length === 0 && <Nothing>Nothing that was said has these words.</Nothing>}
      {entries && <Hits hits={entries} />}
      {more && (
        <button type="button" class="more" onClick={more}>
          Show more
        </button>
      )}
    </>
  );
}
