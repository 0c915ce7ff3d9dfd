import { expect, test } from 'bun:test';
import { checkRuntime } from '../../../src/cli/doctor/runtime.ts';

const subjects = (env: Record<string, string>) =>
  checkRuntime(env, () => 'clawhold start').map(({ subject }) => subject);

test("Bun's limit of requests is reported only where a proxy makes calls use it", () => {
  const proxy = { HTTPS_PROXY: 'http://proxy.test' };
  expect(subjects({})).not.toContain('Requests');
  expect(subjects(proxy)).toContain('Requests');
  expect(subjects({ ...proxy, BUN_CONFIG_MAX_HTTP_REQUESTS: '65336' })).not.toContain('Requests');
});
