import type { ScriptedCall } from './script.ts';

/** A coding agent with a command line. */
export interface Agent {
  /** The heading of its recipe. */
  name: string;
  package: string;
  env: Record<string, string>;
  /** The call of its shell tool that prints `word`. */
  print(word: string): ScriptedCall;
  /** Asks in a new session. */
  first(model: string, question: string): string[];
  /** Asks in the session of the last question. Cline can do so only in a terminal. */
  next?(model: string, question: string): string[];
  /** Stops what the agent leaves running. */
  stop?: string[];
  /** The header in which the agent names its session, if it does. */
  sessionHeader?: string;
  /** Whether the agent asks again when the connection breaks in the middle of an answer. */
  retries?: boolean;
  /** Whether the outputs of parallel calls come in any order. */
  isParallel?: boolean;
  /** Whether the agent sends a question whose answer was interrupted and the next one as one message. */
  joinsInterrupted?: boolean;
  /** Whether the agent leaves out of its session a question whose answer was interrupted. */
  forgetsInterrupted?: boolean;
}

const codex: Agent = {
  name: 'Codex',
  package: '@openai/codex',
  env: {},
  print: (word) => ({ name: 'exec_command', arguments: { cmd: `echo ${word}` } }),
  retries: true,
  first: (model, question) => ['codex', 'exec', ...CODEX_FLAGS, '-m', model, question],
  next: (model, question) => ['codex', 'exec', 'resume', '--last', ...CODEX_FLAGS, '-m', model, question],
  sessionHeader: 'session-id',
};
const CODEX_FLAGS = ['--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'];

const opencode: Agent = {
  name: 'opencode',
  package: 'opencode-ai',
  env: { OPENCODE_DISABLE_AUTOUPDATE: 'true', OPENCODE_DISABLE_MODELS_FETCH: 'true' },
  print: (word) => ({ name: 'bash', arguments: { command: `echo ${word}`, description: 'Prints a word' } }),
  retries: true,
  first: (model, question) => ['opencode', 'run', '-m', `clawhold/${model}`, question],
  next: (model, question) => ['opencode', 'run', '-c', '-m', `clawhold/${model}`, question],
  sessionHeader: 'x-session-affinity',
};

const qwen: Agent = {
  name: 'Qwen Code',
  package: '@qwen-code/qwen-code',
  env: { QWEN_CODE_SUPPRESS_YOLO_WARNING: '1' },
  print: (word) => ({
    name: 'run_shell_command',
    arguments: { command: `echo ${word}`, is_background: false },
  }),
  retries: true,
  first: (model, question) => ['qwen', '-y', '-m', model, '-p', question],
  next: (model, question) => ['qwen', '-y', '-c', '-m', model, '-p', question],
  sessionHeader: 'x-session-affinity',
};

const pi: Agent = {
  name: 'pi',
  package: '@mariozechner/pi-coding-agent',
  env: { PI_OFFLINE: '1' },
  print: (word) => ({ name: 'bash', arguments: { command: `echo ${word}` } }),
  retries: true,
  first: (model, question) => ['pi', '--model', `clawhold/${model}`, '-p', question],
  next: (model, question) => ['pi', '--model', `clawhold/${model}`, '-c', '-p', question],
  sessionHeader: 'session_id',
};

const cline: Agent = {
  name: 'Cline',
  package: 'cline',
  env: { CLINE_TELEMETRY_DISABLED: '1' },
  print: (word) => ({ name: 'run_commands', arguments: { commands: [`echo ${word}`] } }),
  first: (model, question) => ['cline', '-m', model, question],
  stop: ['cline', 'hub', 'stop'],
};

const continueCli: Agent = {
  name: 'Continue',
  package: '@continuedev/cli',
  env: { CONTINUE_TELEMETRY_ENABLED: '0' },
  print: (word) => ({ name: 'Bash', arguments: { command: `echo ${word}` } }),
  forgetsInterrupted: true,
  first: (_, question) => ['cn', '--auto', '--config', '../.continue/config.yaml', '-p', question],
  next: (_, question) => ['cn', '--auto', '--resume', '--config', '../.continue/config.yaml', '-p', question],
};

const claudeCode: Agent = {
  name: 'Claude Code',
  package: '@anthropic-ai/claude-code',
  // It refuses to run without questions as the user root, except where it is told that it is in a container.
  env: { IS_SANDBOX: '1', DISABLE_AUTOUPDATER: '1' },
  print: (word) => ({ name: 'Bash', arguments: { command: `echo ${word}`, description: 'Prints a word' } }),
  retries: true,
  isParallel: true,
  first: (model, question) => ['claude', ...CLAUDE_FLAGS, '--model', model, '-p', question],
  next: (model, question) => ['claude', ...CLAUDE_FLAGS, '-c', '--model', model, '-p', question],
  sessionHeader: 'x-claude-code-session-id',
};
const CLAUDE_FLAGS = ['--dangerously-skip-permissions'];

const gemini: Agent = {
  name: 'Gemini CLI',
  package: '@google/gemini-cli',
  env: { GEMINI_CLI_TRUST_WORKSPACE: 'true' },
  print: (word) => ({
    name: 'run_shell_command',
    arguments: { command: `echo ${word}`, description: 'Prints a word' },
  }),
  joinsInterrupted: true,
  first: (model, question) => ['gemini', '-y', '-m', model, '-p', question],
  next: (model, question) => ['gemini', '-y', '-m', model, '--resume', 'latest', '-p', question],
};

export const AGENTS = [claudeCode, codex, opencode, qwen, pi, cline, continueCli, gemini];
