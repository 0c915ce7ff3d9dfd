import { createHash } from 'node:crypto';
import type { Prompt } from '../core/prompt.ts';

/** OpenAI API description, `safety_identifier`. */
const LONGEST = 64;

/**
 * The id of the caller's user for OpenAI's APIs. A caller of another API does not know how long it may be, so a
 * longer one is sent as its hash.
 */
export function safetyIdentifier({ settings, dialect }: Prompt): string | undefined {
  const { safety_identifier: id } = settings;
  if (id === undefined || id.length <= LONGEST || dialect.startsWith('openai-')) return id;
  return createHash('sha256').update(id).digest('hex');
}
