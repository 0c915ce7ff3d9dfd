import { signal } from '@preact/signals';
import { urlOf } from './client.ts';
import type { AdminEvent } from './types.ts';

/** What happens in the gateway now: one stream of events for all pages. */

/** Whether the stream is open. */
export const connected = signal(true);
/** Grows when turns have begun or ended, at most once a second: what pages show may have changed. */
export const changes = signal(0);
/** The numbers of the last minute. */
export const minute = signal<Extract<AdminEvent, { type: 'minute' }> | undefined>(undefined);
/** The level of overload of the gateway. */
export const overload = signal('calm');

type Listener = (event: AdminEvent) => void;
const listeners = new Set<Listener>();

/** Calls `listener` for each event until the returned function is called. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const TYPES: readonly AdminEvent['type'][] = [
  ...(['turn_started', 'turn_ended', 'call_failed', 'claw_changed'] as const),
  ...(['overload_changed', 'minute', 'missed'] as const),
];
const AGAIN_MS = 1_000;
const CHANGES_EVERY_MS = 1_000;

let isDue = false;
function change(): void {
  if (isDue) return;
  isDue = true;
  setTimeout(() => {
    isDue = false;
    changes.value++;
  }, CHANGES_EVERY_MS);
}

function take(event: AdminEvent): void {
  if (event.type === 'minute') minute.value = event;
  else if (event.type === 'overload_changed') overload.value = event.level;
  else change();
  for (const listener of listeners) listener(event);
}

/** Follows the events until the returned function is called; after an interruption, again. */
export function followEvents(): () => void {
  let source: EventSource | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(urlOf('events'));
    source.onopen = () => {
      if (!connected.value) changes.value++;
      connected.value = true;
    };
    source.onerror = () => {
      connected.value = false;
      source?.close();
      again = setTimeout(open, AGAIN_MS);
    };
    for (const type of TYPES)
      source.addEventListener(type, ({ data }) => take(JSON.parse(data as string) as AdminEvent));
  };
  open();
  return () => {
    clearTimeout(again);
    source?.close();
  };
}
