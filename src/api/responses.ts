import { itemsTokens } from '../context/tokens.ts';
import { Fault } from '../core/errors.ts';
import { responseId, type TurnId } from '../core/ids.ts';
import { type IdentifiedItem, identified } from '../core/item-positions.ts';
import type { Caller } from '../core/request.ts';
import { type AnsweredTurn, isFetchable } from '../core/turn.ts';
import { Cancelled, type TurnView } from '../core/turn-view.ts';
import type { NanoDollars } from '../core/usage.ts';
import { findTurn } from '../turn/live/find-turn.ts';
import type { TurnPath } from '../turn/path.ts';
import { costOf } from '../usage/prices.ts';

/** How long a cancelled turn of another process may take to end, in milliseconds. */
const CANCEL_WAIT_MS = 5_000;

type Parts = Pick<TurnPath, 'log' | 'blobs' | 'live' | 'feed' | 'directory'>;

/** A response that has ended, and how it was answered. */
export interface AnsweredReceipt {
  turn: AnsweredTurn;
  /** Absent where the price, the usage or the prompt is not known. */
  everything?: EverythingCost;
}

/** What the answer would have cost with the whole conversation as its prompt: estimates. */
export interface EverythingCost {
  /** Without a prompt cache. */
  uncached: NanoDollars;
  /** With everything before the turn read from the provider's prompt cache. */
  cached: NanoDollars;
}

/** What may be done with responses: turns that can be fetched by their id. */
export class Responses {
  constructor(private readonly parts: Parts) {}

  /** A response, running or ended; `response_not_found` where there is none that can be fetched. */
  async get({ tenant }: Caller, id: TurnId): Promise<TurnView> {
    const view = await findTurn(tenant, id, this.parts);
    if (!view || !isFetchable(view.retention)) throw responseNotFound(responseId(id));
    return view;
  }

  /** How a response was answered; `response_running` while it runs. */
  async receipt(caller: Caller, id: TurnId): Promise<AnsweredReceipt> {
    const view = await this.get(caller, id);
    if (view.state !== 'ended') throw responseRunning(id);
    const turn = await view.ended;
    return { turn, everything: costOfEverything(turn, this.parts.directory) };
  }

  /** Deletes the response: it is not found from now on. Throws `response_running` while it runs. */
  async remove(caller: Caller, id: TurnId): Promise<void> {
    const { state } = await this.get(caller, id);
    if (state !== 'ended') throw responseRunning(id);
    await this.parts.log.amendTurn(caller.tenant, id, { deleted: true });
  }

  /**
   * Stops a running response, in whichever process it runs, and resolves to the cancelled turn. Cancelling a
   * cancelled response changes nothing; one that has ended in another way is `not_cancellable`.
   */
  async cancel(caller: Caller, id: TurnId): Promise<AnsweredTurn> {
    const view = await this.get(caller, id);
    if (view.state !== 'ended') await this.stop(caller, id, view);
    const turn = await view.ended;
    if (turn.state !== 'cancelled') throw notCancellable(id, turn.state);
    return turn;
  }

  /** The items that the response was asked with, without the ones that were deleted. */
  async inputItems(caller: Caller, id: TurnId): Promise<IdentifiedItem[]> {
    const { asked } = await this.get(caller, id);
    const row = await this.parts.log.readTurn(caller.tenant, id);
    return asked.input.flatMap((item, index) =>
      row?.hidden.includes(`i${index}`) ? [] : [identified(item, id, 'i', index)],
    );
  }

  private async stop({ tenant }: Caller, id: TurnId, view: TurnView): Promise<void> {
    const running = this.parts.live.get(tenant, id);
    if (running) {
      running.stop(new Cancelled('The caller cancelled the turn.'));
      return;
    }
    await this.parts.feed.requestCancel(id);
    const ended = view.ended.then(
      () => true,
      () => true,
    );
    const stopped = await Promise.race([ended, Bun.sleep(CANCEL_WAIT_MS).then(() => false)]);
    if (!stopped) throw notCancellable(id, 'run by another process, which did not stop it');
  }
}

export const responseNotFound = (id: string): Fault =>
  new Fault('response_not_found', `Response with id '${id}' not found.`);

const responseRunning = (id: TurnId): Fault =>
  new Fault('response_running', `Response ${responseId(id)} has not ended yet.`);

const notCancellable = (id: TurnId, what: string): Fault =>
  new Fault('not_cancellable', `Response ${responseId(id)} is ${what}.`);

/** As in `AnsweredReceipt`. */
export function costOfEverything(
  turn: AnsweredTurn,
  directory: TurnPath['directory'],
): EverythingCost | undefined {
  const { usage, answeredBy, receipt, settings } = turn;
  const context = receipt?.context;
  if (!usage || !answeredBy || !context?.tokens) return undefined;
  const { provider, model, calledModel = model } = answeredBy;
  const { price } = directory.limits(provider, calledModel);
  if (!price) return undefined;
  const { tokens, droppedTokens, recalledTokens = 0 } = context;
  // The provider's count of the prompt, enlarged as the estimate grows with the whole conversation.
  const counted = (estimate: number) => Math.round((usage.input * estimate) / tokens);
  const input = counted(tokens - recalledTokens + droppedTokens);
  const added = turn.parent === null ? input : Math.min(input, counted(itemsTokens(turn.input)));
  const costWith = (cacheRead: number, cacheWrite: number) => {
    const whole = { ...usage, input, cacheRead, cacheWrite, cacheWriteHour: undefined };
    return costOf(whole, price, settings.service_tier).amount;
  };
  return {
    uncached: costWith(0, 0),
    // Where a cache write has a price of its own, the new part is written.
    cached: costWith(input - added, price.cacheWrite === undefined ? 0 : added),
  };
}
