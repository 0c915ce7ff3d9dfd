import type { Capabilities } from '../../claws/claw.ts';
import type { Candidate } from '../../core/candidate.ts';
import type { Part } from '../../core/items.ts';
import type { PromptItem } from '../../core/prompt.ts';
import { isReadable } from '../../routing/filters.ts';

/**
 * History as this candidate can read it. A file that the candidate cannot be given (an id of another provider,
 * a URL where only content is accepted, an image for a model that reads none) becomes a line of text that says so, because refusing it would end the
 * session. In new input the claw refuses it.
 */
export function readable(candidate: Candidate, able: Capabilities, entry: PromptItem): PromptItem {
  const { item, answeredBy } = entry;
  if (answeredBy === undefined || item.type !== 'message' || item.role === 'assistant') return entry;
  const foreign = answeredBy !== candidate.provider;
  const { inputs } = candidate;
  const lost = (part: Part) => isLost(part, foreign, able) || (inputs && !isReadable(part, inputs));
  if (!item.content.some(lost)) return entry;
  return {
    ...entry,
    item: { ...item, content: item.content.map((part) => (lost(part) ? standIn(part) : part)) },
  };
}

function isLost(part: Part, foreign: boolean, able: Capabilities): boolean {
  if (part.type === 'input_image') return !part.image_url && (foreign || !able.fileUrls);
  if (part.type !== 'input_file' || part.file_data) return false;
  return part.file_url ? !able.fileUrls : foreign;
}

const NAMES = { input_image: 'an image', input_audio: 'a recording' };

function standIn(part: Part): Part {
  const { filename, file_url } = part as { filename?: string | null; file_url?: string | null };
  const name = filename ?? file_url ?? NAMES[part.type as keyof typeof NAMES] ?? 'a file';
  return { type: 'input_text', text: `[Attached earlier, not readable by this model: ${name}]` };
}
