/**
 * The ids of a client's calls. Google's API takes calls and responses without ids: then a response belongs to the
 * first open call of its name (https://ai.google.dev/api/caching#FunctionResponse). Such calls get ids by their
 * position, so that the same history always has the same ids.
 */
export class CallPairs {
  private readonly open: { id: string; name: string; isGiven: boolean }[] = [];
  private calls = 0;

  /** The id of the next call. */
  call(name: string, given: string | undefined): string {
    const id = given ?? `call_${this.calls}`;
    this.calls++;
    this.open.push({ id, name, isGiven: given !== undefined });
    return id;
  }

  /**
   * The id of the call that a response belongs to. A response with an id may name a call of the session that is not
   * in the request. `undefined` where a response without an id belongs to no call.
   */
  output(name: string, given: string | undefined): string | undefined {
    const byId = given === undefined ? -1 : this.open.findIndex(({ id }) => id === given);
    const byName = this.open.findIndex(
      (call) => call.name === name && (given === undefined || !call.isGiven),
    );
    const index = byId === -1 ? byName : byId;
    if (index === -1) return given;
    const [call] = this.open.splice(index, 1);
    return call!.id;
  }
}
