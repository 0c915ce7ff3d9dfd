import { openaiChat } from '../../src/claws/openai-chat/protocol.ts';
import { chatRecordings, wholeChat } from '../harness/recordings/chat.ts';
import { continuationConformance } from './continuation.ts';
import { wireProtocolConformance } from './wire-protocol.ts';

wireProtocolConformance({
  protocol: openaiChat,
  recordings: chatRecordings(),
  reassemble: wholeChat,
  structural: /^object$|\.index$|\.role$|\.tool_calls\[\d+\]\.type$/,
});

continuationConformance({
  protocol: openaiChat,
  path: '/v1',
  ways: [
    { label: 'gpt', prefills: false },
    { label: 'kimi', quirks: { prefill: 'partial' }, prefills: true },
    { label: 'deepseek-beta', quirks: { prefill: 'prefix' }, prefills: true },
    { label: 'vllm', quirks: { prefill: 'continue_final_message' }, prefills: true },
  ],
});
