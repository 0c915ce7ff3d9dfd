import type { WireProtocol } from '../claw.ts';
import { chatFault } from './fault.ts';
import { takes } from './messages.ts';
import { chatAnswer, chatReader } from './reader.ts';
import { chatPrefills, chatRequest } from './request.ts';

/** Chat completions: OpenAI's own API and the servers that are compatible with it. */
export const openaiChat: WireProtocol = {
  name: 'openai-chat',
  capabilities: { choices: true, logprobs: true, takes, leavesOut: [], refuses: [] },
  prefills: chatPrefills,
  request: chatRequest,
  answer: chatAnswer,
  reader: chatReader,
  fault: chatFault,
};
