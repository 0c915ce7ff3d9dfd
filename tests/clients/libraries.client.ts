import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { sessionLog } from '../harness/journey.ts';
import { LIBRARIES } from './libraries.ts';
import { MODELS, PROTOCOLS, play, receivedStory, type Steps, story, withoutThoughts } from './script.ts';
import { type Stage, startStage } from './stage.ts';

setDefaultTimeout(60_000);

let stage: Stage;
let count = 0;
beforeAll(async () => {
  stage = await startStage();
});
afterEach(() => stage.reset());
afterAll(() => stage.end());

const print = (word: string) => ({ name: 'print', arguments: { word } });
const steps: Steps = {
  'FIRST-QUESTION': [[print('out-one'), print('out-two')], [print('out-three')], 'All done.'],
  'SECOND-QUESTION': [[print('out-four')], 'Still here.'],
  'THIRD-QUESTION': ['The end.'],
};
const FIRST = [
  ...['user: FIRST-QUESTION', 'call', 'call', 'output out-one', 'output out-two'],
  ...['call', 'output out-three'],
];
const SECOND = ['assistant: All done.', 'user: SECOND-QUESTION', 'call', 'output out-four'];
const THIRD = ['assistant: Still here.', 'user: THIRD-QUESTION'];

describe.each(LIBRARIES)('$name', ({ open }) => {
  for (const kind of ['plain', 'think']) {
    test.each(PROTOCOLS)(`a ${kind} model runs tools over several questions, on %s`, async (protocol) => {
      stage.provider.follow(play(steps));
      const model = MODELS[protocol] + (kind === 'think' ? '+think' : '');
      const session = `library-${count++}`;
      const ask = open({ url: stage.observer.url, model, session });
      expect(await ask('The FIRST-QUESTION')).toBe('All done.');
      expect(await ask('The SECOND-QUESTION')).toBe('Still here.');
      expect(await ask('The THIRD-QUESTION')).toBe('The end.');

      expect(stage.provider.requests.map(receivedStory).map(withoutThoughts)).toEqual([
        FIRST.slice(0, 1),
        FIRST.slice(0, 5),
        FIRST,
        [...FIRST, ...SECOND.slice(0, 2)],
        [...FIRST, ...SECOND],
        [...FIRST, ...SECOND, ...THIRD],
      ]);
      const whole = [...FIRST, ...SECOND, ...THIRD, 'assistant: The end.'];
      const stored = withoutThoughts(story(await sessionLog(stage.gateway, session)));
      expect(stored).toEqual(whole.map((line) => line.replace(/^output .*/, 'output')));
    });
  }
});
