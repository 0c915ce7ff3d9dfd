import { expect, test } from 'bun:test';
import { DeadSockets, deadSockets, deadSocketsOfProcess, endOf } from '../../../src/claws/dead-sockets.ts';
import { answerOf } from '../../../src/claws/http/fetched.ts';
import type { HttpAnswer } from '../../../src/claws/http/transport.ts';
import type { Fault } from '../../../src/core/errors.ts';

/** Rows of Linux 6.18. The packets of the connections with unanswered data were dropped. */
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0100007F:A491 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3119126 1 0000000027094068 100 0 0 10 0                   
   1: 0100007F:E79E 0100007F:A491 01 0000008F:00000000 01:0000045C 00000006     0        0 3119127 3 0000000022c7b771 1305 4 31 1 -1                 
   2: 0100007F:A491 0100007F:B5AC 01 00000000:00000000 00:00000000 00000000     0        0 3124341 2 00000000c0ead06e 20 4 31 11 -1                  
   3: 0100007F:A491 0100007F:E79E 04 00000001:00000000 01:00000142 00000004     0        0 0 2 00000000211212c4 326 4 31 1 -1                        
   4: 0100007F:B5AC 0100007F:A491 01 00000000:00000000 02:0000176F 00000000     0        0 3125520 3 00000000dfcd36c8 20 4 30 11 -1                  
   5: 0909090A:C50E 0109090A:81E1 01 0000008E:00000000 04:000004F0 00000000     0        6 3096089 3 000000000b6c229a 20 4 31 11 -1                  
`;
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:AD03 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3152316 1 00000000d64f70ec 100 0 0 10 0
   3: 0000000000000000FFFF00000100007F:DBBA 0000000000000000FFFF00000100007F:8D69 01 00000002:00000000 01:0000020D 00000005     0        0 3152320 2 000000002446aff6 652 0 0 1 -1
   4: B80D0120000000000000000001000000:AE75 B80D0120000000000000000001000000:88B0 01 00000000:00000000 00:00000000 00000000     0        0 3152324 1 00000000df976912 20 0 0 10 -1
   5: B80D0120000000000000000001000000:DD3E B80D0120000000000000000001000000:AD03 01 00000002:00000000 01:0000020D 00000005     0        0 3152317 2 00000000fcf41f6f 652 0 0 1 -1
`;

test('the tables show which sockets are dead', () => {
  expect(deadSockets(TCP)).toEqual([
    { remote: endOf('127.0.0.1', 0xa491), inode: '3119127' },
    { remote: endOf('10.9.9.1', 0x81e1), inode: '3096089' },
  ]);
  expect(deadSockets(TCP6)).toEqual([
    { remote: endOf('127.0.0.1', 0x8d69), inode: '3152320' },
    { remote: endOf('2001:db8::1', 0xad03), inode: '3152317' },
  ]);
});

test.each([
  ['an acknowledged retransmission', '01:0000045C 00000006', '00:00000000 00000000'],
  ['few retransmissions', '01:0000045C 00000006', '01:0000045C 00000004'],
  ['the timer of keepalive', '01:0000045C 00000006', '02:0000045C 00000006'],
  ['few window probes', '04:000004F0 00000000     0        6', '04:000004F0 00000000     0        4'],
  ['a closing connection', '0109090A:81E1 01', '0109090A:81E1 04'],
])('%s is no evidence', (_, before, after) => {
  expect(TCP).toContain(before);
  expect(deadSockets(TCP.replace(before, after))).toHaveLength(1);
});

test('the spelling of an address does not matter', () => {
  expect(endOf('::ffff:7f00:1', 80)).toBe(endOf('127.0.0.1', 80));
  expect(endOf('2001:DB8:0:0:0:0:0:1', 80)).toBe(endOf('2001:db8::1', 80));
  expect(endOf('fe80::1%eth0', 80)).toBe(endOf('fe80::1', 80));
  expect(endOf('::1', 80)).not.toBe(endOf('::1', 81));
});

test('this process has no dead sockets', async () => {
  expect(await deadSocketsOfProcess()).toEqual([]);
});

/** Longer than a request must wait before it is checked. */
const OLD_MS = 3_100;
const A = 'http://127.0.0.1:1/v1/chat/completions';
const A_TOO = 'http://localhost:1/other';
const B = 'http://127.0.0.2:1/v1/chat/completions';
const END_OF_A = endOf('127.0.0.1', 1);

const requestOf = (url: string, signal = new AbortController().signal) => ({
  url,
  headers: {},
  body: '{}',
  signal,
});

/** Requests to these URLs that wait for a reply, while these sockets are dead: the failure of each check. */
async function checked(urls: string[], dead: () => Promise<string[]>, waitMs = OLD_MS) {
  let reads = 0;
  const sockets = new DeadSockets({
    post: () => new Promise<HttpAnswer>(() => {}),
    read: () => {
      reads++;
      return dead();
    },
  });
  const signals = urls.map((url) => {
    const { signal } = new AbortController();
    void sockets.post(requestOf(url, signal));
    return signal;
  });
  await Bun.sleep(waitMs);
  const failures = signals.map((signal) =>
    sockets.check(signal).then(
      () => undefined,
      (failure: Fault) => failure.code,
    ),
  );
  return { failures: await Promise.all(failures), reads };
}

const DEAD = 'provider_unreachable';

test.concurrent('a request is dead if all that may use its address wait on dead sockets', async () => {
  const one = async () => [END_OF_A];
  const two = async () => [END_OF_A, END_OF_A];
  const scenes = await Promise.all([
    checked([A], one),
    checked([A, A], two),
    checked([A, B], one),
    checked([A, A], one),
    checked([A, A_TOO], one),
    checked([A, A_TOO], two),
    checked([B], one),
  ]);
  expect(scenes.map(({ failures }) => failures)).toEqual([
    [DEAD],
    [DEAD, DEAD],
    [DEAD, undefined],
    [undefined, undefined],
    [undefined, undefined],
    [DEAD, DEAD],
    [undefined],
  ]);
  for (const { reads } of scenes) expect(reads).toBe(1);
});

test.concurrent('after a dead socket was found, its origin gets new connections', async () => {
  const sent: [string, boolean | undefined][] = [];
  const sockets = new DeadSockets({
    post: ({ url, fresh }) => {
      sent.push([url, fresh]);
      return new Promise<HttpAnswer>(() => {});
    },
    read: async () => [END_OF_A],
  });
  const { signal } = new AbortController();
  void sockets.post(requestOf(A, signal));
  await Bun.sleep(OLD_MS);
  await sockets.check(signal).catch(() => {});
  void sockets.post(requestOf(A));
  void sockets.post(requestOf(B));
  expect(sent).toEqual([
    [A, undefined],
    [A, true],
    [B, undefined],
  ]);
});

test.concurrent('a request is not dead where nothing can be read', async () => {
  const { failures } = await checked([A], () => Promise.reject(new Error('no table')));
  expect(failures).toEqual([undefined]);
});

test('a young request is not checked', async () => {
  expect(await checked([A], async () => [END_OF_A], 0)).toEqual({ failures: [undefined], reads: 0 });
});

test('a request with a reply is not checked', async () => {
  let reads = 0;
  const read = async () => {
    reads++;
    return [END_OF_A];
  };
  const sockets = new DeadSockets({ post: async () => answerOf(new Response('{}')), read });
  const { signal } = new AbortController();
  await sockets.post(requestOf(A, signal));
  await Bun.sleep(OLD_MS);
  await sockets.check(signal);
  expect(reads).toBe(0);
});
