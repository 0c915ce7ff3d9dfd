import { type Answer, PIXEL, type RequestContent } from './answer.ts';
import { endingOf, type Reading, textOfParts, withoutEnding } from './continuation.ts';
import { geminiHeaders, geminiRefusal } from './gemini-errors.ts';
import { checkGemini } from './gemini-rules.ts';
import type { Frame, Protocol, Scene } from './protocol.ts';
import { sealWith } from './seal.ts';
import { asJson, asList, asText, type Json, textOf } from './shape.ts';

const FINISH = {
  stop: 'STOP',
  tools: 'STOP',
  length: 'MAX_TOKENS',
  refusal: 'SAFETY',
  filter: 'PROHIBITED_CONTENT',
};

/** Google's generateContent. */
export const gemini: Protocol = {
  name: 'gemini',
  headers: geminiHeaders,
  keyOf: (request) => request.headers['x-goog-api-key'] || (request.query.get('key') ?? ''),
  check: checkGemini,
  readRequest,
  json,
  frames,
  variant: (body) => (endingOf(body.contents, READING) ? undefined : ''),
  refusal: (trouble, model) => geminiRefusal(trouble, model),
  errorFrame: (scene) => event(geminiRefusal({ kind: 'status', status: 503 }, scene.model).body),
  garbage: 'data: {"candidates": [{"content": {"parts": [{"te\r\n\r\n',
  wrongShape: 'data: {"strange": true}\r\n\r\n',
};

const READING: Reading = {
  read: (content) => ({ role: asText(content.role) || 'user', text: textOfParts(content.parts) }),
  prefills: () => true,
};

function readRequest(body: Json): RequestContent {
  const ending = endingOf(body.contents, READING);
  const contents = withoutEnding(asList(body.contents), ending);
  const parts = (content: Json | undefined) => asList(content?.parts);
  const outputs = parts(contents.at(-1)).flatMap(
    (part) => part.functionResponse ?? part.function_response ?? [],
  );
  const asked = contents.findLastIndex(({ role, parts: all }) => role !== 'model' && textOf(all) !== '');
  const config = asJson(body.generationConfig);
  const calling = asJson(asJson(body.toolConfig).functionCallingConfig);
  const allowed = Array.isArray(calling.allowedFunctionNames) ? calling.allowedFunctionNames.map(String) : [];
  return {
    userTexts: contents
      .filter((content) => content.role !== 'model')
      .map((content) => textOf(content.parts))
      .filter((text) => text !== ''),
    rounds: contents.slice(asked + 1).filter(({ role }) => role === 'model').length,
    toolOutputs: outputs.map((output) => JSON.stringify(asJson(output).response)),
    tools: asList(body.tools)
      .flatMap((tool) => asList(tool.functionDeclarations ?? tool.function_declarations))
      .map((tool) => ({ name: asText(tool.name), schema: tool.parametersJsonSchema ?? tool.parameters })),
    toolChoice: calling.mode === 'NONE' ? 'none' : allowed.length === 1 ? { name: allowed[0]! } : 'auto',
    schema: config.responseJsonSchema ?? config.responseSchema,
    ending,
  };
}

function json(answer: Answer, scene: Scene): Json {
  if (answer.finish === 'filter') return blocked(scene);
  const parts: Json[] = [];
  if (answer.reasoning.length > 0) parts.push({ text: answer.reasoning.join(''), thought: true });
  if (answer.text.length > 0 && answer.finish !== 'refusal') {
    parts.push({ text: answer.text.join(''), ...signatureOf(answer, scene, 'text') });
  }
  if (scene.plan.image) parts.push(imagePart(signatureOf(answer, scene, 'image')));
  parts.push(...callParts(answer, scene));
  return chunk(scene, parts, answer);
}

function frames(answer: Answer, scene: Scene): Frame[] {
  if (answer.finish === 'filter') return [{ text: event(blocked(scene)), kind: 'end-mark' }];
  const list: Frame[] = [];
  for (const text of answer.reasoning) {
    list.push({ text: event(chunk(scene, [{ text, thought: true }])), kind: 'plain' });
  }
  if (answer.finish !== 'refusal') list.push(...textFrames(answer, scene));
  if (scene.plan.image) {
    const part = imagePart(signatureOf(answer, scene, 'image'));
    list.push({ text: event(chunk(scene, [part])), kind: 'delta' });
  }
  for (const part of callParts(answer, scene)) {
    list.push({ text: event(chunk(scene, [part])), kind: 'delta' });
  }
  const last = answer.calls.length > 0 ? { text: '' } : { text: '', ...signatureOf(answer, scene, 'text') };
  list.push({
    text: event(chunk(scene, answer.finish === 'refusal' ? [] : [last], answer)),
    kind: 'end-mark',
  });
  return list;
}

function textFrames(answer: Answer, scene: Scene): Frame[] {
  const [before = '', after = ''] = event(chunk(scene, [{ text: '~TEXT~' }])).split('"~TEXT~"');
  return answer.text.map((text) => ({ text: `${before}${JSON.stringify(text)}${after}`, kind: 'delta' }));
}

/** https://ai.google.dev/gemini-api/docs/image-generation */
const imagePart = (signature: Json): Json => ({
  inlineData: { mimeType: 'image/png', data: PIXEL },
  ...signature,
});

/** Only the first of several parallel calls has the signature. */
function callParts(answer: Answer, scene: Scene): Json[] {
  return answer.calls.map((call, at) => ({
    functionCall: { name: call.name, args: JSON.parse(call.arguments) },
    ...(at === 0 ? signatureOf(answer, scene, call.name) : {}),
  }));
}

/** `of`: the name of the call, or `text`. */
function signatureOf(answer: Answer, scene: Scene, of: string): Json {
  return answer.reasoning.length > 0 ? { thoughtSignature: sealWith('thought', `${scene.id} ${of}`) } : {};
}

function chunk(scene: Scene, parts: Json[], ending?: Answer): Json {
  const candidate: Json = parts.length > 0 ? { content: { parts, role: 'model' } } : {};
  if (ending) candidate.finishReason = FINISH[ending.finish];
  candidate.index = 0;
  if (ending?.finish === 'refusal') {
    // https://ai.google.dev/api/generate-content#candidate: `finishMessage` details the finish reason.
    candidate.finishMessage = ending.text.join('');
    candidate.safetyRatings = [
      { category: 'HARM_CATEGORY_DANGEROUS_CONTENT', probability: 'HIGH', blocked: true },
    ];
  }
  if (ending && scene.plan.logprobs) {
    candidate.avgLogprobs = -0.25;
    candidate.logprobsResult = {
      chosenCandidates: ending.text.map((token) => ({ token, tokenId: 1, logProbability: -0.25 })),
    };
  }
  return { candidates: [candidate], ...trailer(scene) };
}

function blocked(scene: Scene): Json {
  return { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, ...trailer(scene) };
}

function trailer(scene: Scene): Json {
  return { usageMetadata: usage(scene), modelVersion: scene.model, responseId: scene.id.slice(0, 23) };
}

/** Google counts thought tokens separately from the tokens of the answer. */
function usage({ usage: { input, cached, output, reasoning } }: Scene): Json {
  return {
    promptTokenCount: input,
    candidatesTokenCount: output - reasoning,
    totalTokenCount: input + output,
    ...(cached > 0 ? { cachedContentTokenCount: cached } : {}),
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: input }],
    ...(reasoning > 0 ? { thoughtsTokenCount: reasoning } : {}),
  };
}

function event(data: Json): string {
  return `data: ${JSON.stringify(data)}\r\n\r\n`;
}
