/**
 * One conversation over two dialects, with OpenAI's SDK.
 * Usage: CLAWHOLD_ROOT_KEY=$(cat clawhold-data/root-key) npx bun examples/trip.ts
 */
import OpenAI from 'openai';

const model = process.env.MODEL ?? 'local/recall';
const claw = new OpenAI({
  baseURL: `${process.env.CLAWHOLD_URL ?? 'http://127.0.0.1:2529'}/v1`,
  apiKey: process.env.CLAWHOLD_ROOT_KEY,
});

// A streamed chat completion in a session with our own name.
const headers = { 'x-session-id': `trip-${Date.now()}` };
const { data: stream, response } = await claw.chat.completions
  .create({ model, stream: true, messages: [{ role: 'user', content: 'My name is Ada.' }] }, { headers })
  .withResponse();
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? '');
console.log();

// The same session, used as a conversation of the Responses API.
const conversation = response.headers.get('x-clawhold-session-id')!;
const answer = await claw.responses.create({ model, conversation, input: 'What is my name?' });
console.log(answer.output_text);
