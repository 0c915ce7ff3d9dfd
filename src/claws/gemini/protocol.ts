import type { WireProtocol } from '../claw.ts';
import { geminiFault } from './fault.ts';
import { takesPrefill } from './model.ts';
import { geminiAnswer, geminiReader } from './reader.ts';
import { geminiRequest } from './request.ts';

/** Google's `generateContent`; https://ai.google.dev/api/generate-content */
export const gemini: WireProtocol = {
  name: 'gemini',
  capabilities: {
    choices: true,
    logprobs: true,
    takes: () => true,
    leavesOut: ['parallel_tool_calls', 'verbosity'],
    refuses: [],
  },
  prefills: ({ model }) => takesPrefill(model),
  request: geminiRequest,
  answer: geminiAnswer,
  reader: geminiReader,
  fault: geminiFault,
};
