import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A provider that answers with real prose. The words of the simulator repeat, so they compress better than what
 * people and models write.
 */
export interface ProseProvider {
  port: number;
  stop(): Promise<void>;
}

export function startProseProvider(answers: readonly string[]): ProseProvider {
  let count = 0;
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { model } = (await request.json()) as { model: string };
      const content = answers[count++ % answers.length]!;
      return Response.json(completion(model, content));
    },
  });
  return { port: server.port!, stop: () => server.stop(true) };
}

/** A chat completion with the fields that OpenAI's API sends. */
function completion(model: string, content: string): Record<string, unknown> {
  const [prompt, output] = [1_234, Math.ceil(content.length / 4)];
  return {
    id: `chatcmpl-${crypto.randomUUID().replaceAll('-', '').slice(0, 29)}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content, refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: {
      prompt_tokens: prompt,
      completion_tokens: output,
      total_tokens: prompt + output,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
    service_tier: 'default',
    system_fingerprint: 'fp_de604bd877',
  };
}

const ROOT = join(import.meta.dir, '..');
const LOCOMO = join(ROOT, '../shared/data/locomo');

/** Pieces of the project's own documentation, of `size` characters. */
export async function longTexts(size: number): Promise<string[]> {
  const paths = ['README.md', 'LICENSE', 'docs/architecture.md', 'docs/sessions.md', 'docs/errors.md'];
  const texts = await Promise.all(
    paths.map((path) =>
      Bun.file(join(ROOT, path))
        .text()
        .catch(() => ''),
    ),
  );
  return texts.join('\n').match(new RegExp(`[^]{${size}}`, 'g')) ?? [];
}

/** Chat messages of people (the LoCoMo data set). Empty when the data set is not there. */
export async function shortTexts(): Promise<string[]> {
  if (!existsSync(LOCOMO)) return [];
  const files = readdirSync(LOCOMO).filter((name) => name.endsWith('.json'));
  const conversations = await Promise.all(files.map((name) => Bun.file(join(LOCOMO, name)).json()));
  return conversations
    .flatMap((conversation: Record<string, unknown>) =>
      Object.values(conversation).filter((part) => Array.isArray(part)),
    )
    .flatMap((messages) => (messages as { text?: string }[]).flatMap(({ text }) => text || []));
}
