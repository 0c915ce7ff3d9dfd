import type { Plan } from './behaviour.ts';
import { checkGeminiMedia } from './media-rules.ts';
import type { Trouble } from './protocol.ts';
import { isSealed } from './seal.ts';
import { asJson, asList, asText, isJson, type Json } from './shape.ts';
import { checkGeminiTools } from './tool-rules.ts';

/** All fields of Google's schema dialect. The API refuses the other fields of JSON Schema. */
const SCHEMA_FIELDS = new Set(
  (
    'type format title description nullable enum maxItems minItems properties required minProperties maxProperties ' +
    'minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum'
  ).split(' '),
);

/** Signatures that the documentation allows for calls of another model. */
const PLACEHOLDER_SIGNATURES = new Set([
  'context_engineering_is_the_way_to_go',
  'skip_thought_signature_validator',
  // A genuine signature, which LangChain sends for every call without one.
  'ErYCCrMCAdHtim9kOoOkrPiCNVsmlpMIKd7ZMxgiFbVQOkgp7nlLcDMzVsZwIzvuT7nQROivoXA72ccC2lSDvR0Gh7dkWaGuj7ctv6t7ZceHnecx0QYa+ix8tYpRfjhyWozQ49lWiws6+YGjCt10KRTyWsZ2h6O7iHTYJwKIRwGUHRKy/qK/6kFxJm5ML00gLq4D8s5Z6DBpp2ZlR+uF4G8jJgeWQgyHWVdx2wGYElaceVAc66tZdPQRdOHpWtgYSI1YdaXgVI8KHY3/EfNc2YqqMIulvkDBAnuMhkAjV9xmBa54Tq+ih3Im4+r3DzqhGqYdsSkhS0kZMwte4Hjs65dZzCw9lANxIqYi1DJ639WNPYihp/DCJCos7o+/EeSPJaio5sgWDyUnMGkY1atsJZ+m7pj7DD5tvQ==',
]);

/** https://ai.google.dev/api/caching#Part. The API refuses other fields. */
const PART_FIELDS = new Set(
  (
    'text inlineData functionCall functionResponse fileData executableCode codeExecutionResult toolCall toolResponse ' +
    'thought thoughtSignature partMetadata videoMetadata mediaResolution mediaProcessing speechMetadata'
  ).split(' '),
);
const camelCase = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Checks a conversation as Google's API does. */
export function checkGemini(body: Json, plan: Plan): Trouble | undefined {
  const contents = asList(body.contents);
  if (contents.length === 0) return invalid('* GenerateContentRequest.contents: contents is not specified\n');
  return (
    checkContents(contents) ??
    checkGeminiMedia(body) ??
    checkIds(contents) ??
    checkOrder(contents) ??
    checkEnd(contents, plan) ??
    checkSignatures(contents, plan) ??
    checkGeminiTools(body) ??
    checkDeclarations(body)
  );
}

function checkContents(contents: Json[]): Trouble | undefined {
  for (const [at, content] of contents.entries()) {
    const role = asText(content.role);
    if (role !== '' && role !== 'user' && role !== 'model' && role !== 'function') {
      return invalid('Please use a valid role: user, model.');
    }
    const parts = asList(content.parts);
    const path = `* GenerateContentRequest.contents[${at}].parts`;
    if (parts.length === 0) return invalid(`${path}: contents.parts must not be empty.\n`);
    const empty = parts.findIndex((part) => Object.keys(part).every((key) => key.startsWith('thought')));
    const args = parts.map((part) => asJson(part.functionCall ?? part.function_call).args ?? {});
    if (!args.every(isJson)) {
      return invalid(
        `Invalid value at 'contents[${at}].parts[0].function_call.args' (type.googleapis.com/google.protobuf.Struct)`,
      );
    }
    const unknown = parts.flatMap(Object.keys).find((key) => !PART_FIELDS.has(camelCase(key)));
    if (unknown !== undefined) {
      return invalid(
        `Invalid JSON payload received. Unknown name "${unknown}" at 'contents[${at}].parts[0]': Cannot find field.`,
      );
    }
    if (empty >= 0) {
      return invalid(`${path}[${empty}].data: required oneof field 'data' must have one initialized field\n`);
    }
  }
  return undefined;
}

/** Ids are optional; one that is given names one call. */
function checkIds(contents: Json[]): Trouble | undefined {
  const calls = contents.flatMap(({ parts }) => asList(parts).map((part) => asJson(part.functionCall)));
  const ids = calls.map(({ id }) => asText(id)).filter((id) => id !== '');
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
  return repeated === undefined ? undefined : invalid(`Duplicate function call id: ${repeated}`);
}

function count(content: Json | undefined, ...names: string[]): number {
  return asList(content?.parts).filter((part) => names.some((name) => isJson(part[name]))).length;
}

function checkOrder(contents: Json[]): Trouble | undefined {
  for (const [at, content] of contents.entries()) {
    const before = contents[at - 1];
    const calls = count(content, 'functionCall', 'function_call');
    const outputs = count(content, 'functionResponse', 'function_response');
    const asked = before?.role === 'model' ? count(before, 'functionCall', 'function_call') : 0;
    if (calls > 0 && (content.role !== 'model' || at === 0 || before?.role === 'model')) {
      return invalid(
        'Please ensure that function call turn comes immediately after a user turn or after a function response turn.',
      );
    }
    if (outputs > 0 && asked === 0) {
      return invalid(
        'Please ensure that function response turn comes immediately after a function call turn.',
      );
    }
    if (outputs !== asked && (outputs > 0 || asked > 0)) return unequal();
  }
  return count(contents.at(-1), 'functionCall', 'function_call') > 0 ? unequal() : undefined;
}

function checkEnd(contents: Json[], plan: Plan): Trouble | undefined {
  if (!plan.noPrefill || contents.at(-1)?.role !== 'model') return undefined;
  return invalid('Requests ending with a model turn are not supported.');
}

function unequal(): Trouble {
  return invalid(
    'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
  );
}

function checkSignatures(contents: Json[], plan: Plan): Trouble | undefined {
  for (const content of contents) {
    for (const part of asList(content.parts)) {
      const signature = part.thoughtSignature ?? part.thought_signature;
      if (signature === undefined || PLACEHOLDER_SIGNATURES.has(asText(signature))) continue;
      if (!isSignatureOf(part, asText(signature))) return invalid('Thought signature is not valid.');
    }
  }
  return plan.think ? (checkCurrentTurn(contents) ?? checkImages(contents)) : undefined;
}

/** https://ai.google.dev/gemini-api/docs/thought-signatures: images of the model need their signature. */
function checkImages(contents: Json[]): Trouble | undefined {
  for (const [at, content] of contents.entries()) {
    if (content.role !== 'model') continue;
    const bare = asList(content.parts).findIndex((part) => part.inlineData && !part.thoughtSignature);
    if (bare === -1) continue;
    return invalid(
      `Image part is missing a thought_signature in content position ${at + 1}, part position ${bare + 1}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.`,
    );
  }
  return undefined;
}

/**
 * A signature comes back unchanged, on the part that it came with: the signature of a call is not one of a text
 * (https://ai.google.dev/gemini-api/docs/thought-signatures).
 */
function isSignatureOf(part: Json, signature: string): boolean {
  if (!isSealed('thought', signature)) return false;
  const call = asJson(part.functionCall ?? part.function_call);
  const of = Buffer.from(signature, 'base64').toString().split(' ').at(-1);
  return of === (part.inlineData ? 'image' : asText(call.name) || 'text');
}

/** In the current turn, the first call of each step must have its signature. */
function checkCurrentTurn(contents: Json[]): Trouble | undefined {
  const start = contents.findLastIndex(
    (content) => content.role !== 'model' && count(content, 'functionResponse', 'function_response') === 0,
  );
  for (const [offset, content] of contents.slice(start + 1).entries()) {
    const call = asList(content.parts).find((part) => part.functionCall ?? part.function_call);
    if (!call || call.thoughtSignature || call.thought_signature) continue;
    const name = asText(asJson(call.functionCall ?? call.function_call).name);
    return invalid(
      `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${name}\` , position ${start + 2 + offset}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.`,
    );
  }
  return undefined;
}

function checkDeclarations(body: Json): Trouble | undefined {
  for (const [at, tool] of asList(body.tools).entries()) {
    for (const [number, declared] of asList(
      tool.functionDeclarations ?? tool.function_declarations,
    ).entries()) {
      const path = `tools[${at}].function_declarations[${number}].parameters`;
      const trouble = isJson(declared.parameters) ? checkSchema(declared.parameters, path) : undefined;
      if (trouble) return trouble;
    }
  }
  const { responseSchema } = asJson(body.generationConfig);
  return isJson(responseSchema)
    ? checkSchema(responseSchema, 'generation_config.response_schema')
    : undefined;
}

function checkSchema(schema: Json, path: string): Trouble | undefined {
  const unknown = Object.keys(schema).find((key) => !SCHEMA_FIELDS.has(key));
  if (unknown !== undefined) {
    return invalid(
      `Invalid JSON payload received. Unknown name "${unknown}" at '${path}': Cannot find field.`,
    );
  }
  if (Array.isArray(schema.type)) {
    const message = `Invalid value at '${path}.type' (type), Proto field is not repeating, cannot start list.`;
    return invalid(`Invalid JSON payload received. ${message}`);
  }
  const inner: [string, unknown][] = [
    ...Object.entries(asJson(schema.properties)).map(([name, value], at): [string, unknown] => [
      `${path}.properties[${at}].value`,
      value ?? name,
    ]),
    [`${path}.items`, schema.items],
    ...asList(schema.anyOf).map((value, at): [string, unknown] => [`${path}.any_of[${at}]`, value]),
  ];
  for (const [innerPath, value] of inner) {
    const trouble = isJson(value) ? checkSchema(value, innerPath) : undefined;
    if (trouble) return trouble;
  }
  return undefined;
}

function invalid(message: string): Trouble {
  return { kind: 'invalid', message };
}
