import type { Admin } from '../../api/admin/admin.ts';
import { candidateKey } from '../../core/candidate.ts';
import type { GatewayEvent } from '../../core/events.ts';
import { conversationId, responseId } from '../../core/ids.ts';
import type { Intent } from '../../core/turn.ts';
import { dollars } from '../../core/usage.ts';
import { events, type RouteDoc } from '../published.ts';
import type { Route } from '../route.ts';
import { iso } from './fields.ts';
import { AdminEvent, type EVENTS } from './gateway-schemas.ts';
import { eventStream, type SentEvent } from './sse.ts';
import { usd } from './views.ts';

/** What happens in this process, as one stream. */
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
  what: 'Streams what happens in this process: turns, failed calls, health of claws, and the numbers of the last minute of all processes.',
  replies: [events(AdminEvent)],
};

/** How often the numbers of the last minute are sent, in milliseconds. */
const MINUTE_EVERY_MS = 5_000;
/** Events that wait for a slow reader. */
const MOST_WAITING = 1_000;

type Shown = { type: keyof typeof EVENTS } & Record<string, unknown>;

async function* eventsOf({ watch, turns, lastMinute }: Admin, gone: AbortSignal): AsyncIterable<SentEvent> {
  let waiting: Shown[] = [];
  let missed = 0;
  let news = Promise.withResolvers<void>();
  const add = (event: Shown) => {
    if (waiting.length >= MOST_WAITING) missed++;
    else waiting.push(event);
    news.resolve();
  };
  const minute = async () => {
    const [{ turns: all, failed, input, output, cost }, running] = await Promise.all([
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
    });
  };
  const leave = watch.follow((event) => {
    const shown = eventView(event);
    if (shown) add(shown);
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

const turnOf = (intent: Intent) => ({
  turn: responseId(intent.id),
  tenant: intent.tenant,
  session: conversationId(intent.session),
  key: intent.kind === 'append' ? null : intent.key,
  asked_model: intent.kind === 'append' ? null : intent.model,
});

/** The event as readers see it; `undefined` for one that they do not need. Never content. */
function eventView(event: GatewayEvent): Shown | undefined {
  const at = iso(Date.now());
  switch (event.type) {
    case 'turn-started':
      return { type: 'turn_started', at, ...turnOf(event.intent) };
    case 'turn-ended': {
      const { state, error, answeredBy, usage, cost, completedAt } = event.outcome;
      return {
        ...{ type: 'turn_ended', at, ...turnOf(event.intent), state, error: error?.code ?? null },
        model: answeredBy ? `${answeredBy.provider}/${answeredBy.model}` : null,
        ms: completedAt - event.intent.createdAt,
        input_tokens: usage?.input ?? 0,
        output_tokens: usage?.output ?? 0,
        cost_usd: cost === undefined ? null : dollars(cost),
      };
    }
    case 'call-failed':
      return {
        ...{ type: 'call_failed', at, turn: responseId(event.trace.id) },
        ...{ model: candidateKey(event.candidate), error: event.code },
      };
    case 'breaker-changed':
      return {
        ...{ type: 'claw_changed', at, model: candidateKey(event.candidate), breaker: event.state },
        reason: event.state === 'open' ? event.reason : null,
      };
    case 'overload-changed':
      return { type: 'overload_changed', at, level: event.level };
    default:
      return undefined;
  }
}
