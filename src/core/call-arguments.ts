import type { FunctionCall } from './items.ts';
import { isObject } from './json.ts';
import { wellFormed } from './well-formed.ts';

/**
 * The arguments of a call as every provider accepts them: JSON text of an object. A model may have written other
 * text, or may have been cut off inside it; a provider that parses arguments (Anthropic, Gemini, Mistral, vLLM's
 * templates) would refuse it in every later request of the session. Text that is an object is returned
 * unchanged, unless it has lone surrogates (`well-formed.ts`). Of a call that was cut short, nothing is sent;
 * other text is given to the model under `invalid_arguments`.
 */
export function argumentsOf({ arguments: text, status }: FunctionCall): string {
  if (text.trim() === '') return '{}';
  const value = objectIn(text);
  if (value) {
    const whole = wellFormed(value);
    return whole === value ? text : JSON.stringify(whole);
  }
  return status === 'incomplete' ? '{}' : JSON.stringify({ invalid_arguments: text });
}

/**
 * The arguments in one form, whatever the text: clients of some APIs get an object, and write it in their own way.
 * As in `argumentsOf`, text that is no object is inside one.
 */
export function compactArguments(call: FunctionCall): string {
  const text = argumentsOf(call);
  return text === '{}' ? text : JSON.stringify(JSON.parse(text));
}

function objectIn(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
