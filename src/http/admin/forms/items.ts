import type { Item, Role } from '../../../core/items.ts';

export const text = (role: Exclude<Role, 'assistant'>, said: string): Item => ({
  type: 'message',
  role,
  content: [{ type: 'input_text', text: said }],
});

export const answerText = (said: string): Item => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text: said, annotations: [] }],
});

/** What an imported file holds that has no place here: nothing is dropped without a word. */
export class LeftOut {
  readonly counts: Record<string, number> = {};

  add(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}
