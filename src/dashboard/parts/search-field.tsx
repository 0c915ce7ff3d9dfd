import { Icon } from './icon.tsx';

/** A field for what a list is searched for; `what` names it. */
export function SearchField({
  what,
  text,
  setText,
}: {
  what: string;
  text: string;
  setText(text: string): void;
}) {
  return (
    <label class="search">
      <span class="hidden">{what}</span>
      <Icon name="search" />
      <input
        type="search"
        placeholder={what}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </label>
  );
}
