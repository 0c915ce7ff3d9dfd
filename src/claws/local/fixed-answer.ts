import type { Claw } from '../claw.ts';
import { LOCAL_CAPABILITIES } from './recall.ts';

/** A claw that gives one fixed answer: the last resort of an alias. */
export function fixedAnswer(text: string): Claw {
  return {
    provider: 'local',
    protocol: 'local',
    capabilities: LOCAL_CAPABILITIES,
    prefills: () => false,
    async *call() {
      yield [
        { type: 'start', model: 'fixed-answer' },
        { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
        { type: 'text-delta', index: 0, part: 0, text },
        { type: 'item-end', index: 0 },
        { type: 'usage', usage: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 } },
        { type: 'finish', reason: { unified: 'stop', raw: 'stop' } },
      ];
    },
  };
}
