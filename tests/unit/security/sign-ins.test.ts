import { expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import type { Caller, Tenant } from '../../../src/core/request.ts';
import type { RateStore } from '../../../src/limits/rate-store.ts';
import { WrongKeys } from '../../../src/limits/wrong-keys.ts';
import { hashKey, Keyring } from '../../../src/security/keys.ts';
import { SignIns } from '../../../src/security/sign-ins.ts';
import { MemoryRateStore } from '../../../src/stores/memory/rate-store.ts';

const HOUR_MS = 3_600_000;
const ROOT = { tenant: 'default' as Tenant, key: 'root', isRoot: true } as Caller;
const OTHER = { tenant: 'other' as Tenant, key: 'other', isRoot: false } as Caller;

let now = 1_000_000;
const keyring = new Keyring();
const keysAre = (root: string) =>
  keyring.replace(
    new Map([
      [hashKey('sk-other'), OTHER],
      [hashKey(root), ROOT],
    ]),
  );

/** Sign-ins of one of several processes, which share their counters. */
const open = (rates: RateStore, tell?: (token: string) => void) =>
  new SignIns(keyring, () => now, new WrongKeys(rates), tell);
const newRates = () => new MemoryRateStore(() => now);

function started(root = 'sk-root'): SignIns {
  keysAre(root);
  return open(newRates());
}

const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
  work.then(
    () => undefined,
    (error) => (error instanceof Fault ? error.code : String(error)),
  );

test('a token proves the sign-in for twelve hours, also to another process', async () => {
  const { token, expiresAt } = await started().signIn('sk-root');
  expect(token).not.toContain('sk-root');
  const other = open(newRates());
  expect(other.callerOf(token)).toEqual({ caller: ROOT, expiresAt });
  now += 12 * HOUR_MS;
  expect(other.callerOf(token)).toBeUndefined();
});

test('a sign-out is told to other processes, which tell nobody', async () => {
  keysAre('sk-root');
  const told: string[] = [];
  const other = open(newRates(), (token) => told.push(`again ${token}`));
  const signIns = open(newRates(), (token) => {
    told.push(token);
    other.forget(token);
  });
  const { token } = await signIns.signIn('sk-root');
  expect(other.callerOf(token)).toBeDefined();
  signIns.signOut(token);
  expect(other.callerOf(token)).toBeUndefined();
  expect(told).toEqual([token]);
});

test('no other key signs in, and no changed token is valid', async () => {
  const signIns = started();
  expect(await codeOf(signIns.signIn('sk-other'))).toBe('invalid_key');
  const { token, expiresAt } = await signIns.signIn('sk-root');
  const [, nonce, mac] = token.split('.');
  const later = `${(expiresAt + HOUR_MS).toString(36)}.${nonce}.${mac}`;
  for (const changed of ['', '..', later, `${token}x`, token.replace(nonce!, `${nonce}x`)])
    expect(signIns.callerOf(changed)).toBeUndefined();
});

test('a sign-out and a new root key end it', async () => {
  const signIns = started();
  const [one, two] = [(await signIns.signIn('sk-root')).token, (await signIns.signIn('sk-root')).token];
  signIns.signOut(one);
  expect(signIns.callerOf(one)).toBeUndefined();
  expect(signIns.callerOf(two)?.caller).toBe(ROOT);
  keysAre('sk-new-root');
  expect(signIns.callerOf(two)).toBeUndefined();
});

/** An amount counts for a minute, in steps of a second. */
const MINUTE_MS = 61_000;

test('after ten wrong keys within a minute, nobody can try', async () => {
  const signIns = started();
  for (let i = 0; i < 10; i++) {
    expect(await codeOf(signIns.signIn(`sk-${i}`))).toBe('invalid_key');
    if (i < 9) expect(await codeOf(signIns.signIn('sk-root'))).toBeUndefined();
  }
  const refused = await signIns.signIn('sk-root').catch((fault) => fault);
  expect(refused).toMatchObject({ code: 'rate_limit_exceeded' });
  expect(refused.retryAfter).toBeWithin(59, 62);
  expect(await codeOf(signIns.signIn('sk-other'))).toBe('rate_limit_exceeded');
  now += MINUTE_MS;
  expect(await codeOf(signIns.signIn('sk-root'))).toBeUndefined();
});

test('right keys do not count, however many there are at once', async () => {
  const signIns = started();
  const codes = await Promise.all(Array.from({ length: 50 }, () => codeOf(signIns.signIn('sk-root'))));
  expect(new Set(codes)).toEqual(new Set([undefined]));
});

test('processes that share their counters allow ten wrong keys together', async () => {
  keysAre('sk-root');
  const rates = newRates();
  const all = [open(rates), open(rates), open(rates)];
  const codes = await Promise.all(
    Array.from({ length: 30 }, (_, i) => codeOf(all[i % 3]!.signIn(`sk-${i}`))),
  );
  expect(codes.filter((code) => code === 'invalid_key')).toHaveLength(10);
  expect(codes.filter((code) => code === 'rate_limit_exceeded')).toHaveLength(20);
});
