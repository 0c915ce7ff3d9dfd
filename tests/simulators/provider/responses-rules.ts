import type { Plan } from './behaviour.ts';
import { checkOpenaiMedia } from './media-rules.ts';
import type { Memory, Trouble } from './protocol.ts';
import { REASONED } from './responses-items.ts';
import { isSealed } from './seal.ts';
import { asJson, asList, asText, isObjectText, type Json } from './shape.ts';
import { checkResponsesTools } from './tool-rules.ts';

/** Checks the input as OpenAI's Responses API does. */
export function checkResponses(body: Json, _plan: Plan, memory: Memory): Trouble | undefined {
  if (typeof body.previous_response_id === 'string') {
    const message = `Previous response with id '${body.previous_response_id}' not found.`;
    return { ...invalid(message, 'previous_response_id'), code: 'previous_response_not_found' };
  }
  const trouble = checkResponsesTools(body);
  if (trouble) return trouble;
  if (typeof body.input === 'string') return undefined;
  if (!Array.isArray(body.input)) {
    return {
      ...invalid("Missing required parameter: 'input'.", 'input'),
      code: 'missing_required_parameter',
    };
  }
  const items = asList(body.input);
  return (
    checkOpenaiMedia(body) ??
    checkIds(items) ??
    checkHostedIds(items) ??
    checkApprovals(items) ??
    checkCalls(items) ??
    checkPrograms(items) ??
    checkReasoning(items, memory)
  );
}

function checkIds(items: Json[]): Trouble | undefined {
  const seen = new Set<string>();
  for (const item of items) {
    const id = asText(item.id);
    if (id === '') continue;
    if (seen.has(id)) {
      const message = `Duplicate item found with id ${id}. Remove duplicate items from your input and try again.`;
      return invalid(message);
    }
    seen.add(id);
  }
  return undefined;
}

/**
 * The kinds whose `id` is required in OpenAI's API description (`InputItem`), with the prefix of the ids in its
 * examples and in recorded answers.
 */
const HOSTED: Record<string, string> = {
  web_search_call: 'ws',
  file_search_call: 'fs',
  computer_call: 'cu',
  image_generation_call: 'ig',
  code_interpreter_call: 'ci',
  mcp_call: 'mcp',
  mcp_list_tools: 'mcpl',
  mcp_approval_request: 'mcpr',
  program: 'cm',
  program_output: 'cmo',
};

function checkHostedIds(items: Json[]): Trouble | undefined {
  for (const [at, item] of items.entries()) {
    const type = asText(item.type);
    if (!Object.hasOwn(HOSTED, type)) continue;
    const param = `input[${at}].id`;
    const id = asText(item.id);
    if (id === '') {
      return {
        ...invalid(`Missing required parameter: '${param}'.`, param),
        code: 'missing_required_parameter',
      };
    }
    if (id.startsWith(`${HOSTED[type]}_`)) continue;
    const message = `Invalid '${param}': '${id}'. Expected an ID that begins with '${HOSTED[type]}'.`;
    return { ...invalid(message, param), code: 'invalid_value' };
  }
  return undefined;
}

/**
 * `approval_request_id` is "the ID of the approval request being answered": nothing is stored, so it is in the
 * input.
 */
function checkApprovals(items: Json[]): Trouble | undefined {
  const requests = new Set<string>();
  for (const [at, item] of items.entries()) {
    if (item.type === 'mcp_approval_request') requests.add(asText(item.id));
    const named = asText(item.approval_request_id);
    if (named === '' || requests.has(named)) continue;
    const param = `input[${at}].approval_request_id`;
    return invalid(`Approval request '${named}' not found.`, param);
  }
  return undefined;
}

/** The calls that the caller answers, and what the API calls them in its errors. */
const CALLS: Record<string, string> = {
  function_call: 'function call',
  custom_tool_call: 'custom tool call',
  shell_call: 'shell call',
  local_shell_call: 'local shell call',
  apply_patch_call: 'apply patch call',
};

/** OpenAI takes any text as arguments. Servers that parse it for the model's template (vLLM) take only an object. */
function checkCalls(items: Json[]): Trouble | undefined {
  const open = new Map<string, string>();
  const known = new Map<string, string>();
  for (const item of items) {
    const id = asText(item.call_id);
    const type = asText(item.type);
    if (Object.hasOwn(CALLS, type)) {
      if (type === 'function_call' && !isObjectText(item.arguments)) {
        return invalid(`Arguments of call ${id} are no JSON object.`);
      }
      if (known.has(id)) return invalid(`Duplicate ${CALLS[type]} with call_id ${id}.`);
      open.set(id, type);
      known.set(id, type);
      continue;
    }
    const called = type.slice(0, -'_output'.length);
    if (!type.endsWith('_output') || !Object.hasOwn(CALLS, called)) continue;
    if (known.get(id) !== called) {
      return invalid(`No tool call found for ${CALLS[called]} output with call_id ${id}.`);
    }
    open.delete(id);
  }
  for (const [id, type] of open) return invalid(`No tool output found for ${CALLS[type]} ${id}.`);
  return undefined;
}

/**
 * Calls of a program name it in `caller`, and its output in `call_id` (`ProgramToolCallCaller` and `ProgramOutput`
 * in OpenAI's API description): it must be in the input.
 */
function checkPrograms(items: Json[]): Trouble | undefined {
  const programs = new Set<string>();
  for (const item of items) {
    const caller = asJson(item.caller);
    if (item.type === 'program') programs.add(asText(item.call_id));
    const named =
      item.type === 'program_output' ? item.call_id : caller.type === 'program' && caller.caller_id;
    if (typeof named === 'string' && !programs.has(named)) {
      return invalid(`No program found with call_id ${named}.`);
    }
  }
  return undefined;
}

/** Prefixes of the ids of items that follow reasoning. */
const FOLLOWS_REASONING = new Set(['msg', 'fc', ...Object.values(HOSTED)]);

function checkReasoning(items: Json[], memory: Memory): Trouble | undefined {
  const reasoned = new Set<string>();
  for (const [at, item] of items.entries()) {
    const id = asText(item.id);
    if (item.type === 'reasoning') {
      reasoned.add(id.slice('rs_'.length));
      const trouble = checkReasoningItem(item, items[at + 1], memory);
      if (trouble) return trouble;
      continue;
    }
    const [prefix, digits = ''] = id.split('_');
    const stem = digits.slice(0, 32);
    if (FOLLOWS_REASONING.has(prefix!) && digits.slice(32, 36) === REASONED && !reasoned.has(stem)) {
      const type = asText(item.type) || 'message';
      return invalid(
        `Item '${id}' of type '${type}' was provided without its required 'reasoning' item: 'rs_${stem}'.`,
      );
    }
  }
  return undefined;
}

function checkReasoningItem(item: Json, next: Json | undefined, memory: Memory): Trouble | undefined {
  const id = asText(item.id);
  const encrypted = asText(item.encrypted_content);
  if (encrypted !== '' && !isSealed('reasoning', encrypted)) {
    const message = `The encrypted content ${encrypted.slice(0, 4)}...${encrypted.slice(-4)} could not be verified. Reason: Encrypted content could not be decrypted or parsed.`;
    return { ...invalid(message), code: 'invalid_encrypted_content' };
  }
  if (encrypted === '' && !memory.issued.has(id)) {
    const message = `Item with id '${id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`;
    return { ...invalid(message), status: 404 };
  }
  const follows = next?.type === 'function_call' || next?.role === 'assistant' || next?.type === 'reasoning';
  if (follows) return undefined;
  return invalid(`Item '${id}' of type 'reasoning' was provided without its required following item.`);
}

function invalid(message: string, param = 'input'): Extract<Trouble, { kind: 'invalid' }> {
  return { kind: 'invalid', message, param };
}
