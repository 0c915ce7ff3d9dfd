import { send, urlOf } from '../api/client.ts';
import type { RunningTurn } from '../api/types.ts';
import { State } from '../parts/state.tsx';
import { AnswerView } from './answer-view.tsx';
import { useFollowed } from './follow.ts';
import { ItemView } from './items.tsx';

/** A turn that runs: its answer appears as it is generated, also after a reload of the page. */
export function LiveTurn({ turn }: { turn: RunningTurn }) {
  const { answer, asked, isInterrupted } = useFollowed(turn.id);
  const cancel = () =>
    send('POST', urlOf(`turns/${turn.id}/cancel`, { tenant: turn.tenant })).catch(() => {});
  return (
    <div class="turn live" data-turn={turn.id}>
      {asked?.input?.map((item) => (
        <ItemView key={item.id} item={item} />
      ))}
      <div class="turn-head">
        <span class="chip model">{answer.model ?? turn.answering ?? turn.asked_model}</span>
        <State of={turn.state} />
        <span class="soft small" role="status">
          {isInterrupted ? 'Interrupted; connecting again…' : ''}
        </span>
        <button type="button" class="quiet" onClick={cancel}>
          Cancel
        </button>
      </div>
      <AnswerView blocks={answer.blocks} />
      <span class="typing" aria-hidden="true" />
    </div>
  );
}
