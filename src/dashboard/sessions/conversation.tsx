import { Failure, Nothing } from '../parts/notice.tsx';
import { VirtualList } from '../parts/virtual-list.tsx';
import { LiveTurn } from '../turn/live-turn.tsx';
import { type ForkAt, StoredTurn } from '../turn/stored-turn.tsx';
import { useConversation } from './use-conversation.ts';

interface ConversationProps {
  session: string;
  /** The branch that is shown goes through this turn; the head's branch where absent. */
  turn?: string;
  /** Shows another branch. */
  onWalk(turn: string): void;
}

/** What a turn is thought to be high, in pixels. */
const ESTIMATE = 240;

/** One branch of a session, with the turns that run. */
export function Conversation({ session, turn, onWalk }: ConversationProps) {
  const { branches, running, error } = useConversation(session);
  if (!branches) return <Failure error={error} />;
  const path = branches.through(turn);
  const live = new Map(running.map((one) => [one.id, one]));
  const keys = [...path, ...live.keys()];
  if (keys.length === 0) return <Nothing>This session has no turn yet.</Nothing>;
  const forkAt = (id: string): ForkAt => {
    const siblings = branches.siblings(id).map((node) => node.id);
    return { place: siblings.indexOf(id), siblings, walk: onWalk };
  };
  const target = turn !== undefined && keys.includes(turn) && keys.at(-1) !== turn ? turn : undefined;
  return (
    <VirtualList label="Turns of the session" keys={keys} estimate={ESTIMATE} target={target}>
      {(key) => {
        const one = live.get(key);
        return one ? <LiveTurn turn={one} /> : <StoredTurn id={key} fork={forkAt(key)} />;
      }}
    </VirtualList>
  );
}
