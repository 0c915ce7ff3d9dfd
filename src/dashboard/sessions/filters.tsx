import type { Query } from '../api/client.ts';
import { place, setQuery } from '../route.ts';

/** The filters of the list of sessions, by their names in the query of the page and of the management API. */

const TEXTS = [
  { name: 'name', title: 'Name', hint: 'begin*' },
  { name: 'model', title: 'Model', hint: 'openai/gpt-5' },
  { name: 'user', title: 'User' },
  { name: 'key', title: 'Key' },
  { name: 'tag', title: 'Tag' },
  { name: 'min_cost', title: 'Cost from', hint: 'US dollars' },
] as const;

const STATES = ['completed', 'incomplete', 'failed', 'cancelled'];
const AGES = [
  ['1h', 'last hour'],
  ['24h', 'last 24 hours'],
  ['7d', 'last 7 days'],
  ['30d', 'last 30 days'],
] as const;

const NAMES = [...TEXTS.map(({ name }) => name), 'state', 'since', 'claw', 'alias', 'error'];

/** On a phone, the filters are folded. */
const isWide = matchMedia('(min-width: 800px)');

/** The filters that the address has. */
export const filterOf = (query: URLSearchParams): Query =>
  Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? undefined]));

export function Filters() {
  const { query } = place.value;
  const change = (name: string) => (event: { currentTarget: { value: string } }) =>
    setQuery({ [name]: event.currentTarget.value.trim() });
  const isOpen = isWide.matches || NAMES.some((name) => query.has(name));
  return (
    <details class="filters-box" open={isOpen}>
      <summary>Filters</summary>
      <div class="filters">
        <label class="field">
          <span class="label">A turn is</span>
          <select value={query.get('state') ?? ''} onChange={change('state')}>
            <option value="">in any state</option>
            {STATES.map((state) => (
              <option key={state}>{state}</option>
            ))}
          </select>
        </label>
        <label class="field">
          <span class="label">Active</span>
          <select value={query.get('since') ?? ''} onChange={change('since')}>
            <option value="">at any time</option>
            {AGES.map(([age, title]) => (
              <option key={age} value={age}>
                {title}
              </option>
            ))}
          </select>
        </label>
        {TEXTS.map(({ name, title, ...rest }) => (
          <label class="field" key={name}>
            <span class="label">{title}</span>
            <input
              value={query.get(name) ?? ''}
              placeholder={'hint' in rest ? rest.hint : ''}
              inputMode={name === 'min_cost' ? 'decimal' : undefined}
              onChange={change(name)}
            />
          </label>
        ))}
      </div>
    </details>
  );
}
