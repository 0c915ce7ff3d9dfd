import type { WireProtocol } from '../claw.ts';
import { faultOfResponse } from './fault.ts';
import { takes } from './files.ts';
import { readAnswer, readStream } from './reader.ts';
import { prefills, requestOf } from './request.ts';

/** Anthropic's Messages API. */
export const anthropic: WireProtocol = {
  name: 'anthropic',
  capabilities: {
    choices: false,
    logprobs: false,
    takes,
    leavesOut: ['frequency_penalty', 'presence_penalty', 'seed', 'verbosity'],
    refuses: [],
  },
  prefills,
  request: requestOf,
  answer: readAnswer,
  reader: readStream,
  fault: faultOfResponse,
};
