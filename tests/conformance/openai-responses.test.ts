import { openaiResponses } from '../../src/claws/openai-responses/protocol.ts';
import { responsesRecordings, wholeResponse } from '../harness/recordings/responses.ts';
import { continuationConformance } from './continuation.ts';
import { wireProtocolConformance } from './wire-protocol.ts';

/**
 * Structure: discriminators that the canonical types have too, and the fields that repeat the request
 * (`ECHOES` in answer.ts), which the gateway fills from its own caller's request.
 */
const STRUCTURAL =
  /^(object|background|frequency_penalty|instructions|max_output_tokens|max_tool_calls|metadata|parallel_tool_calls|presence_penalty|previous_response_id|prompt_cache_(key|retention)|reasoning|safety_identifier|store|temperature|text|tool_choice|tools|top_logprobs|top_p|truncation|user)\b/;

wireProtocolConformance({
  protocol: openaiResponses,
  recordings: responsesRecordings(),
  reassemble: wholeResponse,
  structural: STRUCTURAL,
});

continuationConformance({
  protocol: openaiResponses,
  path: '/v1',
  ways: [{ label: 'gpt', prefills: false }],
});
