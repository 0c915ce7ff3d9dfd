import type { Provider, RecordedRequest } from '../simulators/provider/provider.ts';

interface Message {
  content?: unknown;
  parts?: unknown;
}

/** The texts of the conversation in a provider's request, oldest first, for every protocol. */
export function context({ body }: RecordedRequest): string[] {
  const { messages, input, contents } = body as Record<string, Message[] | undefined>;
  return (messages ?? input ?? contents ?? []).flatMap(textsOf);
}

function textsOf({ content, parts }: Message): string[] {
  if (typeof content === 'string') return [content];
  return ((content ?? parts ?? []) as { text?: string }[]).map(({ text }) => text ?? '');
}

/** Finds provider requests by their last text. A test makes that text unique. */
export class Upstream {
  private readonly contexts = new Map<string, string[]>();
  private read = 0;

  constructor(readonly provider: Provider) {}

  /** The texts of the request that ends with `user`; undefined if there is none. */
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

/** Polls until a condition holds that has no event, such as the arrival of a request at the provider. */
export async function until(what: string, holds: () => boolean, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`timed out after ${withinMs} ms waiting until ${what}`);
    await Bun.sleep(1);
  }
}
