import type { OtherType } from './items.ts';

/**
 * How a model is asked to answer, in one vocabulary for every dialect and provider. Everything is
 * optional; an absent field means the provider's own default. Names follow the Responses API.
 */
export interface Settings {
  max_output_tokens?: number;
  temperature?: number;
  top_p?: number;
  frequency_penalty?: number;
  presence_penalty?: number;
  stop?: string[];
  seed?: number;
  /** Present when the caller wants log probabilities; 0 means only those of the chosen tokens. */
  top_logprobs?: number;
  tools?: Tool[];
  tool_choice?: ToolChoice;
  parallel_tool_calls?: boolean;
  format?: TextFormat;
  verbosity?: string;
  reasoning?: { effort?: string; summary?: string };
  /** How many alternative answers; only some protocols support more than one (`Capabilities.choices`). */
  n?: number;
  service_tier?: string;
  prompt_cache_key?: string;
  /** An id of the caller's own user, for the provider's abuse monitoring. */
  safety_identifier?: string;
}

/** A function that the caller runs. */
export interface FunctionTool {
  type: 'function';
  name: string;
  description?: string | null;
  /** JSON Schema of the arguments. */
  parameters?: Record<string, unknown> | null;
  strict?: boolean | null;
}

/** A tool that runs at a provider (`web_search`…): passed unchanged to a provider that has it. */
export interface HostedTool {
  type: OtherType;
  [field: string]: unknown;
}

/** What a model may call. */
export type Tool = FunctionTool | HostedTool;

/** Whether the model must call a tool, and which one. */
export type ToolChoice =
  | 'auto'
  | 'none'
  | 'required'
  | { type: 'function'; name: string }
  | { type: OtherType; [field: string]: unknown };

/** The form that the answer must have. */
export type TextFormat =
  | { type: 'text' }
  | { type: 'json_object' }
  | {
      type: 'json_schema';
      name: string;
      schema: Record<string, unknown>;
      description?: string | null;
      strict?: boolean | null;
    };
