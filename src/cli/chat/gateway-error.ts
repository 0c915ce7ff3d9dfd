/** An error that the gateway answered with. `status` is 0 when it came inside a stream. */
export class GatewayError extends Error {
  override readonly name: string = 'GatewayError';

  constructor(
    message: string,
    readonly status: number,
    readonly code?: string,
  ) {
    super(message);
  }
}

/** The gateway does not answer, is stopping, or broke the connection. The same request can be sent again. */
export class Disconnected extends GatewayError {
  override readonly name = 'Disconnected';

  constructor(message: string) {
    super(message, 0);
  }
}
