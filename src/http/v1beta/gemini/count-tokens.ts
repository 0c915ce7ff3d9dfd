import type { Api } from '../../../api/api.ts';
import { isObject } from '../../../core/json.ts';
import type { Dialect } from '../../dialect.ts';
import type { Handler, SettingsSource } from '../../route.ts';
import { inCallersWords } from '../../v1/caller-words.ts';
import { mayHaveMarks, readBody } from '../../v1/request.ts';
import { askOf } from '../../v1/turn-routes.ts';
import { inCamelCase } from './spelling.ts';

/**
 * Counts the tokens of a prompt, with instructions and tools: of `contents`, or of a whole request in
 * `generateContentRequest` (https://ai.google.dev/api/tokens). In a session, its history counts, too.
 */
export function countTokens(
  dialect: Dialect,
  endpoint: string,
  { turns }: Pick<Api, 'turns'>,
  settings: SettingsSource,
): Handler {
  return async ({ request, caller, params, query }) => {
    const { ruleHeaders, ...limits } = settings();
    const { body: sent, text } = await readBody(request, limits);
    const { generateContentRequest, ...fields } = inCamelCase(sent);
    const body = isObject(generateContentRequest) ? generateContentRequest : fields;
    const { headers } = request;
    const target = { endpoint, params, query };
    const ask = askOf(dialect, body, {
      headers,
      target,
      caller,
      ruleHeaders,
      mayHaveMarks: mayHaveMarks(text),
    });
    const count = turns.countInput(ask, caller).catch((failure) => {
      throw inCallersWords(failure, dialect, { body, items: ask.input });
    });
    const totalTokens = await count;
    return Response.json({
      totalTokens,
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: totalTokens }],
    });
  };
}
