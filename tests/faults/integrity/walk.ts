import type { TestGateway } from '../../harness/gateway.ts';
import { json } from '../../harness/journey.ts';
import { sent } from '../../harness/upstream.ts';
import type { Provider as Simulator } from '../../simulators/provider/provider.ts';
import { asList, asText, type Json } from '../../simulators/provider/shape.ts';
import { asItems, asMessages, Branch, contextProblem, type Statement } from './branch.ts';
import { type Move, PROVIDERS, type Provider, type Trouble, type TurnMove } from './moves.ts';
import { ONE_ID } from './one-id.ts';
import { type Call, type Entry, nothingReceived, type Received, readReply } from './reply.ts';

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const TOOLS = ['weather', 'population'].map((name) => ({ name, description: 'Of a city.', parameters }));
const CHAT_TOOLS = TOOLS.map((tool) => ({ type: 'function', function: tool }));
const RESPONSES_TOOLS = TOOLS.map((tool) => ({ type: 'function', ...tool, strict: false }));

let count = 0;
/** A text that is not part of any other text. */
const unique = (what: string): string => `${what} ${++count}.`;

/** The request of a turn. */
interface Request {
  branch: Branch;
  dialect: 'chat' | 'responses';
  stream: boolean;
  model: string;
  /** The new entries; with `history`, all entries. */
  entries: readonly Entry[];
  history: boolean;
  thinks?: boolean;
  trouble?: Trouble;
}

/** The gateway and the simulator of a walk. */
export interface Setup {
  gateway: TestGateway;
  simulator: Simulator;
  /** Kills the gateway and starts another one on its data. */
  crash?(): Promise<void>;
}

/** One session that a client uses with random moves. Rejects when the gateway breaks a guarantee. */
export class Walk {
  readonly name = `walk-${++count}`;
  private readonly branches = [new Branch()];
  /** A copy of the branch after each acknowledged turn. */
  private readonly responses: Branch[] = [];
  /** The latest response of the session. */
  private head: string | undefined;
  /** The response before the session's latest turn, if that turn had trouble. */
  private beforeTrouble: string | undefined;
  /** The ids of turns that may still be running. */
  private readonly unfinished: string[] = [];

  constructor(private readonly setup: Setup) {}

  private get gateway(): TestGateway {
    return this.setup.gateway;
  }

  private get main(): Branch {
    return this.branches[0]!;
  }

  async make(move: Move): Promise<void> {
    switch (move.kind) {
      case 'turn':
        return this.turn(move);
      case 'append':
        return this.append(move.what, move.twice);
      case 'delete item':
        return this.deleteItem(move.which);
      case 'delete response':
        return this.deleteResponse(move.which);
      case 'fork':
        return this.fork(move.response);
      case 'edit':
        return this.edit(move);
    }
  }

  /** Continues every branch at every provider, and checks that each provider receives the whole conversation. */
  async finish(providers: readonly Provider[]): Promise<void> {
    for (const branch of this.branches) {
      for (const [index, provider] of providers.entries()) {
        const dialect = branch.tip === undefined && index % 2 === 0 ? 'chat' : 'responses';
        const asked: Entry = { kind: 'user', text: unique('Well') };
        const model = `${PROVIDERS[provider]}+recall`;
        await this.ask(
          { branch, dialect, stream: index % 3 === 0, model, entries: [asked], history: false },
          [asked],
        );
      }
    }
  }

  private async turn(move: TurnMove): Promise<void> {
    const branch = this.branches[move.branch % this.branches.length]!;
    const outputs = this.outputsFor(branch, move.outputs);
    const asks = move.asks || outputs.length === 0;
    const question: Entry[] = asks ? [{ kind: 'user', text: unique('I ask') }] : [];
    const input = [...outputs, ...question];
    const history = move.history && branch.tip === undefined && hasModelOutput(branch.history);
    const isBehind = move.outputs === 'behind' && !branch.areLate;
    const entries = isBehind ? [...question, ...outputs] : input;
    const repeats = move.outputs === 'twice' && !history && isUnambiguous(branch.open);
    const repeated = repeats ? [...outputs, ...entries] : entries;
    const { trouble } = move;
    // Only a stream can be read in part.
    const stream = move.stream || (trouble !== undefined && trouble.kind !== 'fault');
    const request = {
      branch,
      dialect: branch.tip === undefined ? move.dialect : 'responses',
      stream,
      model: modelOf(move),
      entries: history ? [...inPairs([...branch.history, ...outputs]), ...question] : repeated,
      history,
      thinks: move.model.startsWith('think'),
      trouble,
    } as const;
    await this.ask(request, history ? question : input);
  }

  /** The outputs for open calls. A call always has the same output. */
  private outputsFor({ open }: Branch, which: TurnMove['outputs']): Entry[] {
    const calls = which === 'none' ? [] : which === 'first' ? open.slice(0, 1) : open;
    return calls.map((call) => answerTo(call));
  }

  private async ask(request: Request, input: readonly Entry[]): Promise<void> {
    const { branch, history } = request;
    const received = await this.send(request);
    if (history)
      branch.replace(
        request.entries.slice(0, request.entries.length - input.length),
        received.entries.length > 0,
      );
    const { trouble } = request;
    if (branch === this.main) this.beforeTrouble = trouble && this.head;
    if (!trouble) {
      if (!received.whole) throw new Error(`the turn is not whole: ${JSON.stringify(received)}`);
    } else if (received.status >= 400 && received.status < 500 && received.status !== 429) {
      throw new Error(`the request was refused: ${JSON.stringify(received)}`);
    }
    // A chain continues the response that the client has seen, or the one before it.
    if (branch.tip === undefined || received.whole || received.entries.length > 0)
      branch.take(input, received);
    if (branch.tip !== undefined && received.id && (received.whole || received.entries.length > 0)) {
      branch.tip = received.id;
      if (!received.whole) await this.waitForEnd(received.id);
    }
    if (!received.whole) {
      if (received.id) this.unfinished.push(received.id);
      return;
    }
    if (received.id && received.entries.length > 0) {
      this.responses.push(branch.copy(received.id));
      if (branch === this.main) this.head = received.id;
    }
    if (trouble) return;
    // The conversation before this turn, and its input.
    const conversation = branch.entries.slice(0, branch.entries.length - received.entries.length);
    const wrong = contextProblem(conversation, sent(this.setup.simulator.requests.at(-1)));
    if (wrong)
      throw new Error(`${request.model}: ${wrong}\n${sent(this.setup.simulator.requests.at(-1)).join('\n')}`);
  }

  private async send({
    branch,
    dialect,
    stream,
    model,
    entries,
    thinks,
    trouble,
  }: Request): Promise<Received> {
    const leaving = new AbortController();
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (branch.tip === undefined) headers['x-session-id'] = this.name;
    if (trouble?.kind === 'abort') headers['x-clawhold-on-disconnect'] = trouble.onDisconnect;
    headers['x-clawhold-when-broken'] = trouble?.kind === 'fault' ? trouble.whenBroken : 'fail';
    const chat = { model, stream, messages: asMessages(entries), tools: CHAT_TOOLS };
    const responses = {
      model,
      stream,
      input: asItems(entries),
      tools: RESPONSES_TOOLS,
      previous_response_id: branch.tip,
      include: ['reasoning.encrypted_content'],
    };
    const body =
      dialect === 'chat'
        ? { ...chat, ...(thinks && { reasoning_effort: 'low' }) }
        : { ...responses, ...(thinks && { reasoning: { effort: 'low', summary: 'auto' } }) };
    const received = nothingReceived();
    try {
      const path = dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses';
      const init = { method: 'POST', headers, body: JSON.stringify(body), signal: leaving.signal };
      await readReply(await this.gateway.fetch(path, init), received, (events) =>
        this.keepsReading(received, events, trouble),
      );
    } catch (error) {
      if (trouble?.kind !== 'crash') throw error;
    }
    leaving.abort();
    return received;
  }

  private async keepsReading({ id }: Received, events: number, trouble?: Trouble): Promise<boolean> {
    if (trouble === undefined || trouble.kind === 'fault' || events <= trouble.after) return true;
    if (trouble.kind === 'crash') await this.setup.crash?.();
    if (trouble.kind === 'cancel' && events === trouble.after + 1) {
      await this.gateway.post(`/v1/responses/${id}/cancel`, {});
    }
    return trouble.kind === 'cancel';
  }

  /** Waits for the end of a turn. Only an ended turn can be continued by its id. */
  private async waitForEnd(id: string): Promise<void> {
    await (await this.gateway.fetch(`/v1/responses/${id}?stream=true`)).text();
  }

  private async append(what: (Move & { kind: 'append' })['what'], twice: boolean): Promise<void> {
    const { main } = this;
    const call: Call = {
      kind: 'call',
      call_id: unique('call').replace(/\W/g, '_'),
      name: 'weather',
      args: '{}',
    };
    const added: Record<typeof what, () => Entry[]> = {
      outputs: () => this.outputsFor(main, 'all'),
      'one output': () => this.outputsFor(main, 'first'),
      question: () => [{ kind: 'user', text: unique('I add') }],
      'assistant message': () => [{ kind: 'assistant', text: unique('It was said') }],
      thought: () => [{ kind: 'thought', item: { type: 'reasoning', summary: [] } }],
      call: () => [call],
      'call with output': () => [call, answerTo(call)],
    };
    const entries = added[what]();
    const repeats = twice && what.includes('output') && isUnambiguous(main.open);
    if (entries.length === 0 || main.entries.length === 0) return;
    for (let time = 0; time < (repeats ? 2 : 1); time++) {
      const reply = await this.gateway.post(`/v1/conversations/${this.name}/items`, {
        items: asItems(entries),
      });
      if (reply.status !== 200) throw new Error(`the items were refused: ${await reply.text()}`);
    }
    main.add(entries, 'must');
    if (what === 'call') main.open.push(call);
    else if (what === 'one output') main.open = main.open.slice(1);
    else if (what === 'outputs') main.open = [];
    else if (main.open.length > 0) main.areLate = true;
  }

  private async deleteItem(which: number): Promise<void> {
    for (const id of this.unfinished.splice(0)) await this.waitForEnd(id);
    const path = `/v1/conversations/${this.name}/items`;
    const listed = await this.gateway.fetch(`${path}?order=asc&limit=100`);
    if (listed.status === 404) return;
    const items = asList((await json(listed)).data);
    const item = items[which % Math.max(1, items.length)];
    if (!item) return;
    const { status } = await this.gateway.fetch(`${path}/${asText(item.id)}`, { method: 'DELETE' });
    if (status !== 200) throw new Error(`deleting an item: ${status}`);
    this.forget(item);
  }

  /** Marks the entries of a deleted item. `may`: the same text exists twice or on another branch. */
  private forget(item: Json): void {
    for (const branch of [...this.branches, ...this.responses]) {
      const found = branch.entries.filter((statement) => isOf(statement, item));
      const isThis = branch === this.main && found.length === 1 && !found[0]!.cut && item.type === 'message';
      for (const statement of found) statement.expected = isThis ? 'never' : 'may';
      if (item.type === 'function_call') {
        branch.open = branch.open.filter(({ call_id }) => call_id !== item.call_id);
      }
    }
  }

  private async deleteResponse(which: number): Promise<void> {
    if (this.responses.length === 0) return;
    const at = which % this.responses.length;
    const { tip } = this.responses[at]!;
    if (this.branches.some((branch) => branch.tip === tip)) return;
    const { status } = await this.gateway.fetch(`/v1/responses/${tip}`, { method: 'DELETE' });
    if (status !== 200) throw new Error(`deleting a response: ${status}`);
    this.responses.splice(at, 1);
  }

  private async fork(which: number): Promise<void> {
    const from = this.responses[which % Math.max(1, this.responses.length)];
    // A request after the session's head would continue the session instead of a fork.
    if (!from || from.tip === this.head || this.branches.length > 3) return;
    // The same request after it would ask the broken turn again, and take its position.
    if (from.tip === this.beforeTrouble) return;
    this.branches.push(from.copy(from.tip!));
  }

  private async edit({ keep, provider, dialect }: Move & { kind: 'edit' }): Promise<void> {
    const { history } = this.main;
    const kept = inPairs(history.slice(0, keep % Math.max(1, history.length)));
    if (!hasModelOutput(kept)) return;
    const asked: Entry = { kind: 'user', text: unique('I ask instead') };
    const entries = [...kept, asked];
    const model = `${PROVIDERS[provider]}+echo`;
    await this.ask({ branch: this.main, dialect, stream: false, model, entries, history: true }, [asked]);
  }
}

/** Whether an entry may belong to an item. Deleting a call also deletes its output, and ids are not always unique. */
function isOf({ entry, cut }: Statement, item: Json): boolean {
  if (entry.kind === 'output') return entry.call_id === item.call_id;
  if (item.type !== 'message' || entry.kind !== (item.role === 'user' ? 'user' : 'assistant')) return false;
  const text = asList(item.content)
    .map((part) => asText(part.text))
    .join('');
  return cut ? text.startsWith(entry.text) : text === entry.text;
}

/** A history with every output after the group of calls that has its call, as clients send it. */
function inPairs(history: readonly Entry[]): Entry[] {
  const outputs = history.filter((entry) => entry.kind === 'output');
  let group: string[] = [];
  return history.flatMap((entry, at): Entry[] => {
    if (entry.kind === 'output') return [];
    if (entry.kind !== 'call') return [entry];
    group.push(entry.call_id);
    if (history[at + 1]?.kind === 'call') return [entry];
    const answered = group.flatMap((id) => {
      const found = outputs.findIndex(({ call_id }) => call_id === id);
      return found === -1 ? [] : outputs.splice(found, 1);
    });
    group = [];
    return [entry, ...answered];
  });
}

/** Without model output, the gateway treats a history as new messages. */
const hasModelOutput = (entries: readonly Entry[]): boolean =>
  entries.some(({ kind }) => kind === 'assistant' || kind === 'refusal' || kind === 'call');

/** If calls share an id, an output that is sent twice may answer two of them. */
const isUnambiguous = (open: readonly Call[]): boolean => !open.some(({ call_id }) => call_id === ONE_ID);

const answerTo = (call: Call): Entry => ({
  kind: 'output',
  call_id: call.call_id,
  text: `the ${call.name} of ${call.call_id}`,
});

/** Every turn has its own model name, so that a `once-` fault happens in each turn. */
function modelOf({ provider, model: wanted, trouble }: TurnMove): string {
  // In the simulator, a Gemini that thinks is Gemini 3, which requires signatures.
  const model = provider === 'gemini 2' ? wanted.replace(/think\+?/, '') : wanted;
  const name = `${PROVIDERS[provider]}+${model}+turn${++count}`;
  if (trouble?.kind === 'fault') return `${name}+${trouble.once ? 'once-' : ''}${trouble.fault}`;
  return trouble ? `${name}+pace-1` : name;
}
