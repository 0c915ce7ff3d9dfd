import { tenantUrl } from '../api/client.ts';
import { connected, minute, overload } from '../api/live.ts';
import { useLoaded } from '../api/load.ts';
import type { Claw, FailedTurn, FailedTurnList, RunningTurn } from '../api/types.ts';
import { duration } from '../format.ts';
import { hrefOf } from '../route.ts';

interface Concern {
  tone: 'warn' | 'bad';
  text: string;
  href: string;
}

/** A turn that runs for longer is looked at. */
const LONG_MS = 120_000;
const RECENT_MS = 3_600_000;

/** What a person should look at now; that nothing is wrong is said, too. */
export function Attention({ claws = [], running = [] }: { claws?: Claw[]; running?: RunningTurn[] }) {
  const failed = useLoaded<FailedTurnList>(tenantUrl('turns/failed', { limit: 50 }), minute.value?.at).data;
  const concerns = [
    ...ofGateway(),
    ...claws.flatMap(ofClaw),
    ...ofRunning(running),
    ...ofFailed(failed?.data ?? []),
  ];
  return (
    <section class="attention" aria-labelledby="attention">
      <h2 id="attention" class="hidden">
        What needs attention
      </h2>
      {concerns.length === 0 ? (
        <p class="calm">
          <span class="dot good" /> Nothing needs attention.
        </p>
      ) : (
        <ul>
          {concerns.map(({ tone, text, href }) => (
            <li key={text}>
              <a href={href}>
                <span class={`dot ${tone}`} />
                {text}
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function ofGateway(): Concern[] {
  const href = hrefOf([]);
  return [
    ...(connected.value ? [] : [{ tone: 'bad' as const, text: 'The gateway cannot be reached.', href }]),
    ...(overload.value === 'calm'
      ? []
      : [{ tone: 'warn' as const, text: `The gateway is overloaded (${overload.value}).`, href }]),
  ];
}

function ofClaw({ name, health, models }: Claw): Concern[] {
  if (health !== 'ill' && health !== 'weak') return [];
  const open = models.filter(({ breaker }) => breaker !== 'closed').map((model) => model.name);
  const which = open.length > 0 ? ` (${open.slice(0, 3).join(', ')})` : '';
  const href = hrefOf(['claws']);
  return health === 'ill'
    ? [{ tone: 'bad', text: `${name} is ill: not all of its models are called now${which}.`, href }]
    : [{ tone: 'warn', text: `${name} is weak: calls failed lately${which}.`, href }];
}

function ofRunning(running: readonly RunningTurn[]): Concern[] {
  return running
    .filter(({ state, age_ms: age }) => state === 'deferred' || age > LONG_MS)
    .slice(0, 5)
    .map(({ id, session, asked_model: model, state, age_ms: age }) => ({
      tone: 'warn',
      text: `A turn of ${model} is ${state} for ${duration(age)}.`,
      href: hrefOf(['sessions', session], { turn: id }),
    }));
}

function ofFailed(failed: readonly FailedTurn[]): Concern[] {
  const recent = failed.filter(
    ({ ended_at: at, state }) => state === 'failed' && Date.now() - Date.parse(at) < RECENT_MS,
  );
  if (recent.length === 0) return [];
  const codes = [...new Set(recent.map(({ error }) => error))].slice(0, 3).join(', ');
  const many = recent.length === 50 ? '50 or more' : String(recent.length);
  const text = `${many} ${recent.length === 1 ? 'turn' : 'turns'} failed in the last hour (${codes}).`;
  return [{ tone: 'bad', text, href: hrefOf(['sessions'], { state: 'failed' }) }];
}
