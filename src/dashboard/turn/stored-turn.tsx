import { useState } from 'preact/hooks';
import type { Turn } from '../api/types.ts';
import { duration, moment, money, shortMoment } from '../format.ts';
import { Icon } from '../parts/icon.tsx';
import { Failure } from '../parts/notice.tsx';
import { State } from '../parts/state.tsx';
import { hrefOf } from '../route.ts';
import { AnswerView } from './answer-view.tsx';
import { useFollowed } from './follow.ts';
import { ItemView } from './items.tsx';
import { useTurn } from './turn-store.ts';
import { Why } from './why.tsx';

/** Where a turn is among those with the same parent. */
export interface ForkAt {
  place: number;
  siblings: readonly string[];
  /** Shows the branch through another one. */
  walk(turn: string): void;
}

/** A turn that has ended. */
export function StoredTurn({ id, fork }: { id: string; fork: ForkAt }) {
  const { data: turn, error } = useTurn(id);
  if (!turn)
    return (
      <div class="turn loading" data-turn={id}>
        <Failure error={error} />
      </div>
    );
  const shown = turn.input.filter((item) => !turn.hidden.includes(item.id));
  return (
    <div class="turn" data-turn={id}>
      {fork.siblings.length > 1 && <ForkWalk {...fork} />}
      {shown.map((item) => (
        <ItemView key={item.id} item={item} />
      ))}
      {turn.kind === 'ask' && <TurnAnswer turn={turn} />}
    </div>
  );
}

function TurnAnswer({ turn }: { turn: Turn }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <div class="turn-head">
        <span class="chip model">{turn.model ?? turn.asked_model ?? 'no model'}</span>
        {turn.state !== 'completed' && <State of={turn.state} />}
        <time class="soft small" dateTime={turn.created_at} title={moment(turn.created_at)}>
          {shortMoment(turn.created_at)}
        </time>
        <span class="soft small">{duration(turn.receipt?.timings.total_ms)}</span>
        <span class="soft small">{money(turn.cost_usd)}</span>
        {turn.attempts.length > 1 && <span class="chip rescue">{turn.attempts.length} attempts</span>}
        <span class="turn-actions">
          <button type="button" class="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            Why
          </button>
          <a class="button quiet" href={hrefOf(['playground'], { session: turn.session, turn: turn.id })}>
            <Icon name="fork" /> Fork from here
          </a>
        </span>
      </div>
      {isOpen && <Why turn={turn} />}
      {turn.attempts.length > 1 ? <RescuedOutput turn={turn} /> : <Output turn={turn} />}
      {turn.error && (
        <p class="failure">
          <strong>{turn.error.code}</strong> {turn.error.message}
        </p>
      )}
    </>
  );
}

const Output = ({ turn }: { turn: Turn }) => (
  <>
    {turn.output
      .filter((item) => !turn.hidden.includes(item.id))
      .map((item) => (
        <ItemView key={item.id} item={item} />
      ))}
  </>
);

/** Only the stream of a turn says where one call ended and the next one began. Until it is read, there are no seams. */
function RescuedOutput({ turn }: { turn: Turn }) {
  const { answer, ended } = useFollowed(turn.id);
  return ended ? <AnswerView blocks={answer.blocks} /> : <Output turn={turn} />;
}

function ForkWalk({ place, siblings, walk }: ForkAt) {
  const to = (step: number) => siblings[place + step];
  const [before, after] = [to(-1), to(1)];
  return (
    <div class="fork-walk">
      <Icon name="fork" />
      <span class="small">
        Fork: branch {place + 1} of {siblings.length}
      </span>
      <button
        type="button"
        class="quiet"
        aria-label="The branch before"
        disabled={before === undefined}
        onClick={() => before !== undefined && walk(before)}
      >
        ‹
      </button>
      <button
        type="button"
        class="quiet"
        aria-label="The next branch"
        disabled={after === undefined}
        onClick={() => after !== undefined && walk(after)}
      >
        ›
      </button>
    </div>
  );
}
