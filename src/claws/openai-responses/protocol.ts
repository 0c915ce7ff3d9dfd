import type { WireProtocol } from '../claw.ts';
import { faultOf } from './fault.ts';
import { answerDeltas, ResponseReader } from './reader.ts';
import { requestOf } from './request.ts';

/** OpenAI's Responses API (`POST /responses`), as OpenAI, Azure, xAI and Open Responses servers offer it. */
export const openaiResponses: WireProtocol = {
  name: 'openai-responses',
  capabilities: { choices: false, logprobs: true, takes: () => true, leavesOut: ['seed'], refuses: ['stop'] },
  prefills: () => false,
  request: requestOf,
  answer: answerDeltas,
  reader: (prompt) => new ResponseReader(prompt),
  fault: faultOf,
};
