import { Icon } from './icon.tsx';

/** A field for a part of the names that a list shows. */
export function NameFilter({ part, setPart }: { part: string; setPart(part: string): void }) {
  return (
    <label class="search">
      <span class="hidden">Part of a name</span>
      <Icon name="search" />
      <input
        type="search"
        placeholder="Part of a name"
        value={part}
        onInput={(event) => setPart(event.currentTarget.value)}
      />
    </label>
  );
}
