import { anthropic } from '../../src/claws/anthropic/protocol.ts';
import { billedPrice } from '../../src/claws/catalogue/billing.ts';
import { loadCatalogue } from '../../src/claws/catalogue/catalogue.ts';
import type { WireProtocol } from '../../src/claws/claw.ts';
import { gemini } from '../../src/claws/gemini/protocol.ts';
import { openaiChat } from '../../src/claws/openai-chat/protocol.ts';
import type { Candidate } from '../../src/core/candidate.ts';
import {
  AutomaticCache,
  type CacheUse,
  MarkedCache,
  type PromptBlock,
} from '../../tests/simulators/provider/prompt-cache.ts';

/** The prompt cache of one session at a provider. */
export interface SessionCache {
  call(credential: string, model: string, blocks: readonly PromptBlock[]): CacheUse;
}

/** A model at its list prices, and the rules of its provider's prompt cache. */
export interface PricedModel {
  name: string;
  candidate: Candidate & Required<Pick<Candidate, 'contextLimit' | 'price'>>;
  protocol: WireProtocol;
  cache(now: () => number): SessionCache;
}

interface Row {
  protocol: WireProtocol;
  model: string;
  /** The window that the configuration gives (`claws.<name>.models`), where it is not that of the catalogue. */
  context?: number;
  cache: PricedModel['cache'];
}

/** A provider that caches nothing, or caches without a lower price. */
const uncached = (): SessionCache => ({
  call: (_credential, _model, blocks) => ({
    input: Math.floor(blocks.reduce((sum, { text }) => sum + text.length, 0) / 4),
    cached: 0,
    wrote: 0,
    wroteHour: 0,
  }),
});

const openai: PricedModel['cache'] = (now) => new AutomaticCache(now);

const ROWS: readonly Row[] = [
  { protocol: openaiChat, model: 'openai/gpt-5-mini', context: 128_000, cache: openai },
  { protocol: openaiChat, model: 'openai/gpt-5-mini', cache: openai },
  { protocol: openaiChat, model: 'openai/gpt-4o', cache: openai },
  // platform.claude.com, "Prompt caching": 4,096 tokens at least for Haiku 4.5.
  { protocol: anthropic, model: 'anthropic/claude-haiku-4-5', cache: (now) => new MarkedCache(now, 4_096) },
  {
    protocol: gemini,
    model: 'gemini/gemini-2.5-flash',
    // ai.google.dev/gemini-api/docs/caching: implicit, from 2,048 tokens on. It names no step.
    cache: (now) => new AutomaticCache(now, { step: 128, least: 2_048 }),
  },
  {
    protocol: openaiChat,
    model: 'deepseek/deepseek-chat',
    // api-docs.deepseek.com/guides/kv_cache: on disk, from the first unit on. Units had 64 tokens.
    cache: (now) => new AutomaticCache(now, { step: 64, least: 64 }),
  },
  // No lower price for cached input in the list.
  { protocol: openaiChat, model: 'groq/llama-3.3-70b-versatile', cache: uncached },
];

/** The models of the curve, with the prices and windows of the gateway's catalogue. */
export function pricedModels(): PricedModel[] {
  const catalogue = loadCatalogue();
  return ROWS.map(({ protocol, model: name, context, cache }) => {
    const [provider, model] = name.split('/') as [string, string];
    const { price, context: listed, output } = catalogue.model(provider, model)!;
    const contextLimit = context ?? listed!;
    const candidate = {
      ...{ provider, model, protocol: protocol.name },
      ...{ contextLimit, outputLimit: output, price: billedPrice(price!, { provider, model }) },
    };
    const window =
      contextLimit >= 1_000_000
        ? `${Math.round(contextLimit / 1e6)}M`
        : `${Math.round(contextLimit / 1000)}k`;
    return { name: `${name}, ${window}`, candidate, protocol, cache };
  });
}
