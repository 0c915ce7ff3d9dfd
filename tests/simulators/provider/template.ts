import type { Scene } from './protocol.ts';

/**
 * Placeholders for the values that differ between two answers of a constant plan. They have the form of real values,
 * so that they are rendered in the same way. A total is the input plus a constant, so it is recognised by its offset.
 */
const ID = 'f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0';
const CREATED = 1_000_000_007;
const INPUT = 971_000_000;
const SLOT = /(f0f0f0f0f0f0f0f0f0f0f0(?:f0f0f0f0f0)?f?|1000000007|971\d{6})/;

export function placeholder(scene: Scene): Scene {
  return { ...scene, id: ID, created: CREATED, usage: { ...scene.usage, input: INPUT } };
}

/** A rendered answer with slots for ids and counts. */
export class Template {
  #parts: string[];

  constructor(rendered: string) {
    this.#parts = rendered.split(SLOT);
  }

  fill(scene: Scene): string {
    const parts = this.#parts;
    let text = parts[0]!;
    for (let at = 1; at < parts.length; at += 2) text += value(parts[at]!, scene) + parts[at + 1];
    return text;
  }
}

function value(slot: string, scene: Scene): string {
  if (slot.startsWith('f0')) return scene.id.slice(0, slot.length);
  if (slot.startsWith('971')) return String(Number(slot) - INPUT + scene.usage.input);
  return String(scene.created);
}
