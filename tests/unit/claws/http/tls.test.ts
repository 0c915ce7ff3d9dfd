import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directory = mkdtempSync(join(tmpdir(), 'clawhold-tls-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const openssl = Bun.which('openssl');

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([openssl!, ...command], { cwd: directory });
  if (exitCode !== 0) throw new Error(stderr.toString());
}

/** A certificate for these names, of an authority that only `ca.pem` knows. */
async function certify(name: string, names: string): Promise<void> {
  await Bun.write(join(directory, 'names'), `subjectAltName=${names}`);
  run(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    'csr',
    '-subj',
    `/CN=${name}`,
  );
  const signer = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
  run('x509', '-req', '-in', 'csr', '-out', `${name}.pem`, '-days', '2', ...signer);
}

/** What calls to a server with this certificate come to, in a process with these variables. */
async function calls(certificate: string, host: string, env: Record<string, string>) {
  const program = join(import.meta.dir, 'tls-calls.ts');
  const child = Bun.spawn([process.execPath, program, join(directory, certificate), host], {
    env: { PATH: process.env.PATH, ...env },
    stderr: 'inherit',
  });
  return JSON.parse(await child.stdout.text()) as { own: string; fetched: string; resumed: boolean[] };
}

describe.skipIf(openssl === null)('over TLS (skipped without the program `openssl`)', () => {
  const trusting = { NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem') };

  beforeAll(async () => {
    const subject = ['-subj', '/CN=Test authority', '-days', '2'];
    run('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', ...subject);
    await certify('good', 'DNS:localhost,IP:127.0.0.1');
    await certify('other', 'DNS:other.example');
  });

  test.each(['localhost', '127.0.0.1'])(
    'a call to %s succeeds, and the next connection is resumed',
    async (host) => {
      const { own, fetched, resumed } = await calls('good', host, trusting);
      expect([own, fetched]).toEqual(['200', '200']);
      expect(resumed).toEqual([false, true]);
    },
  );

  test.each([
    ['of an unknown authority', 'good', {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['for another host', 'other', trusting, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])('a certificate %s is refused, before anything is sent', async (_, certificate, env, code) => {
    const { own, fetched, resumed } = await calls(certificate, 'localhost', env);
    expect([own, fetched]).toEqual([code, code]);
    expect(resumed).toEqual([]);
  });

  test('verification can be turned off for a whole process', async () => {
    const { own, fetched } = await calls('other', 'localhost', { NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    expect([own, fetched]).toEqual(['200', '200']);
  });
});
