import { seal, sealWith } from '../../simulators/provider/seal.ts';
import { asJson, asList, asText, isJson, type Json } from '../../simulators/provider/shape.ts';

/**
 * A real provider accepts its own signatures and kinds of items, which the simulator's rules do not know. So
 * those of a recording are replaced by ones that the simulator knows; it refuses all others.
 */
export interface Genuine {
  signatures: Set<string>;
  /** Ids of items, with their types before them. */
  items: Set<string>;
  /** The ids alone. */
  ids: Set<string>;
  /** Kinds of tools and items. */
  types: Set<string>;
  /** Names of the client's custom tools. */
  custom: Set<string>;
}

const SIGNED = /^(signature|thoughtSignature|encrypted_content)$/;

export function genuineIn(recorded: unknown): Genuine {
  const found: Genuine = {
    ...{ signatures: new Set(), items: new Set(), ids: new Set(), types: new Set(), custom: new Set() },
  };
  const visit = (value: unknown): void => {
    if (typeof value === 'string' && value.startsWith('{"')) visit(JSON.parse(value));
    else if (Array.isArray(value)) value.forEach(visit);
    else if (isJson(value)) {
      note(value, found);
      Object.values(value)
        .filter((inner) => typeof inner === 'object')
        .forEach(visit);
    }
  };
  visit(recorded);
  return found;
}

function note(value: Json, { signatures, items, ids, types, custom }: Genuine): void {
  const type = asText(value.type);
  types.add(type);
  ids.add(asText(value.id));
  items.add(`${type} ${asText(value.id)}`);
  if (type === 'custom' || value.format !== undefined) custom.add(asText(value.name));
  for (const [key, inner] of Object.entries(value)) if (SIGNED.test(key)) signatures.add(asText(inner));
}

/** The request with signatures and items that the simulator knows. */
export function inSimulatedWords(body: Json, genuine: Genuine): Json {
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (!isJson(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        SIGNED.test(key) && genuine.signatures.has(asText(inner)) ? sealed(key, value) : visit(inner),
      ]),
    );
  };
  const seen = visit(body) as Json;
  return {
    ...seen,
    ...(Array.isArray(seen.input) && { input: asList(seen.input).map((item) => knownItem(item, genuine)) }),
    ...(seen.tools !== undefined && {
      tools: asList(seen.tools).map((tool) =>
        tool.type === 'x_search' && genuine.types.has('x_search') ? { type: 'web_search' } : tool,
      ),
    }),
  };
}

/**
 * xAI has own kinds of hosted calls, and own ids for those that OpenAI has, too. It writes some of its hosted calls as
 * calls of custom tools that no client has.
 */
function knownItem(item: Json, { items, types, custom }: Genuine): Json {
  const type = asText(item.type);
  const isHosted =
    (type === 'x_search_call' && types.has(type)) ||
    (type === 'custom_tool_call' && !custom.has(asText(item.name)) && types.has('custom_tool_call')) ||
    (type === 'web_search_call' && items.has(`${type} ${asText(item.id)}`));
  return isHosted ? { type: 'web_search_call', id: `ws_${asText(item.id)}`, status: 'completed' } : item;
}

function sealed(key: string, holder: Json): string {
  if (key === 'signature') return seal('thinking', asText(holder.thinking));
  return key === 'thoughtSignature'
    ? sealWith('thought', `recorded ${partOf(holder)}`)
    : sealWith('reasoning', 'recorded');
}

/** What a signature of Gemini belongs to, as the simulator's rules name it. */
const partOf = (part: Json): string =>
  part.inlineData ? 'image' : asText(asJson(part.functionCall).name) || 'text';
