import type { Delta } from '../../core/delta.ts';
import type { Prompt } from '../claw.ts';
import { usesFormatTool } from './tools.ts';
import type { Wire } from './wire.ts';

/** A content block that has begun. Deltas are added to `out`. */
export interface OpenBlock {
  push(delta: Wire, out: Delta[]): void;
  close(out: Delta[]): void;
}

/** An answer as far as it has come. */
export interface AnswerState {
  /** The provider's id of the message, once it has begun. */
  id?: string;
  ended: boolean;
  items: number;
  /** By the provider's block index. */
  blocks: Map<number, OpenBlock>;
  /** The message item that further text blocks join. */
  message?: { index: number; parts: number; open: number; leftovers: Record<number, Wire> };
  usage: Wire;
  stopReason: string | null;
  /** Whether the structured answer comes through a tool (see `usesFormatTool`). */
  formatTool: boolean;
  /** Function calls, those of the format tool left out. */
  calls: number;
}

export function newAnswer(prompt: Prompt): AnswerState {
  return {
    ended: false,
    items: 0,
    blocks: new Map(),
    usage: {},
    stopReason: null,
    formatTool: usesFormatTool(prompt),
    calls: 0,
  };
}

export function nextItem(state: AnswerState): number {
  return state.items++;
}
