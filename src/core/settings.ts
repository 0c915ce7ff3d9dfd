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

/**
 * Any other tool. Those of providers (`web_search`…) keep their fields, for a provider that has them. Two types
 * stand for tools of the caller in every dialect, with the fields of the Responses API: `custom` (`CustomTool`)
 * and `namespace` (`NamespaceTool`).
 */
export interface HostedTool {
  type: OtherType;
  [field: string]: unknown;
}

/** A tool of the caller whose input is one text. Its calls are `custom_tool_call` items. */
export interface CustomTool {
  type: 'custom';
  name: string;
  description?: string | null;
  /** `{type: 'text'}`, the default, or `{type: 'grammar', syntax, definition}`. */
  format?: { type: string; syntax?: string; definition?: string } | null;
}

/** Tools of the caller under a common name. The `namespace` of a call names it. */
export interface NamespaceTool {
  type: 'namespace';
  name: string;
  description?: string | null;
  tools: (FunctionTool | CustomTool)[];
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
  /** Some providers take further fields here, such as a `schema`. */
  | { type: 'json_object'; [field: string]: unknown }
  | {
      type: 'json_schema';
      name: string;
      schema: Record<string, unknown>;
      description?: string | null;
      strict?: boolean | null;
    }
  /** A form that only some providers know, such as a grammar. */
  | { type: OtherType; [field: string]: unknown };

/** Whether the caller wants the model's thoughts as a summary. */
export function wantsSummary({ reasoning }: Settings): boolean {
  return typeof reasoning?.summary === 'string' && reasoning.summary !== 'none';
}
