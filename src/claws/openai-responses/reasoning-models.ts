import type { Prompt } from '../../core/prompt.ts';

/**
 * Whether to ask for encrypted reasoning. A model that does not reason refuses the whole request ("Encrypted
 * content is not supported with this model", 400), and no field tells which do; so only models are asked
 * that are known to, or that the caller himself asks to reason. The chat variants of GPT-5 refuse too.
 */
export function reasons({ model, settings }: Prompt): boolean {
  if (settings.reasoning !== undefined) return true;
  const name = model.slice(model.lastIndexOf('/') + 1);
  return /^(o\d|gpt-[5-9]|gpt-\d\d|codex|computer-use|grok)/.test(name) && !/-chat|non-reasoning/.test(name);
}
