import type { Admin } from '../../api/admin/admin.ts';
import type { LiveEvent } from '../../api/admin/live-events.ts';
import { conversationId, responseId } from '../../core/ids.ts';
import { dollars } from '../../core/usage.ts';
import { events, type RouteDoc } from '../published.ts';
import type { Route } from '../route.ts';
import { iso } from './fields.ts';
import { AdminEvent, type EVENTS } from './gateway-schemas.ts';
import { eventStream, type SentEvent } from './sse.ts';
import { usd } from './views.ts';

/** What happens in the gateway, as one stream. */
export function eventRoutes(admin: Admin): Route[] {
  return [
    {
      method: 'GET',
      path: '/admin/v1/events',
      access: 'root',
      doc: DOC,
      handle: ({ request }) => eventStream(request.signal, (gone) => eventsOf(admin, gone)),
    },
  ];
}

const DOC: RouteDoc = {
  what: 'Streams what happens in the gateway, in all of its workers: turns, failed calls, health of claws, and the numbers of the last minute.',
  replies: [events(AdminEvent)],
};

/** How often the numbers of the last minute are sent, in milliseconds. */
const MINUTE_EVERY_MS = 5_000;
/** Events that wait for a slow reader. */
const MOST_WAITING = 1_000;

type Shown = { type: keyof typeof EVENTS } & Record<string, unknown>;

async function* eventsOf({ follow, turns, lastMinute }: Admin, gone: AbortSignal): AsyncIterable<SentEvent> {
  let waiting: Shown[] = [];
  let missed = 0;
  let news = Promise.withResolvers<void>();
  const add = (event: Shown) => {
    if (waiting.length >= MOST_WAITING) missed++;
    else waiting.push(event);
    news.resolve();
  };
  const minute = async () => {
    const [{ turns: all, failed, input, output, cost, overload }, running] = await Promise.all([
      lastMinute(),
      turns.running(),
    ]);
    const sums = { turns: all, failed_turns: failed, input_tokens: input, output_tokens: output };
    add({
      type: 'minute',
      at: iso(Date.now()),
      ...sums,
      cost_usd: usd(cost),
      running: running.length,
      overload,
    });
  };
  const leave = follow({
    happened: (event) => add(eventView(event)),
    missed(events) {
      missed += events;
      news.resolve();
    },
  });
  const timer = setInterval(() => void minute(), MINUTE_EVERY_MS);
  const wake = () => news.resolve();
  gone.addEventListener('abort', wake);
  void minute();
  try {
    while (!gone.aborted) {
      await news.promise;
      news = Promise.withResolvers<void>();
      const batch = waiting;
      waiting = [];
      for (const data of batch) yield { event: data.type, data };
      if (missed > 0) {
        const events = missed;
        missed = 0;
        yield { event: 'missed', data: { type: 'missed', at: iso(Date.now()), events } };
      }
    }
  } finally {
    leave();
    clearInterval(timer);
    gone.removeEventListener('abort', wake);
  }
}

type TurnEvent = Extract<LiveEvent, { type: 'turn-started' | 'turn-ended' }>;

const turnOf = ({ turn, tenant, session, asked }: TurnEvent) => ({
  ...{ turn: responseId(turn), tenant, session: conversationId(session) },
  ...{ key: asked?.key ?? null, asked_model: asked?.model ?? null },
});

/** The event as readers see it. */
function eventView(event: LiveEvent): Shown {
  const at = iso(event.at);
  switch (event.type) {
    case 'turn-started':
      return { type: 'turn_started', at, ...turnOf(event) };
    case 'turn-ended': {
      const { state, error = null, answeredBy = null, ms, input, output, cost } = event;
      return {
        ...{ type: 'turn_ended', at, ...turnOf(event), state, error, model: answeredBy, ms },
        ...{ input_tokens: input, output_tokens: output },
        cost_usd: cost === undefined ? null : dollars(cost),
      };
    }
    case 'call-failed': {
      const { turn, candidate: model, code: error } = event;
      return { type: 'call_failed', at, turn: responseId(turn), model, error };
    }
    case 'breaker-changed': {
      const { candidate: model, state: breaker, reason = null } = event;
      return { type: 'claw_changed', at, model, breaker, reason };
    }
    case 'overload-changed':
      return { type: 'overload_changed', at, level: event.level };
  }
}
