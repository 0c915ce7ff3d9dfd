import type { Delta } from '../../core/delta.ts';
import type { Item } from '../../core/items.ts';
import type { Json, ReasoningNative } from './wire.ts';

/** One tool call that is being written. */
export interface OpenCall {
  /** The provider's number of the call, where it gives one. */
  position?: number;
  id?: string;
  kind: 'function' | 'custom';
  /** The item's index; undefined until the name is known, because an item begins with its name. */
  index?: number;
  /** Arguments that came before the name. */
  held: string;
  native?: Json;
}

export interface OpenMessage {
  index: number;
  /** The content part that grows now; -1 before the first. */
  part: number;
  kind?: 'text' | 'refusal';
}

export interface OpenReasoning {
  index: number;
  native: ReasoningNative;
  /** How many content and summary parts the typed blocks have opened. */
  texts: number;
  summaries: number;
}

/** What is known of one choice: its open items and what the provider said beside them. */
export interface ChoiceState {
  readonly choice: number;
  /** The open reasoning item; closed when the model starts to speak or to call. */
  reasoning?: OpenReasoning;
  message?: OpenMessage;
  /** Fields of the message that have no canonical place. */
  native?: Json;
  readonly calls: OpenCall[];
  /** Undefined until the provider gave a reason. */
  finish?: string;
  /** Fields of the choice that have no canonical place. */
  extra?: Json;
}

/** The state of one answer, streamed or whole. The functions of this folder advance it and add to `out`. */
export interface AnswerState {
  /** The model that was asked for, in case the provider does not name the one that answers. */
  readonly asked: string;
  started: boolean;
  /** The provider's id of the answer, or what stands in for it in ids that it left out. */
  answerId: string;
  nextIndex: number;
  readonly choices: ChoiceState[];
  usage?: Json;
  readonly extra: Json;
  out: Delta[];
}

export function newAnswer(asked: string): AnswerState {
  return { asked, started: false, answerId: '', nextIndex: 0, choices: [], extra: {}, out: [] };
}

/** Takes the deltas that have gathered. */
export function drain(state: AnswerState): Delta[] {
  const { out } = state;
  state.out = [];
  return out;
}

export function choiceAt(state: AnswerState, choice: number): ChoiceState {
  // Nearly always one choice, and then it is the first.
  for (const known of state.choices) if (known.choice === choice) return known;
  const fresh: ChoiceState = { choice, calls: [] };
  state.choices.push(fresh);
  return fresh;
}

/** Opens an output item and returns its index. */
export function openItem(state: AnswerState, choice: ChoiceState, item: Item): number {
  const index = state.nextIndex++;
  if (choice.choice === 0) state.out.push({ type: 'item-start', index, item });
  else state.out.push({ type: 'item-start', index, item, choice: choice.choice });
  return index;
}

export function closeItem(state: AnswerState, index: number, native: unknown): void {
  if (native === undefined) state.out.push({ type: 'item-end', index });
  else state.out.push({ type: 'item-end', index, native });
}
