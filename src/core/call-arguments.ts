import type { FunctionCall } from './items.ts';

/**
 * The arguments of a call as every provider accepts them: JSON text of an object. A model may have written other
 * text, or may have been cut off inside it; a provider that parses arguments (Anthropic, Gemini, Mistral, vLLM's
 * templates) would refuse it in every later request of the session. Text that is an object is returned unchanged.
 * Of a call that was cut short, nothing is sent; other text is given to the model under `invalid_arguments`.
 */
export function argumentsOf({ arguments: text, status }: FunctionCall): string {
  if (text.trim() === '') return '{}';
  if (isObjectText(text)) return text;
  return status === 'incomplete' ? '{}' : JSON.stringify({ invalid_arguments: text });
}

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
