/**
 * The ids of a client's calls. Google's API takes calls and responses without ids: then a response belongs to the
 * first open call of its name (https://ai.google.dev/api/caching#FunctionResponse). Such calls get ids by their
 * position, so that the same history always has the same ids.
 */
export class CallPairs {
  /** Open calls, oldest first: by their ids, by their names, and by their names if they came without an id. */
  private readonly byId = new Queues();
  private readonly byName = new Queues();
  private readonly byNameAlone = new Queues();
  private calls = 0;

  /** The id of the next call. */
  call(name: string, given: string | undefined): string {
    const id = given ?? `call_${this.calls}`;
    this.calls++;
    const call = { id, name };
    this.byId.add(id, call);
    this.byName.add(name, call);
    if (given === undefined) this.byNameAlone.add(name, call);
    return id;
  }

  /**
   * The id of the call that a response belongs to. A response with an id may name a call of the session that is not
   * in the request. `undefined` where a response without an id belongs to no call.
   */
  output(name: string, given: string | undefined): string | undefined {
    const call =
      given === undefined
        ? this.byName.first(name)
        : (this.byId.first(given) ?? this.byNameAlone.first(name));
    if (!call) return given;
    this.byId.delete(call.id, call);
    this.byName.delete(call.name, call);
    this.byNameAlone.delete(call.name, call);
    return call.id;
  }
}

interface NamedCall {
  id: string;
  name: string;
}

/** Calls by a key, in their order. A history may have many thousand calls at once. */
class Queues {
  private readonly calls = new Map<string, Set<NamedCall>>();

  add(key: string, call: NamedCall): void {
    const queue = this.calls.get(key);
    if (queue) queue.add(call);
    else this.calls.set(key, new Set([call]));
  }

  first(key: string): NamedCall | undefined {
    for (const call of this.calls.get(key) ?? []) return call;
    return undefined;
  }

  delete(key: string, call: NamedCall): void {
    this.calls.get(key)?.delete(call);
  }
}
