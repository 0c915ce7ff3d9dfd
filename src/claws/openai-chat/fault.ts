import type { ErrorCode } from '../../core/error-catalogue.ts';
import type { Fault, ProviderError } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';
import type { AnswerHeaders } from '../http/transport.ts';
import { afterStart, codeOfReport } from '../reported-errors.ts';
import { codeOfPage, codeOfStatus, faultOf, reportedOf } from '../status.ts';
import { type Json, textOf } from './wire.ts';

/** What a provider reported about a failure, read from the different shapes that servers use. */
interface Report {
  message: string;
  /** The machine-readable words for the error: Azure's inner code, `code`, `type`, `status`. */
  words: unknown[];
  /** An HTTP status written into the body. */
  status?: number;
  /** Whether the body has the shape of an API error. A server at a wrong base URL sends something else. */
  structured: boolean;
  /** The error as the provider reported it. */
  reported?: ProviderError;
}

/** Classifies a refused call. */
export function chatFault(status: number, body: unknown, headers: AnswerHeaders): Fault {
  const report = reportOf(body);
  const message = `The provider answered ${status}: ${report.message || 'no reason given'}`;
  return faultOf(classify(status, report), message, { headers, raw: body, reported: report.reported });
}

function classify(status: number, report: Report): ErrorCode {
  if (!report.structured) return codeOfReport({ status, message: report.message }) ?? codeOfPage(status);
  return codeOfReport({ ...report, status }) ?? codeOfStatus(status);
}

/** Classifies a failure that a provider reports in a stream or in the body of a 200. */
export function reportedFault(body: unknown, started: boolean): Fault {
  if (Array.isArray(body)) return reportedFault(body[0], started);
  const report = reportOf(body);
  const message = `The provider reported a failure: ${report.message || JSON.stringify(body).slice(0, 300)}`;
  const code = codeOfReport(report) ?? codeOfStatus(report.status ?? 500);
  const fault = faultOf(code, message, { raw: body, reported: report.reported });
  return started ? afterStart(fault) : fault;
}

function reportOf(body: unknown): Report {
  if (typeof body === 'string') return unstructured(body);
  if (Array.isArray(body)) return reportOf(body[0]);
  if (!isObject(body)) return unstructured('');
  const error = isObject(body.error) ? body.error : body;
  const inner = isObject(error.innererror) ? error.innererror : {};
  const words = [inner.code, error.code, error.type, error.status, body.code, body.type];
  words.push(...wordsOfRouter(error.metadata));
  return {
    message: messageOf(error) ?? textOf(body.error) ?? messageOf(body) ?? '',
    words,
    status: statusIn(error),
    structured: Boolean(body.error) || words.some((word) => textOf(word) !== undefined),
    reported: reportedOf({
      code: error.code ?? body.code,
      type: error.type ?? error.status,
      param: error.param ?? fieldOf(error) ?? fieldOf(error.message),
    }),
  };
}

function unstructured(text: string): Report {
  const isPage = text.trimStart().startsWith('<');
  return { message: isPage ? 'an HTML page' : text.trim().slice(0, 500), words: [], structured: false };
}

/**
 * OpenRouter: whether its moderation flagged the input, its own type of the error, and the error of the provider
 * behind it. Its type `invalid_prompt` is about the form of a message, unlike OpenAI's code of that name.
 */
function wordsOfRouter(metadata: unknown): unknown[] {
  if (!isObject(metadata)) return [];
  const { error_type: type, flagged_input: flagged, raw } = metadata;
  const own = type === 'invalid_prompt' ? [] : [type];
  return [...(flagged === undefined ? [] : ['content_filter']), ...own, ...wordsOfRaw(raw)];
}

function wordsOfRaw(raw: unknown): unknown[] {
  try {
    return typeof raw === 'string' ? reportOf(JSON.parse(raw)).words : [];
  } catch {
    // The provider behind it sent no JSON.
    return [];
  }
}

function statusIn(error: Json): number | undefined {
  const status = Number(error.code ?? error.status);
  return status >= 400 && status < 600 ? status : undefined;
}

function messageOf(error: Json): string | undefined {
  const message = textOf(error.message) ?? detailOf(error.message) ?? detailOf(error) ?? listOf(error.errors);
  // OpenRouter adds the message of the provider behind it.
  const wrapped = isObject(error.metadata) ? textOf(error.metadata.raw) : undefined;
  return message !== undefined && wrapped !== undefined ? `${message}: ${wrapped.slice(0, 500)}` : message;
}

/** FastAPI's `detail`: a sentence, or a list of errors, each with its field. */
function detailOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  return textOf(value.detail) ?? listOf(value.detail);
}

/** The field that FastAPI's first error names: `loc` is `["body", "messages", 0, "content"]`. */
function fieldOf(value: unknown): string | undefined {
  const first: unknown = isObject(value) && Array.isArray(value.detail) ? value.detail[0] : undefined;
  if (!isObject(first) || !Array.isArray(first.loc) || first.loc[0] !== 'body') return undefined;
  const path = first.loc.slice(1).map((key: unknown) => (typeof key === 'number' ? `[${key}]` : `.${key}`));
  return path.join('').replace(/^\./, '');
}

function listOf(value: unknown): string | undefined {
  if (!Array.isArray(value)) return undefined;
  const lines = value.flatMap((entry) => (isObject(entry) ? lineOf(entry) : (textOf(entry) ?? [])));
  return lines.length > 0 ? lines.join('; ').slice(0, 500) : undefined;
}

function lineOf(entry: Json): string[] {
  const said = textOf(entry.msg) ?? textOf(entry.message);
  if (said === undefined) return [];
  return [Array.isArray(entry.loc) ? `${entry.loc.join('.')}: ${said}` : said];
}
