import { afterEach, describe, expect, test } from 'bun:test';
import type { Socket } from 'node:net';
import { HttpClient } from '../../../../src/claws/http/client.ts';
import { bodyOf, codeOf, newClient, outcomeOf, type RawServer, rawServer, requestTo } from './raw-server.ts';

let server: RawServer | undefined;
let client: HttpClient | undefined;
afterEach(() => {
  client?.close();
  server?.stop();
});

async function serving(serve: (socket: Socket, request: number, text: string) => void) {
  server = await rawServer(serve);
  client = newClient();
  return { server, client, url: server.url };
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n';
const MALFORMED = 'MalformedAnswer';

/** Answers, and what each of them is. The connection stays open, except after `^`. */
const ANSWERS: [string, string, string][] = [
  ['a length', OK, '200 ok'],
  ['no body', 'HTTP/1.1 204 No Content\r\n\r\n', '204 '],
  ['a length of zero', 'HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n', '500 '],
  ['a status without a phrase', 'HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok', '200 ok'],
  ['two equal lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok', '200 ok'],
  ['white space around values', 'HTTP/1.1 200 OK\r\ncontent-length: \t 2 \t\r\n\r\nok', '200 ok'],
  ['chunks', `${CHUNKED}1\r\no\r\n01\r\nk\r\n0\r\n\r\n`, '200 ok'],
  ['chunks with extensions', `${CHUNKED}2;a=b; c="d"\r\nok\r\n0;x\r\n\r\n`, '200 ok'],
  ['white space before an extension', `${CHUNKED}2 ;a\r\nok\r\n0\r\n\r\n`, '200 ok'],
  ['trailers', `${CHUNKED}A\r\n0123456789\r\n0\r\nx-a: b\r\nx-c:\r\n\r\n`, '200 0123456789'],
  ['a body until the end', 'HTTP/1.1 200 OK\r\n\r\nok^', '200 ok'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nok^', '200 ok'],
  ['interim answers', `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n${OK}`, '200 ok'],
  ['extra bytes after the end', `${OK}HTTP/1.1 200 OK\r\n\r\n`, '200 ok'],
  ['extra bytes after chunks', `${CHUNKED}2\r\nok\r\n0\r\n\r\nextra`, '200 ok'],

  ['a cut head', 'HTTP/1.1 200 OK\r\ncontent-le^', 'ConnectionClosed'],
  ['nothing', '^', 'ConnectionClosed'],
  ['a cut body', 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok^', '200 ok ConnectionClosed'],
  ['cut chunks', `${CHUNKED}2\r\nok\r\n^`, '200 ok ConnectionClosed'],
  ['a cut chunk', `${CHUNKED}3\r\nok^`, '200 ok ConnectionClosed'],
  ['a cut end of chunks', `${CHUNKED}2\r\nok\r\n0\r\n^`, '200 ok ConnectionClosed'],
  ['an interim answer alone', 'HTTP/1.1 100 Continue\r\n\r\n^', 'ConnectionClosed'],

  ['a length and chunks', `${CHUNKED.slice(0, -2)}content-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n`, MALFORMED],
  ['different lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok', MALFORMED],
  ['a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok', MALFORMED],
  ['a length with a sign', 'HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok', MALFORMED],
  ['an empty length', 'HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nok', MALFORMED],
  ['a giant length', `HTTP/1.1 200 OK\r\ncontent-length: ${'9'.repeat(30)}\r\n\r\nok`, MALFORMED],
  ['another coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n', MALFORMED],
  ['chunks twice', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n', MALFORMED],
  ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', MALFORMED],
  ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n', MALFORMED],
  ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n', MALFORMED],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', MALFORMED],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', MALFORMED],
  ['single line feeds', 'HTTP/1.1 200 OK\ncontent-length: 2\r\n\r\nok', MALFORMED],
  ['a single CR', 'HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 2\r\n\r\nok', MALFORMED],
  ['a NUL', 'HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 2\r\n\r\nok', MALFORMED],
  ['white space before a colon', 'HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok', MALFORMED],
  ['a folded line', 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok', MALFORMED],
  ['a line without a colon', 'HTTP/1.1 200 OK\r\nnothing\r\ncontent-length: 2\r\n\r\nok', MALFORMED],
  ['a field without a name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\nok', MALFORMED],
  ['a head without an end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`, MALFORMED],
  ['a head that is too long', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`, MALFORMED],
  ['too many fields', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(300)}\r\nok`, MALFORMED],
  ['too many interim answers', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(20) + OK, MALFORMED],
  ['an upgrade', 'HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n', 'UnrequestedUpgrade'],
  ['a redirect', 'HTTP/1.1 302 X\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n', 'UnexpectedRedirect'],
  ['a chunk without a size', `${CHUNKED}\r\nok\r\n0\r\n\r\n`, `200  ${MALFORMED}`],
  ['a size that is no number', `${CHUNKED}2\r\nok\r\nxyz\r\n`, `200 ok ${MALFORMED}`],
  ['a negative size', `${CHUNKED}-2\r\nok\r\n`, `200  ${MALFORMED}`],
  ['a size with a prefix', `${CHUNKED}0x2\r\nok\r\n`, `200  ${MALFORMED}`],
  ['a giant size', `${CHUNKED}${'f'.repeat(16)}\r\nok\r\n`, `200  ${MALFORMED}`],
  ['an extension without an end', `${CHUNKED}2;${'x'.repeat(2_000)}`, `200  ${MALFORMED}`],
  ['a line feed in an extension', `${CHUNKED}2;a\n\r\nok\r\n`, `200  ${MALFORMED}`],
  ['a chunk longer than its size', `${CHUNKED}2\r\nokay\r\n0\r\n\r\n`, `200 ok ${MALFORMED}`],
  ['a size with a line feed only', `${CHUNKED}2\nok\r\n`, `200  ${MALFORMED}`],
  ['a malformed trailer', `${CHUNKED}2\r\nok\r\n0\r\nno colon\r\n\r\n`, `200 ok ${MALFORMED}`],
  ['trailers without an end', `${CHUNKED}2\r\nok\r\n0\r\n${'a: b\r\n'.repeat(300)}`, `200 ok ${MALFORMED}`],
  ['a trailer that is too long', `${CHUNKED}2\r\nok\r\n0\r\na: ${'b'.repeat(70_000)}`, `200 ok ${MALFORMED}`],
];

/** Of a malformed body, the part that came in the same packet may be lost. */
const comparable = (outcome: string): string => (outcome.endsWith(MALFORMED) ? MALFORMED : outcome);

const write = (socket: Socket, text: string) => {
  const ends = text.endsWith('^');
  const bytes = Buffer.from(ends ? text.slice(0, -1) : text, 'latin1');
  if (ends) socket.end(bytes);
  else socket.write(bytes);
};

describe('an answer with', () => {
  test.each(ANSWERS)('%s', async (_, text, outcome) => {
    const { client, url } = await serving((socket) => write(socket, text));
    expect(comparable(await outcomeOf(client, requestTo(url)))).toBe(comparable(outcome));
  });

  test('any of these parts at every position comes to the same', async () => {
    const { client, url } = await serving((socket, _, request) => {
      const [, index, cut] = /^POST \/v1\/(\d+)\/(\d+) /.exec(request)!;
      const [, text] = ANSWERS[Number(index)]!;
      socket.setNoDelay();
      write(socket, text.slice(0, Number(cut)));
      setTimeout(() => write(socket, text.slice(Number(cut))), 3);
    });
    const cuts = ANSWERS.flatMap(([name, text, outcome], index) =>
      Array.from({ length: text.length < 150 ? text.length - 2 : 0 }, (_, cut) => ({
        ...{ name: `${name} at ${cut + 1}`, outcome, path: `${url}/${index}/${cut + 1}` },
      })),
    );
    expect(cuts.length).toBeGreaterThan(1_000);
    while (cuts.length > 0) {
      const outcomes = cuts.splice(0, 50).map(async ({ name, outcome, path }) => {
        // Extra bytes that come late would answer the next request of a connection.
        const got = await outcomeOf(client, requestTo(path, { fresh: true }));
        expect(`${name}: ${comparable(got)}`).toBe(`${name}: ${comparable(outcome)}`);
      });
      await Promise.all(outcomes);
    }
  }, 60_000);

  test('single bytes comes to the same', async () => {
    const text = `HTTP/1.1 100 Continue\r\n\r\n${CHUNKED}5;x=1\r\nGr\xc3\xbc\xc3\r\n2\r\n\x9fe\r\n0\r\nx: y\r\n\r\n`;
    const { client, url } = await serving(async (socket) => {
      socket.setNoDelay();
      for (const byte of Buffer.from(text, 'latin1')) {
        socket.write(Uint8Array.of(byte));
        await Bun.sleep(1);
      }
    });
    expect(await outcomeOf(client, requestTo(url))).toBe('200 Grüße');
  });
});

describe('a request', () => {
  test('has a length in bytes, its headers, and the path and host of its URL', async () => {
    const { server, client, url } = await serving((socket) => write(socket, OK));
    const headers = { authorization: ' Bearer key\n', 'x-a': 'b' };
    await outcomeOf(client, requestTo(`${url}/a b/../ü?q=1#f`, { headers }));
    const [head, body] = server.received[0]!.split('\r\n\r\n');
    expect(head!.split('\r\n')).toEqual([
      'POST /v1/%C3%BC?q=1 HTTP/1.1',
      `Host: ${new URL(url).host}`,
      'authorization: Bearer key',
      'x-a: b',
      'Connection: keep-alive',
      `User-Agent: Bun/${Bun.version}`,
      'Accept: */*',
      'Content-Length: 10',
    ]);
    expect(Buffer.from(body!, 'latin1').toString()).toBe('{"a":"é"}');
  });

  test('with a header that would be two is not sent', async () => {
    const { server, client, url } = await serving((socket) => write(socket, OK));
    const pairs = [
      ['a', 'b\r\nc: d'],
      ['a: b\r\nc', 'd'],
      ['a', 'ключ'],
      ['', 'x'],
    ];
    for (const pair of pairs) {
      const headers = Object.fromEntries([pair]);
      expect(await outcomeOf(client, requestTo(url, { headers }))).toContain('TypeError');
    }
    expect(server.opened).toBe(0);
  });

  test('to a URL with a user has the credentials, unless it has its own', async () => {
    const { server, client, url } = await serving((socket) => write(socket, OK));
    const withUser = url.replace('http://', 'http://us%40er:p%20w@');
    await outcomeOf(client, requestTo(withUser));
    await outcomeOf(client, requestTo(withUser, { headers: { authorization: 'Bearer x' } }));
    const sent = [...server.received.join('').matchAll(/authorization: (.*)\r/gi)].map(([, value]) => value);
    expect(sent).toEqual([`Basic ${btoa('us@er:p w')}`, 'Bearer x']);
  });

  test('of many megabytes arrives whole at a slow server', async () => {
    const body = JSON.stringify('é😀x'.repeat(1_000_000));
    let sum = 0;
    const hash = new Bun.CryptoHasher('sha256');
    const slow = Bun.listen<{ head: boolean }>({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        open(socket) {
          socket.data = { head: false };
        },
        data(socket, bytes) {
          const from = socket.data.head ? 0 : bytes.indexOf('\r\n\r\n') + 4;
          socket.data.head = true;
          hash.update(bytes.subarray(from));
          sum += bytes.length - from;
          socket.pause();
          setTimeout(() => socket.resume(), 1);
          if (sum === Buffer.byteLength(body)) socket.write(OK);
        },
      },
    });
    client = newClient();
    const request = requestTo(`http://127.0.0.1:${slow.port}`, { body });
    expect(await outcomeOf(client, request)).toBe('200 ok');
    expect(hash.digest('hex')).toBe(new Bun.CryptoHasher('sha256').update(body).digest('hex'));
    slow.stop(true);
  });

  test('that is answered before it is sent gets the answer, and its connection is not used again', async () => {
    let opened = 0;
    const early = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        open(socket) {
          opened++;
          socket.pause();
          socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig');
        },
        data() {},
      },
    });
    client = newClient();
    const request = requestTo(`http://127.0.0.1:${early.port}`, { body: 'x'.repeat(30_000_000) });
    expect(await outcomeOf(client, request)).toBe('413 big');
    expect(await outcomeOf(client, request)).toBe('413 big');
    expect(opened).toBe(2);
    early.stop(true);
  });
});

describe('a connection', () => {
  /** How many connections two requests need, if the first one gets this answer. */
  const twice = async (first: string): Promise<number> => {
    let requests = 0;
    const { server, client, url } = await serving((socket) => write(socket, ++requests === 1 ? first : OK));
    await outcomeOf(client, requestTo(url));
    await Bun.sleep(20);
    expect(await outcomeOf(client, requestTo(url))).toBe('200 ok');
    return server.opened;
  };

  test.each([
    ['an answer with a length', OK],
    ['chunks', `${CHUNKED}2\r\nok\r\n0\r\n\r\n`],
    ['HTTP/1.0 with keep-alive', 'HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nok'],
    ['a time that is long enough', OK.replace('\r\n', '\r\nkeep-alive: timeout=60, max=5\r\n')],
  ])('carries another request after %s', async (_, first) => {
    expect(await twice(first)).toBe(1);
  });

  test.each([
    ['`Connection: close`', OK.replace('\r\n', '\r\nconnection: x, Close\r\n')],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok'],
    ['extra bytes', `${OK}extra`],
    ['a body until the end', 'HTTP/1.1 200 OK\r\n\r\nok^'],
    ['a failure', 'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n'],
    ['its end', `${OK}^`],
    ['a time that is too short', OK.replace('\r\n', '\r\nkeep-alive: timeout=1\r\n')],
  ])('carries no other request after %s', async (_, first) => {
    expect(await twice(first)).toBe(2);
  });

  test('on which a server speaks without a question carries no other request', async () => {
    const { server, client, url } = await serving((socket) => {
      write(socket, OK);
      setTimeout(() => socket.write('HTTP/1.1 408 Timeout\r\n\r\n'), 10);
    });
    expect(await outcomeOf(client, requestTo(url))).toBe('200 ok');
    await Bun.sleep(40);
    expect(await outcomeOf(client, requestTo(url))).toBe('200 ok');
    expect(server.opened).toBe(2);
  });

  test('is a new one for a request that asks for it', async () => {
    const { server, client, url } = await serving((socket) => write(socket, OK));
    await outcomeOf(client, requestTo(url));
    await outcomeOf(client, requestTo(url, { fresh: true }));
    expect(server.opened).toBe(2);
  });

  test('that the server closes while a request arrives fails it once, and ends the others that wait', async () => {
    let closes = false;
    const { server, client, url } = await serving((socket) => {
      if (closes) socket.destroy();
      else setTimeout(() => write(socket, OK), 20);
    });
    await Promise.all([1, 2, 3].map(() => outcomeOf(client, requestTo(url))));
    expect(server.opened).toBe(3);
    closes = true;
    expect(await outcomeOf(client, requestTo(url))).toBe('ConnectionClosed');
    closes = false;
    expect(await outcomeOf(client, requestTo(url))).toBe('200 ok');
    expect(server.opened).toBe(4);
    expect(server.received.join('').match(/POST/g)).toHaveLength(5);
  });

  test('that cannot be opened, or not in time, is a fault', async () => {
    const { server, client, url } = await serving(() => {});
    server.stop();
    const { signal } = new AbortController();
    expect(await outcomeOf(client, requestTo(url, { signal }))).toBe('provider_unreachable');
    // TEST-NET-1 (RFC 5737): no host answers there.
    const silent = requestTo('http://192.0.2.1:81/v1', { signal });
    expect(await outcomeOf(newClient(50), silent)).toMatch(/provider_(timeout|unreachable)/);
    expect(await outcomeOf(client, requestTo('ftp://127.0.0.1/', { signal }))).toContain('TypeError');
  });
});

describe('an abort', () => {
  const reason = new Error('stopped');

  test.each([
    ['before the request', 0, ''],
    ['before the answer', 20, ''],
    ['during the head', 20, 'HTTP/1.1 200 OK\r\n'],
    ['during the body', 20, 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok'],
    ['during chunks', 20, `${CHUNKED}2\r\nok\r\n`],
  ])('%s ends the call with its reason and closes the connection', async (_, afterMs, text) => {
    let ended = false;
    const { client, server, url } = await serving((socket) => {
      socket.on('close', () => {
        ended = true;
      });
      write(socket, text);
    });
    const stop = new AbortController();
    if (afterMs === 0) stop.abort(reason);
    else setTimeout(() => stop.abort(reason), afterMs);
    const failure = await client
      .post(requestTo(url, { signal: stop.signal }))
      .then(bodyOf)
      .catch((error) => error);
    expect(failure).toBe(reason);
    await Bun.sleep(20);
    expect(ended).toBe(server.opened > 0);
  });

  test('after the answer has come is the end of what is not read yet', async () => {
    const { client, url } = await serving((socket) => write(socket, OK));
    const stop = new AbortController();
    const answer = await client.post(requestTo(url, { signal: stop.signal }));
    stop.abort(reason);
    expect(await bodyOf(answer).catch((error) => error)).toBe(reason);
  });

  test('of the reading closes the connection', async () => {
    let ended = false;
    const { client, url } = await serving((socket) => {
      socket.on('close', () => {
        ended = true;
      });
      write(socket, `${CHUNKED}2\r\nok\r\n`);
    });
    const { chunks } = await client.post(requestTo(url));
    chunks.cancel();
    await Bun.sleep(20);
    expect(ended).toBe(true);
    await expect(async () => chunks.read()).toThrow();
  });
});

test('a reader that waits holds the server up, and gets all in the end', async () => {
  const SIZE = 32 * 1024 * 1024;
  let sent = 0;
  const { client, url } = await serving((socket) => {
    const part = Buffer.alloc(65_536, 'x');
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${SIZE}\r\n\r\n`);
    const more = () => {
      while (sent < SIZE) {
        sent += part.length;
        if (!socket.write(part)) return void socket.once('drain', more);
      }
    };
    more();
  });
  const answer = await client.post(requestTo(url));
  await Bun.sleep(200);
  expect(sent).toBeLessThan(SIZE / 2);
  expect((await bodyOf(answer)).length).toBe(SIZE);
});

test('chunks that arrive together are read together', async () => {
  const { client, url } = await serving((socket) => {
    write(socket, `${CHUNKED}${'1\r\na\r\n'.repeat(100)}`);
    setTimeout(() => write(socket, `${'1\r\nb\r\n'.repeat(100)}0\r\n\r\n`), 30);
  });
  const { chunks } = await client.post(requestTo(url));
  await Bun.sleep(10);
  const reads = [await chunks.read(), await chunks.read(), await chunks.read()];
  expect(reads.map(({ value }) => value && Buffer.from(value).toString())).toEqual([
    'a'.repeat(100),
    'b'.repeat(100),
    undefined,
  ]);
});

test('a chunk stays as it is after later ones', async () => {
  const { client, url } = await serving(async (socket) => {
    write(socket, CHUNKED);
    for (const letter of 'abcdefgh') {
      await Bun.sleep(3);
      write(socket, `3e8\r\n${letter.repeat(1_000)}\r\n`);
    }
    write(socket, '0\r\n\r\n');
  });
  const { chunks } = await client.post(requestTo(url));
  const all: Uint8Array[] = [];
  for (let next = await chunks.read(); !next.done; next = await chunks.read()) all.push(next.value);
  const text = Buffer.concat(all).toString();
  expect(text).toBe([...'abcdefgh'].map((letter) => letter.repeat(1_000)).join(''));
});

test('the time to connect is measured, and connections are opened ahead once', async () => {
  const measured: [string, number][] = [];
  const { server, url } = await serving((socket) => write(socket, OK));
  client = new HttpClient({ connectMs: () => 1_000, measured: (origin, ms) => measured.push([origin, ms]) });
  const { signal } = new AbortController();
  expect(client.calledAt(url)).toBeUndefined();
  await client.ready(url, signal);
  await client.ready(url, signal);
  expect(await outcomeOf(client, requestTo(url))).toBe('200 ok');
  expect(server.opened).toBe(1);
  expect(measured).toEqual([[new URL(url).origin, expect.any(Number)]]);
  expect(Date.now() - client.calledAt(url)!).toBeLessThan(5_000);
  expect(codeOf(await client.ready('http://127.0.0.1:1', signal).catch((error) => error))).toBe(
    'provider_unreachable',
  );
});
