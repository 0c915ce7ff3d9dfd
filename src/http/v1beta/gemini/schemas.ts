import { z } from 'zod';
import { published } from '../../published.ts';
import { Attempts } from '../../v1/replies.ts';

/** The contents of requests, and the forms of replies. */

const part = z.looseObject({
  text: z.string().optional(),
  thought: z.boolean().optional().describe('The text is reasoning of the model.'),
  thoughtSignature: z.string().optional().describe('Send the part back as it came.'),
  inlineData: z.looseObject({ mimeType: z.string(), data: z.string() }).optional(),
  fileData: z.looseObject({ fileUri: z.string() }).optional(),
  functionCall: z
    .looseObject({
      id: z.string().optional(),
      name: z.string(),
      args: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
  functionResponse: z
    .looseObject({
      id: z.string().optional(),
      name: z.string(),
      response: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
});

/** `parseContents` checks it. */
export const GeminiContent = published(
  'GeminiContent',
  z.looseObject({ role: z.string().optional(), parts: z.array(part) }),
);

const candidate = z.looseObject({
  content: GeminiContent,
  finishReason: z.string().optional(),
  finishMessage: z.string().optional().describe('Why the answer ended; the words of a refusal.'),
  index: z.int(),
});

const usage = z
  .looseObject({ promptTokenCount: z.int().optional(), totalTokenCount: z.int().optional() })
  .optional();

const GoogleErrorObject = published(
  'GoogleError',
  z.strictObject({
    code: z.int().describe('The HTTP status.'),
    message: z.string().describe('What happened, and what to do.'),
    status: z.string().describe('The name of the code of gRPC.'),
    details: z
      .array(z.looseObject({ '@type': z.string() }))
      .describe('`ErrorInfo.reason` is the code, as in docs/errors.md, in upper case.'),
  }),
);

const answer = z.looseObject({
  candidates: z.array(candidate).optional(),
  usageMetadata: usage,
  modelVersion: z.string(),
  responseId: z.string(),
  clawhold: z
    .union([
      Attempts,
      z.strictObject({
        restart: z
          .strictObject({
            reason: z.string(),
            discard: z.strictObject({ content: z.boolean(), functionCalls: z.array(z.string()) }),
          })
          .describe('Parts of the answer that are no longer valid, because another call answers.'),
      }),
    ])
    .optional(),
});

/** The answer ended with an error. */
const failed = z.strictObject({ error: GoogleErrorObject });

export const GeminiResponse = published('GeminiResponse', z.union([answer, failed]));

export const AcceptedGemini = published(
  'AcceptedGeminiResponse',
  z.strictObject({
    responseId: z.string(),
    modelVersion: z.string(),
    status: z.enum(['queued', 'in_progress']),
  }),
);

export const TokenCount = published(
  'GeminiTokenCount',
  z.strictObject({
    totalTokens: z.int(),
    promptTokensDetails: z.array(z.strictObject({ modality: z.string(), tokenCount: z.int() })),
  }),
);

export const GeminiModel = published(
  'GeminiModel',
  z.strictObject({
    name: z.string().describe('`models/` and the name.'),
    version: z.string(),
    displayName: z.string(),
    inputTokenLimit: z.int().optional(),
    outputTokenLimit: z.int().optional(),
    supportedGenerationMethods: z.array(z.string()),
    thinking: z.boolean().optional(),
  }),
);
export const GeminiModelList = published(
  'GeminiModelList',
  z.strictObject({ models: z.array(GeminiModel), nextPageToken: z.string().optional() }),
);

export const GeminiDeleted = published('GeminiDeleted', z.strictObject({}));
