import type { Plan } from './behaviour.ts';
import type { Frame } from './protocol.ts';
import type { Exchange } from './wire.ts';

/**
 * When a connection breaks, clients may drop received data that they have not processed. This pause lets the deltas
 * before a cut arrive, so that tests can rely on them.
 */
const CUT_AFTER_MS = 15;

export type StreamScript = {
  headers: string;
  frames: Frame[];
  errorFrame(sent: number): string;
  garbage: string;
};

/** Sends a stream frame by frame at the plan's pace, with the plan's fault. */
export function playStream(exchange: Exchange, plan: Plan, script: StreamScript): void {
  const steps = stepsOf(plan, script);
  let at = 0;
  let timer: Timer | undefined;
  exchange.onDisconnect(() => clearTimeout(timer));
  exchange.begin(script.headers);
  const advance = () => {
    while (at < steps.length && !exchange.disconnected) {
      const step = steps[at++]!;
      exchange.send(step.text);
      if (step.ending === 'cut') {
        timer = setTimeout(() => exchange.cut(), CUT_AFTER_MS);
        return;
      }
      if (step.ending === 'stall') return;
      if (step.waits && plan.pace !== undefined) {
        // setTimeout(0) waits a whole millisecond; setImmediate does not.
        if (plan.pace === 0) setImmediate(advance);
        else timer = setTimeout(advance, plan.pace);
        return;
      }
    }
    if (!exchange.disconnected) exchange.end();
  };
  advance();
}

type Step = { text: string; waits: boolean; ending?: 'cut' | 'stall' };

function stepsOf(plan: Plan, script: StreamScript): Step[] {
  const { fault } = plan;
  if (!fault || !('after' in fault)) return paced(withoutEnd(plan, script.frames));
  const at = cutPoint(script.frames, fault.after);
  const before = paced(script.frames.slice(0, at));
  const after = paced(script.frames.slice(at));
  switch (fault.kind) {
    case 'cut':
      return [...before, { text: '', waits: false, ending: 'cut' }];
    case 'stall':
      return [...before, { text: '', waits: false, ending: 'stall' }];
    case 'garbage':
      return [...before, { text: script.garbage, waits: false }, ...after];
    case 'error':
      return [...before, { text: script.errorFrame(at), waits: false }];
  }
}

function withoutEnd(plan: Plan, frames: Frame[]): Frame[] {
  if (plan.fault?.kind === 'no-done') return frames.filter((frame) => frame.kind !== 'end-mark');
  if (plan.fault?.kind === 'no-finish') {
    return frames.filter((frame) => frame.kind !== 'end-mark' && frame.kind !== 'finish');
  }
  return frames;
}

/** The index of the frame after the k-th delta; for k = 0, the index of the first delta. */
function cutPoint(frames: Frame[], after: number): number {
  let seen = 0;
  for (const [at, frame] of frames.entries()) {
    if (frame.kind !== 'delta') continue;
    if (after === 0) return at;
    if (++seen === after) return at + 1;
  }
  return frames.findIndex((frame) => frame.kind === 'end-mark');
}

/** Joins frames into steps. A step ends after a delta, because the pace is the pause between deltas. */
function paced(frames: Frame[]): Step[] {
  const steps: Step[] = [];
  let text = '';
  for (const frame of frames) {
    text += frame.text;
    if (frame.kind !== 'delta') continue;
    steps.push({ text, waits: true });
    text = '';
  }
  if (text !== '') steps.push({ text, waits: false });
  return steps;
}
