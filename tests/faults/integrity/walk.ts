import type { TestGateway } from '../../harness/gateway.ts';
import { json } from '../../harness/journey.ts';
import { sent } from '../../harness/upstream.ts';
import type { Provider as Simulator } from '../../simulators/provider/provider.ts';
import { asList, asText, type Json } from '../../simulators/provider/shape.ts';
import { asItems, asMessages, Branch, misheard, type Said } from './branch.ts';
import { type Move, PROVIDERS, type Provider, type Trouble, type TurnMove } from './moves.ts';
import { ONE_ID } from './one-id.ts';
import { type Call, type Entry, type Heard, hear, nothingHeard } from './reply.ts';

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const TOOLS = ['weather', 'population'].map((name) => ({ name, description: 'Of a city.', parameters }));
const CHAT_TOOLS = TOOLS.map((tool) => ({ type: 'function', function: tool }));
const RESPONSES_TOOLS = TOOLS.map((tool) => ({ type: 'function', ...tool, strict: false }));

let count = 0;
/** No text is part of another one. */
const unique = (what: string): string => `${what} ${++count}.`;

/** How a turn is asked. */
interface Request {
  branch: Branch;
  dialect: 'chat' | 'responses';
  stream: boolean;
  model: string;
  /** What is new, or with `history` everything. */
  entries: readonly Entry[];
  history: boolean;
  thinks?: boolean;
  trouble?: Trouble;
}

/** What a walk goes through. */
export interface Place {
  gateway: TestGateway;
  simulator: Simulator;
  /** Kills the gateway and starts another one on its data. */
  crash?(): Promise<void>;
}

/** One session in the hands of a client that does what clients do. Throws where the gateway breaks a promise. */
export class Walk {
  readonly name = `walk-${++count}`;
  private readonly branches = [new Branch()];
  /** Acknowledged turns, each with its branch as it was then. */
  private readonly responses: Branch[] = [];
  /** The session's latest answer. */
  private head: string | undefined;
  /** Turns that may still be running. */
  private readonly left: string[] = [];

  constructor(private readonly place: Place) {}

  private get gateway(): TestGateway {
    return this.place.gateway;
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

  /** Every branch goes on at every provider, and each of them hears everything. */
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
    const history = move.history && branch.tip === undefined && hasWordsOfModel(branch.history);
    const isBehind = move.outputs === 'behind' && !branch.areLate;
    const news = isBehind ? [...question, ...outputs] : input;
    const repeats = move.outputs === 'twice' && !history && isUnambiguous(branch.open);
    const repeated = repeats ? [...outputs, ...news] : news;
    const { trouble } = move;
    // A client can only leave a stream half read.
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

  /** The same call always has the same output, however often it is sent. */
  private outputsFor({ open }: Branch, which: TurnMove['outputs']): Entry[] {
    const calls = which === 'none' ? [] : which === 'first' ? open.slice(0, 1) : open;
    return calls.map((call) => answerTo(call));
  }

  private async ask(request: Request, input: readonly Entry[]): Promise<void> {
    const { branch, history } = request;
    const heard = await this.send(request);
    if (history)
      branch.replace(
        request.entries.slice(0, request.entries.length - input.length),
        heard.entries.length > 0,
      );
    const { trouble } = request;
    if (!trouble) {
      if (!heard.whole) throw new Error(`the turn did not end well: ${JSON.stringify(heard)}`);
    } else if (heard.status >= 400 && heard.status < 500 && heard.status !== 429) {
      throw new Error(`the request was refused: ${JSON.stringify(heard)}`);
    }
    // A chain goes on from what the client has seen, or from where it was before.
    if (branch.tip === undefined || heard.whole || heard.entries.length > 0) branch.take(input, heard);
    if (branch.tip !== undefined && heard.id && (heard.whole || heard.entries.length > 0)) {
      branch.tip = heard.id;
      if (!heard.whole) await this.ended(heard.id);
    }
    if (!heard.whole) {
      if (heard.id) this.left.push(heard.id);
      return;
    }
    if (heard.id && heard.entries.length > 0) {
      this.responses.push(branch.copy(heard.id));
      if (branch === this.main) this.head = heard.id;
    }
    if (trouble) return;
    // What was said before this turn, and its input.
    const said = branch.said.slice(0, branch.said.length - heard.entries.length);
    const wrong = misheard(said, sent(this.place.simulator.requests.at(-1)));
    if (wrong)
      throw new Error(`${request.model}: ${wrong}\n${sent(this.place.simulator.requests.at(-1)).join('\n')}`);
  }

  private async send({ branch, dialect, stream, model, entries, thinks, trouble }: Request): Promise<Heard> {
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
    const heard = nothingHeard();
    try {
      const path = dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses';
      const init = { method: 'POST', headers, body: JSON.stringify(body), signal: leaving.signal };
      await hear(await this.gateway.fetch(path, init), heard, (events) => this.stays(heard, events, trouble));
    } catch (error) {
      if (trouble?.kind !== 'crash') throw error;
    }
    leaving.abort();
    return heard;
  }

  private async stays({ id }: Heard, events: number, trouble?: Trouble): Promise<boolean> {
    if (trouble === undefined || trouble.kind === 'fault' || events <= trouble.after) return true;
    if (trouble.kind === 'crash') await this.place.crash?.();
    if (trouble.kind === 'cancel' && events === trouble.after + 1) {
      await this.gateway.post(`/v1/responses/${id}/cancel`, {});
    }
    return trouble.kind === 'cancel';
  }

  /** A turn can be gone on from by its id once it has ended. */
  private async ended(id: string): Promise<void> {
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
      'words of the model': () => [{ kind: 'said', text: unique('It was said') }],
      thought: () => [{ kind: 'thought', item: { type: 'reasoning', summary: [] } }],
      call: () => [call],
      round: () => [call, answerTo(call)],
    };
    const entries = added[what]();
    const repeats = twice && what.includes('output') && isUnambiguous(main.open);
    if (entries.length === 0 || main.said.length === 0) return;
    for (let time = 0; time < (repeats ? 2 : 1); time++) {
      const reply = await this.gateway.post(`/v1/conversations/${this.name}/items`, {
        items: asItems(entries),
      });
      if (reply.status !== 200) throw new Error(`the items were refused: ${await reply.text()}`);
    }
    main.add(entries, 'surely');
    if (what === 'call') main.open.push(call);
    else if (what === 'one output') main.open = main.open.slice(1);
    else if (what === 'outputs') main.open = [];
    else if (main.open.length > 0) main.areLate = true;
  }

  private async deleteItem(which: number): Promise<void> {
    for (const id of this.left.splice(0)) await this.ended(id);
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

  /** Where the same was said twice, or on another branch, nobody knows whether it is this item. */
  private forget(item: Json): void {
    for (const branch of [...this.branches, ...this.responses]) {
      const found = branch.said.filter((said) => isOf(said, item));
      const isThis = branch === this.main && found.length === 1 && !found[0]!.cut && item.type === 'message';
      for (const said of found) said.heard = isThis ? 'never' : 'maybe';
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
    // Going on from the session's head would be going on with the session.
    if (!from || from.tip === this.head || this.branches.length > 3) return;
    this.branches.push(from.copy(from.tip!));
  }

  private async edit({ keep, provider, dialect }: Move & { kind: 'edit' }): Promise<void> {
    const { history } = this.main;
    const kept = inPairs(history.slice(0, keep % Math.max(1, history.length)));
    if (!hasWordsOfModel(kept)) return;
    const asked: Entry = { kind: 'user', text: unique('I ask instead') };
    const entries = [...kept, asked];
    const model = `${PROVIDERS[provider]}+echo`;
    await this.ask({ branch: this.main, dialect, stream: false, model, entries, history: true }, [asked]);
  }
}

/** With one half of a pair goes the other; which one it is, an id does not always tell. */
function isOf({ entry, cut }: Said, item: Json): boolean {
  if (entry.kind === 'output') return entry.call_id === item.call_id;
  if (item.type !== 'message' || entry.kind !== (item.role === 'user' ? 'user' : 'said')) return false;
  const text = asList(item.content)
    .map((part) => asText(part.text))
    .join('');
  return cut ? text.startsWith(entry.text) : text === entry.text;
}

/** A history with every output behind the calls among which its own is, as clients bring it. */
function inPairs(history: readonly Entry[]): Entry[] {
  const outputs = history.filter((entry) => entry.kind === 'output');
  let made: string[] = [];
  return history.flatMap((entry, at): Entry[] => {
    if (entry.kind === 'output') return [];
    if (entry.kind !== 'call') return [entry];
    made.push(entry.call_id);
    if (history[at + 1]?.kind === 'call') return [entry];
    const answered = made.flatMap((id) => {
      const found = outputs.findIndex(({ call_id }) => call_id === id);
      return found === -1 ? [] : outputs.splice(found, 1);
    });
    made = [];
    return [entry, ...answered];
  });
}

/** Without any, what a client brings along is taken for news. */
const hasWordsOfModel = (entries: readonly Entry[]): boolean =>
  entries.some(({ kind }) => kind === 'said' || kind === 'refusal' || kind === 'call');

/** Where calls share an id, an output that is sent twice may answer two of them. */
const isUnambiguous = (open: readonly Call[]): boolean => !open.some(({ call_id }) => call_id === ONE_ID);

const answerTo = (call: Call): Entry => ({
  kind: 'output',
  call_id: call.call_id,
  text: `the ${call.name} of ${call.call_id}`,
});

/** Every turn's model has a name of its own, so that what strikes once strikes each time. */
function modelOf({ provider, model: wanted, trouble }: TurnMove): string {
  // The simulator's thinking Gemini is of the third generation: it wants signatures.
  const model = provider === 'gemini 2' ? wanted.replace(/think\+?/, '') : wanted;
  const name = `${PROVIDERS[provider]}+${model}+turn${++count}`;
  if (trouble?.kind === 'fault') return `${name}+${trouble.once ? 'once-' : ''}${trouble.fault}`;
  return trouble ? `${name}+pace-1` : name;
}
