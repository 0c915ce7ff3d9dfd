import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { sent } from '../harness/upstream.ts';
import { PAGE, recipe } from './recipes.ts';
import { type Stage, startStage } from './stage.ts';
import { Workbench } from './workbench.ts';

setDefaultTimeout(60_000);

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterEach(() => stage.reset());
afterAll(() => stage.end());

describe.each(['OpenAI SDK', 'Anthropic SDK', 'AI SDK', 'Google Gen AI SDK', 'LangChain', 'Agents SDK'])(
  'the program for the %s',
  (heading) => {
    test('keeps its conversation at the gateway', async () => {
      const { programs } = recipe(heading, stage.observer.url);
      expect(programs).toHaveLength(1);
      const program = programs[0]!.replaceAll('anthropic/claude-sonnet-4-5', 'anthropic/recall');
      const bench = new Workbench();
      const out = await bench.run([process.execPath, '-e', program], import.meta.dir);
      bench.remove();
      expect(out).toContain('I have heard: "My name is Ada." | "What is my name?"');
      expect(sent(stage.provider.requests.at(-1)).filter((line) => line.startsWith('user: '))).toEqual([
        'user: My name is Ada.',
        'user: What is my name?',
      ]);
      expect(stage.observer.turns.map(({ reply }) => reply['x-clawhold-session-id'])).toEqual(
        Array(2).fill(expect.stringMatching(/^conv_/)),
      );
    });
  },
);

test('the page names the installed version of each package', async () => {
  const wrong: string[] = [];
  for (const [, version, name] of PAGE.matchAll(/(\d+\.\d+\.\d+) of `([^`]+)`/g)) {
    const installed = await Bun.file(`${import.meta.dir}/node_modules/${name}/package.json`).json();
    if (installed.version !== version)
      wrong.push(`${name}: ${version} on the page, ${installed.version} installed`);
  }
  expect(wrong).toEqual([]);
});
