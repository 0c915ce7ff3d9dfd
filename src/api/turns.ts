import type { Candidate } from '../core/candidate.ts';
import type { TurnId } from '../core/ids.ts';
import { type Item, isReference } from '../core/items.ts';
import type { ContextReceipt } from '../core/receipt.ts';
import type { Caller, Once, Tenant } from '../core/request.ts';
import { type Ask, type Asked, isBackground, outlivesClient } from '../core/turn.ts';
import type { TurnView } from '../core/turn-view.ts';
import { findTurn } from '../turn/live/find-turn.ts';
import type { TurnPath } from '../turn/path.ts';
import { countInput, type PreviewedAsk, previewContext } from '../turn/preview.ts';
import { checkTurn, createTurn, type TurnRequest } from '../turn/run.ts';
import { resolveReferences } from './references.ts';
import { withThoughts } from './thoughts.ts';
import { expectMaySet } from './values.ts';

/** Whether an item is a reference to a stored item, or reasoning that may need stored content. */
const namesStored = (item: Item): boolean => isReference(item) || item.type === 'reasoning';

/** The prompt that a request would have. */
export interface ContextPreview {
  /** The first candidate; absent where the request names no model. */
  candidate?: Pick<Candidate, 'provider' | 'model'>;
  receipt: ContextReceipt;
  /** Parts of turns that are left out otherwise, by the ids of their items; `retrieved` best first. */
  pinned: { id: string; text: string }[];
  retrieved: { id: string; text: string; score: number }[];
  /** All items of the prompt, in order, without encrypted content. */
  items: Item[];
}

/** What only a provider can read is not shown to callers: they get it sealed, or not at all. */
const withoutSecrets = (item: Item): Item =>
  item.type === 'reasoning' ? { ...item, encrypted_content: undefined } : item;

/** What may be done with turns, for every dialect. */
export class Turns {
  constructor(private readonly path: TurnPath) {}

  /**
   * Starts a turn, or finds the turn that an earlier request with the same identity started. Resolves when the
   * intent is journaled. A turn that does not outlive its client, or whose policy says `cancel`, stops when its
   * last client disconnects.
   */
  async create({ ask, caller, identity, gone }: Omit<TurnRequest, 'resolved'>): Promise<Once<TurnView>> {
    // A request with a key is kept, so that its outcome can be given again.
    const retention = ask.retention === 'none' && identity?.key !== undefined ? 'key' : ask.retention;
    const request = { ...ask, retention };
    const resolved =
      ask.values || ask.input.some(namesStored) ? () => this.resolved(request, caller) : undefined;
    // A claim on a key is written to the store.
    const known = retention === 'forbidden' && identity ? { ...identity, key: undefined } : identity;
    const once = await createTurn({ ask: request, caller, identity: known, resolved, gone }, this.path);
    if (once.replayed) once.result.connect(gone);
    const runsOn = outlivesClient(retention) && ask.policy.onDisconnect === 'run_on';
    if (!runsOn && !isBackground(ask.delivery)) once.result.stopWithoutClient();
    return once;
  }

  /** The turn as it would begin; it does not run. Rejects where `create` would reject. */
  async check(ask: Ask, caller: Caller): Promise<Asked> {
    const input = await this.inputOf(ask, caller);
    return checkTurn({ ...ask, input }, caller, this.path);
  }

  /** The tokens of the prompt that the request would have; see `countInput`. */
  async countInput(ask: PreviewedAsk, caller: Caller): Promise<number> {
    const input = await this.inputOf(ask, caller);
    return countInput({ ...ask, input }, caller, this.path);
  }

  /** The prompt that the request would have; see `previewContext`. */
  async preview(ask: PreviewedAsk, caller: Caller): Promise<ContextPreview> {
    const input = await this.inputOf(ask, caller);
    const { candidate, receipt, context } = await previewContext({ ...ask, input }, caller, this.path);
    return {
      candidate,
      receipt,
      pinned: context.pinned.map(({ item, text }) => ({ id: item, text })),
      retrieved: context.retrieved.map(({ item, text, score }) => ({ id: item, text, score })),
      items: context.items.map(({ item }) => withoutSecrets(item)),
    };
  }

  /** A turn by its id, running or ended, if it asked a model. It may be one that cannot be fetched. */
  find(tenant: Tenant, id: TurnId): Promise<TurnView | undefined> {
    return findTurn(tenant, id, this.path);
  }

  private async resolved(ask: Ask, caller: Caller): Promise<Item[]> {
    if (ask.values) await expectMaySet(ask.values, ask, caller, this.path);
    return this.inputOf(ask, caller);
  }

  /** The items of a request, with the content of stored items that it names by their ids. */
  private async inputOf({ input }: Pick<Ask, 'input'>, { tenant }: Caller): Promise<Item[]> {
    const { path } = this;
    const resolved = await resolveReferences(input, tenant, path);
    return withThoughts(resolved, tenant, path);
  }
}
