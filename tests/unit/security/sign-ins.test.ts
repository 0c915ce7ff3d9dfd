import { expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import type { Caller, Tenant } from '../../../src/core/request.ts';
import { hashKey, Keyring } from '../../../src/security/keys.ts';
import { SignIns } from '../../../src/security/sign-ins.ts';

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

function started(root = 'sk-root'): SignIns {
  keysAre(root);
  return new SignIns(keyring, () => now);
}

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof Fault ? error.code : String(error);
  }
};

test('a token proves the sign-in for twelve hours, also to another process', () => {
  const { token, expiresAt } = started().signIn('sk-root');
  expect(token).not.toContain('sk-root');
  const other = new SignIns(keyring, () => now);
  expect(other.callerOf(token)).toEqual({ caller: ROOT, expiresAt });
  now += 12 * HOUR_MS;
  expect(other.callerOf(token)).toBeUndefined();
});

test('a sign-out is told to other processes, which tell nobody', () => {
  keysAre('sk-root');
  const told: string[] = [];
  const other = new SignIns(
    keyring,
    () => now,
    (token) => told.push(`again ${token}`),
  );
  const signIns = new SignIns(
    keyring,
    () => now,
    (token) => {
      told.push(token);
      other.forget(token);
    },
  );
  const { token } = signIns.signIn('sk-root');
  expect(other.callerOf(token)).toBeDefined();
  signIns.signOut(token);
  expect(other.callerOf(token)).toBeUndefined();
  expect(told).toEqual([token]);
});

test('no other key signs in, and no changed token is valid', () => {
  const signIns = started();
  expect(codeOf(() => signIns.signIn('sk-other'))).toBe('invalid_key');
  const { token, expiresAt } = signIns.signIn('sk-root');
  const [, nonce, mac] = token.split('.');
  const later = `${(expiresAt + HOUR_MS).toString(36)}.${nonce}.${mac}`;
  for (const changed of ['', '..', later, `${token}x`, token.replace(nonce!, `${nonce}x`)])
    expect(signIns.callerOf(changed)).toBeUndefined();
});

test('a sign-out and a new root key end it', () => {
  const signIns = started();
  const [one, two] = [signIns.signIn('sk-root').token, signIns.signIn('sk-root').token];
  signIns.signOut(one);
  expect(signIns.callerOf(one)).toBeUndefined();
  expect(signIns.callerOf(two)?.caller).toBe(ROOT);
  keysAre('sk-new-root');
  expect(signIns.callerOf(two)).toBeUndefined();
});

test('after ten wrong keys within a minute, nobody can try', () => {
  const signIns = started();
  for (let i = 0; i < 10; i++) expect(codeOf(() => signIns.signIn(`sk-${i}`))).toBe('invalid_key');
  expect(codeOf(() => signIns.signIn('sk-root'))).toBe('rate_limit_exceeded');
  now += 60_000;
  expect(codeOf(() => signIns.signIn('sk-root'))).toBeUndefined();
});
