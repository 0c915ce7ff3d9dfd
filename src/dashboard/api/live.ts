import { signal } from '@preact/signals';
import { urlOf } from './client.ts';
import type { AdminEvent } from './types.ts';

/** What happens in the gateway now: one stream of events for all pages. */

/** Whether the stream is open. */
export const connected = signal(true);
/** Grows when turns have begun or ended, at most every two seconds: what lists show may have changed. */
export const changes = signal(0);
/** Grows whenever the stream is open again: events may have been missed. */
export const returns = signal(0);
/** Grows when this page has asked for a turn. */
export const asked = signal(0);
/** The numbers of the last minute. */
export const minute = signal<Extract<AdminEvent, { type: 'minute' }> | undefined>(undefined);
/** The level of overload of the gateway, as of the last minute's numbers. */
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
const CHANGES_EVERY_MS = 2_000;

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
  if (event.type === 'minute') {
    minute.value = event;
    overload.value = event.overload;
  } else change();
  for (const listener of listeners) listener(event);
}

/**
 * Follows the events until the returned function is called; after an interruption, again. A page that nobody sees
 * follows nothing: browsers keep few connections to one server.
 */
export function followEvents(): () => void {
  let source: EventSource | undefined;
  let again: ReturnType<typeof setTimeout> | undefined;
  const close = () => {
    clearTimeout(again);
    source?.close();
    source = undefined;
  };
  const open = () => {
    close();
    source = new EventSource(urlOf('events'));
    source.onopen = () => {
      connected.value = true;
      returns.value++;
      changes.value++;
    };
    source.onerror = () => {
      connected.value = false;
      close();
      again = setTimeout(open, AGAIN_MS);
    };
    for (const type of TYPES)
      source.addEventListener(type, ({ data }) => take(JSON.parse(data as string) as AdminEvent));
  };
  const onVisibility = () => (document.hidden ? close() : open());
  document.addEventListener('visibilitychange', onVisibility);
  open();
  return () => {
    document.removeEventListener('visibilitychange', onVisibility);
    close();
  };
}
