import type { AnswerLimits } from '../../src/claws/http-claw.ts';
import { fileSchema } from '../../src/config/schema.ts';

/** What a claw reads of an answer by default. */
export const answerLimits = (): AnswerLimits => fileSchema.parse({}).answers;
