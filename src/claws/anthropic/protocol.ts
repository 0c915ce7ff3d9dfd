import type { WireProtocol } from '../claw.ts';
import { readAnswer } from './answer.ts';
import { faultOfResponse } from './faults.ts';
import { readStream } from './reader.ts';
import { prefills, requestOf } from './request.ts';

/** Anthropic's Messages API. */
export const anthropic: WireProtocol = {
  name: 'anthropic',
  capabilities: { choices: false, logprobs: false, fileUrls: true },
  prefills,
  request: requestOf,
  answer: readAnswer,
  reader: readStream,
  fault: faultOfResponse,
};
