import type { Provider, RecordedRequest } from '../simulators/provider/provider.ts';

interface Said {
  content?: unknown;
  parts?: unknown;
}

/** What a provider was sent of the conversation, oldest first, in no protocol's words. */
export function context({ body }: RecordedRequest): string[] {
  const { messages, input, contents } = body as Record<string, Said[] | undefined>;
  return (messages ?? input ?? contents ?? []).flatMap(textsOf);
}

function textsOf({ content, parts }: Said): string[] {
  if (typeof content === 'string') return [content];
  return ((content ?? parts ?? []) as { text?: string }[]).map(({ text }) => text ?? '');
}

/** Finds what reached the provider by the newest user text, which a test makes unique. */
export class Upstream {
  private readonly contexts = new Map<string, string[]>();
  private read = 0;

  constructor(readonly provider: Provider) {}

  /** The context of the request that ended in `user`; absent when none has come. */
  contextOf(user: string): string[] | undefined {
    const { requests } = this.provider;
    for (; this.read < requests.length; this.read++) {
      const texts = context(requests[this.read]!);
      this.contexts.set(texts.at(-1) ?? '', texts);
    }
    return this.contexts.get(user);
  }

  forget(): void {
    this.provider.reset();
    this.contexts.clear();
    this.read = 0;
  }
}

/** For what has no event to wait for, such as a request's arrival at the provider. */
export async function until(what: string, holds: () => boolean, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain until ${what}`);
    await Bun.sleep(1);
  }
}
