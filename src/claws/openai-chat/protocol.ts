import type { WireProtocol } from '../claw.ts';
import { chatAnswer } from './answer.ts';
import { chatFault } from './fault.ts';
import { chatReader } from './reader.ts';
import { chatPrefills, chatRequest } from './request.ts';

/** Chat completions: OpenAI's own and those of the servers that copy them. */
export const openaiChat: WireProtocol = {
  name: 'openai-chat',
  capabilities: { choices: true, logprobs: true, fileUrls: false },
  prefills: chatPrefills,
  request: chatRequest,
  answer: chatAnswer,
  reader: chatReader,
  fault: chatFault,
};
