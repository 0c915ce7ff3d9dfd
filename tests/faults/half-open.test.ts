import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import type { SceneReply, SceneResult } from './half-open/scene.ts';

/** Longer, because the kernel retransmits with growing pauses. */
setDefaultTimeout(90_000);

/** What `half-open/scene.ts` does to its namespace. */
const SETUP =
  'ip link set lo up && echo 0 > /proc/sys/net/ipv4/conf/lo/disable_policy && ' +
  'ip xfrm policy add src 10.9.9.9 dst 10.9.9.1 dir in action block';

function hasNamespaces(): boolean {
  try {
    return Bun.spawnSync(['unshare', '-rn', 'sh', '-c', SETUP]).success;
  } catch {
    return false;
  }
}

const CUTS = ['drop', 'address'] as const;
const FORMS = ['stream', 'json'] as const;
type Scene = `${(typeof CUTS)[number]} ${(typeof FORMS)[number]}`;

async function play(cut: string, form: string): Promise<SceneResult> {
  const child = Bun.spawn(
    ['unshare', '-rn', process.execPath, join(import.meta.dir, 'half-open/scene.ts'), cut, form],
    { stdout: 'pipe', stderr: 'pipe' },
  );
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(errors);
  return JSON.parse(output);
}

const NAME = 'a half-open connection (skipped where `unshare -rn` is not allowed)';

describe.skipIf(!hasNamespaces())(NAME, () => {
  const results = {} as Record<Scene, SceneResult>;
  beforeAll(async () => {
    const scenes = CUTS.flatMap((cut) => FORMS.map((form) => [cut, form] as const));
    await Promise.all(
      scenes.map(async ([cut, form]) => {
        results[`${cut} ${form}`] = await play(cut, form);
      }),
    );
  });

  describe.each([
    ['whose packets are dropped', 'drop', 'stream'],
    ['whose packets are dropped', 'drop', 'json'],
    ['whose local address is gone', 'address', 'stream'],
    ['whose local address is gone', 'address', 'json'],
  ] as const)('%s (%s, %s)', (_, cut, form) => {
    const scene = () => results[`${cut} ${form}`];
    const expectWhole = ({ status, text }: SceneReply, question: string) => {
      expect(status).toBe(200);
      expect(text).toContain(`answer to ${question}`);
      expect(text).not.toContain('error');
      if (form === 'stream') expect(text).toContain('[DONE]');
    };

    test('is found, and the call is answered on another connection', () => {
      const { dead, arrived } = scene();
      for (const reply of dead) expectWhole(reply, 'dead');
      expect(arrived.filter((question) => question === 'dead')).toHaveLength(2);
    });

    test('ends no living call, and is not found while it could be the connection of one', () => {
      const { dead, beside, arrived } = scene();
      expectWhole(beside, 'beside');
      expect(arrived.filter((question) => question === 'beside')).toHaveLength(1);
      for (const { ms } of dead) expect(ms).toBeGreaterThan(beside.ms);
    });

    test('is forgotten when its call has ended', () => {
      const { after, arrived } = scene();
      expectWhole(after, 'after');
      expect(arrived).toEqual(['first', 'first', 'first', 'beside', 'dead', 'dead', 'after']);
    });
  });
});
