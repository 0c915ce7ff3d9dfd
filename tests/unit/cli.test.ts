import { describe, expect, test } from 'bun:test';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isCommand, isSessionName } from '../../src/cli/chat/commands.ts';
import { addressOf } from '../../src/cli/chat/connection.ts';
import { printable } from '../../src/cli/chat/conversation.ts';
import { defaultModel, resolveModel } from '../../src/cli/chat/model-names.ts';
import { freshName, type NotedTurn, SessionBook } from '../../src/cli/chat/session-book.ts';
import { completionOf } from '../../src/cli/chat/terminal.ts';
import { ago, money, usageNote } from '../../src/cli/chat/turn-note.ts';
import { WordWrap } from '../../src/cli/chat/word-wrap.ts';
import { styleFor } from '../../src/cli/style.ts';
import { temporaryDirectory } from '../harness/gateway.ts';

const MODELS = [
  'local/recall',
  'openai/gpt-5',
  'openai/gpt-5-mini',
  'openai/gpt-5.10',
  'openai/gpt-5.4',
  'anthropic/claude-sonnet-4-5',
];

describe('a typed model name', () => {
  test('can be the whole name', () => {
    expect(resolveModel('openai/gpt-5', MODELS)).toEqual({
      kind: 'model',
      name: 'openai/gpt-5',
      listed: true,
    });
  });

  test('can omit the provider, even if other names begin with it', () => {
    expect(resolveModel('GPT-5', MODELS)).toMatchObject({ kind: 'model', name: 'openai/gpt-5' });
  });

  test('can be a part of exactly one name', () => {
    expect(resolveModel('sonnet', MODELS)).toMatchObject({ name: 'anthropic/claude-sonnet-4-5' });
  });

  test('that matches several models selects none', () => {
    expect(resolveModel('gpt', MODELS)).toMatchObject({ kind: 'several', names: MODELS.slice(1, 5) });
  });

  test('that is not listed is used if its provider is known', () => {
    expect(resolveModel('openai/gpt-9', MODELS)).toEqual({
      kind: 'model',
      name: 'openai/gpt-9',
      listed: false,
    });
    expect(resolveModel('acme/gpt-9', MODELS).kind).toBe('unknown');
  });

  test('with a typing error gives the nearest names', () => {
    expect(resolveModel('recal', MODELS)).toMatchObject({ kind: 'model', name: 'local/recall' });
    expect(resolveModel('gtp-5-mini', MODELS)).toMatchObject({
      kind: 'unknown',
      near: ['openai/gpt-5-mini'],
    });
  });
});

describe('the default model', () => {
  test('is the newest standard model of the first provider, by numeric order', () => {
    expect(defaultModel(MODELS)).toBe('openai/gpt-5.10');
  });

  test('is the built-in model without a provider', () => {
    expect(defaultModel(['local/recall'])).toBe('local/recall');
  });

  test('is an alias from the settings if there is one', () => {
    expect(defaultModel(['fast', ...MODELS])).toBe('fast');
  });
});

describe('the list of sessions', () => {
  const turn = (name: string, at: number): NotedTurn => ({
    name,
    model: 'openai/gpt-5',
    text: `about ${name}`,
    tokens: 10,
    cost: 0.5,
    at,
  });

  function book(gateway = 'local') {
    const directory = temporaryDirectory();
    const path = join(directory, 'data', 'chat-sessions.json');
    return { path, book: new SessionBook(path, gateway), end: () => rmSync(directory, { recursive: true }) };
  }

  test('lists the newest session first and adds up the usage of each', () => {
    const { book: sessions, end } = book();
    sessions.note(turn('a', 1));
    sessions.note(turn('b', 2));
    sessions.note({ ...turn('a', 3), text: 'later' });
    expect(sessions.list()).toMatchObject([
      { name: 'a', turns: 2, tokens: 20, cost: 1, estimated: false, title: 'about a' },
      { name: 'b', turns: 1 },
    ]);
    end();
  });

  test('separates the sessions of different gateways', () => {
    const { path, book: sessions, end } = book();
    sessions.note(turn('a', 1));
    expect(new SessionBook(path, 'http://elsewhere').list()).toEqual([]);
    end();
  });

  test('is readable only by its owner', () => {
    const { path, book: sessions, end } = book();
    sessions.note(turn('a', 1));
    expect(statSync(path).mode & 0o077).toBe(0);
    end();
  });

  test('renames an unreadable file instead of overwriting it', async () => {
    const { path, book: sessions, end } = book();
    await Bun.write(path, '{"sessions": [{"na');
    expect(sessions.list()).toEqual([]);
    sessions.note(turn('a', 1));
    expect(await Bun.file(`${path}.unreadable`).text()).toBe('{"sessions": [{"na');
    end();
  });

  test('gives new sessions names that are not taken', () => {
    const at = new Date(2026, 10, 22, 9, 5);
    expect(freshName(at, new Set())).toBe('2026-11-22-0905');
    expect(freshName(at, new Set(['2026-11-22-0905']))).toBe('2026-11-22-0905-2');
  });
});

describe('texts of the chat', () => {
  test('shows small costs as more than zero', () => {
    expect([0, 0.0000031, 0.0042, 0.0000999, 0.0312, 1.5].map((cost) => money(cost))).toEqual([
      '$0',
      '$0.0000031',
      '$0.0042',
      '$0.00010',
      '$0.031',
      '$1.50',
    ]);
  });

  test('says that a cost is an estimate', () => {
    const usage = { input: 5, output: 2, cached: 0, reasoning: 0, cost: 0.5 };
    expect(usageNote(usage, 'openai/gpt-5', '·')).toBe('5 in, 2 out · $0.500');
    expect(usageNote({ ...usage, estimated: true }, 'openai/gpt-5', '·')).toBe('5 in, 2 out · about $0.500');
  });

  test('does not show an unknown price as free', () => {
    const usage = { input: 1200, output: 3, cached: 1000, reasoning: 0 };
    expect(usageNote(usage, 'openai/x', '|')).toBe('1,200 (1,000 cached) in, 3 out | price unknown');
    expect(usageNote(usage, 'local/recall', '|')).toEndWith('free');
  });

  test('shows ages in minutes, hours and days', () => {
    expect([0, 60_000, 7_200_000, 864_000_000].map((ms) => ago(0, ms))).toEqual([
      'just now',
      '1 minute ago',
      '2 hours ago',
      '10 days ago',
    ]);
  });

  test('breaks streamed lines between words and loses no text', () => {
    const wrapped = (text: string, size: number) => {
      let out = '';
      const wrap = new WordWrap(
        (part) => {
          out += part;
        },
        () => 10,
      );
      for (let at = 0; at < text.length; at += size) wrap.push(text.slice(at, at + size));
      wrap.flush();
      return out;
    };
    for (const size of [1, 3, 100]) {
      expect(wrapped('one two three four\n  six', size)).toBe('one two \nthree four\n  six');
      expect(wrapped('a日本語日本語', size)).toBe('a日本語日\n本語');
      expect(wrapped('a\n\n', size)).toBe('a\n\n');
    }
  });

  test('removes control characters from model output', () => {
    expect(printable('a\u001b[2Jb\u0007\tc\n\u009b31m')).toBe('a[2Jb\tc\n31m');
  });

  test('uses colours only on a terminal, and not with NO_COLOR', () => {
    expect(styleFor({ isTTY: true }, {}).red('x')).toContain('\u001b[31m');
    expect(styleFor({ isTTY: true }, { NO_COLOR: '1' }).red('x')).toBe('x');
    expect(styleFor({}, {}).red('x')).toBe('x');
  });

  test('uses ASCII signs when the locale is not UTF-8', () => {
    expect(styleFor({}, { LC_ALL: 'C', LANG: 'en_US.UTF-8' }).signs.ok).toBe('+');
    expect(styleFor({}, { LANG: 'en_US.UTF-8' }).signs.ok).toBe('✓');
  });
});

test('treats a path as a message, not as a command', () => {
  const lines = ['/help', '/model x', '/quit2', '/naïve', '/etc/hosts', '// x', '/ no', 'a /help', ' /help'];
  expect(lines.filter(isCommand)).toEqual(['/help', '/model x', '/quit2', '/naïve']);
});

test('accepts session names that fit into a header', () => {
  expect(['trip', 'a b', 'é', '', 'x'.repeat(256)].map(isSessionName)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});

test('calls a gateway that listens on all interfaces through the loopback address', () => {
  expect(addressOf('0.0.0.0', 1)).toBe('http://127.0.0.1:1');
  expect(addressOf('::', 1)).toBe('http://[::1]:1');
});

describe('Tab', () => {
  const models = (...names: string[]) => names.map((name) => `/model ${name}`);

  test('extends a line to the text that all possible lines begin with', () => {
    const lines = models('openai/gpt-5', 'openai/gpt-5-mini');
    expect(completionOf('/model OPEN', () => lines)).toEqual({ kind: 'extend', lines });
  });

  test('replaces a part of a name by the only name that has it', () => {
    const lines = models('anthropic/claude-sonnet-4-5');
    expect(completionOf('/model son', () => lines).kind).toBe('extend');
  });

  test('shows the possible lines and changes nothing when they do not begin with the typed text', () => {
    const lines = models('anthropic/claude-sonnet-4-5', 'anthropic/claude-sonnet-5');
    expect(completionOf('/model son', () => lines)).toEqual({ kind: 'list', lines });
  });

  test('is a character in a message', () => {
    expect(completionOf('if x:', () => [])).toEqual({ kind: 'extend', lines: ['if x:\t'] });
  });
});
