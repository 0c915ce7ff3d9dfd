import type { TargetedKeyboardEvent } from 'preact';
import { useState } from 'preact/hooks';
import type { ApiError } from '../api/client.ts';
import { asked } from '../api/live.ts';
import { Failure } from '../parts/notice.tsx';
import { place, setQuery } from '../route.ts';
import { askBoth, type Places } from './ask.ts';
import { ModelField } from './model-field.tsx';

const placesOf = (query: URLSearchParams): Places => ({
  session: query.get('session') ?? '',
  beside: query.get('beside') ?? '',
  model: query.get('model') ?? '',
  second: query.get('second') ?? '',
  turn: query.get('turn') ?? '',
});

/** Where one writes, and chooses who answers. */
export function Composer() {
  const places = placesOf(place.value.query);
  const [text, setText] = useState('');
  const [compares, setCompares] = useState(places.second !== '');
  const [error, setError] = useState<ApiError>();
  const [waits, setWaits] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    if (text.trim() === '' || waits) return;
    setWaits(true);
    try {
      const now = await askBoth({ ...places, second: compares ? places.second : '' }, text);
      setText('');
      setError(undefined);
      setQuery({ ...now });
      asked.value++;
    } catch (failure) {
      setError(failure as ApiError);
    }
    setWaits(false);
  };
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    event.currentTarget.form?.requestSubmit();
  };
  return (
    <form class="composer" onSubmit={send}>
      <Failure error={error} />
      {places.turn !== '' && (
        <p class="small soft">The next message goes to a copy of the session up to the chosen turn.</p>
      )}
      <div class="composer-models">
        <ModelField label="Model" name="model" value={places.model} />
        {compares && <ModelField label="Second model" name="second" value={places.second} />}
        <label class="check">
          <input
            type="checkbox"
            checked={compares}
            onChange={(event) => setCompares(event.currentTarget.checked)}
          />
          Compare two models
        </label>
      </div>
      <div class="composer-text">
        <textarea
          aria-label="Message"
          placeholder="Message; Enter sends it, Shift-Enter begins a new line"
          rows={3}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" class="primary" disabled={waits || text.trim() === ''}>
          Send
        </button>
      </div>
    </form>
  );
}
