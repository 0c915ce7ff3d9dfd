import type { Config } from '../../config/config.ts';
import { addressOf, isGateway } from '../chat/connection.ts';
import type { OwnCommand } from '../own-command.ts';
import type { Finding } from './finding.ts';

type Address = Pick<Config, 'host' | 'port'>;

/** Whether a gateway can listen at an address. */
export type AddressState =
  | { state: 'free' }
  | { state: 'gateway'; message: string; remedy: string }
  | { state: 'refused'; message: string; remedy: string };

/** Listens at the address for a moment, to find out. */
export async function stateOf({ host, port }: Address, command: OwnCommand): Promise<AddressState> {
  const address = addressOf(host, port);
  if (await isGateway(address)) {
    const remedy = `Stop it first, or use another port: ${anotherPort({ host, port }, command)}`;
    return { state: 'gateway', message: `a gateway is running at ${address}`, remedy };
  }
  const error = listenError(host, port);
  return error ? { state: 'refused', ...explain(error, { host, port }, command) } : { state: 'free' };
}

/** Checks whether the gateway can listen at the configured address, or already does. */
export async function checkAddress(config: Address, command: OwnCommand): Promise<Finding[]> {
  const subject = 'Port';
  const { host, port } = config;
  if (port === 0) return [{ level: 'ok', subject, message: 'any free port (CLAWHOLD_PORT=0)' }];
  const found = await stateOf(config, command);
  if (found.state === 'free')
    return [{ level: 'ok', subject, message: `${port} on ${host} is free; no gateway is running` }];
  const { state, message, remedy } = found;
  return [
    state === 'gateway' ? { level: 'ok', subject, message } : { level: 'bad', subject, message, remedy },
  ];
}

function listenError(hostname: string, port: number): NodeJS.ErrnoException | undefined {
  try {
    Bun.listen({ hostname, port, socket: { data() {} } }).stop(true);
    return undefined;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

function explain({ code, message }: NodeJS.ErrnoException, { host, port }: Address, command: OwnCommand) {
  if (code === 'EADDRINUSE')
    return {
      message: `port ${port} on ${host} is used by another program`,
      remedy: `Stop that program, or use another port: ${anotherPort({ host, port }, command)}`,
    };
  if (code === 'EACCES')
    return {
      message: `this user may not listen on port ${port}`,
      remedy: `Use a port above 1023: ${anotherPort({ host, port: 2528 }, command)}`,
    };
  return {
    message: `cannot listen on ${host}, port ${port} (${code ?? message})`,
    remedy: `Use an address of this machine: ${command('start', '--host 127.0.0.1')}`,
  };
}

const MOST_TRIES = 50;

/** How to start with a port that is free now. */
function anotherPort({ host, port }: Address, command: OwnCommand): string {
  const ports = Array.from({ length: MOST_TRIES }, (_, index) => port + 1 + index);
  const free = ports.find((next) => next <= 65_535 && listenError(host, next) === undefined);
  return command('start', `--port ${free ?? 0}`);
}
