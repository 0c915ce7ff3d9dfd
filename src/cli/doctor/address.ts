import type { Config } from '../../config/config.ts';
import { addressOf, isGateway } from '../chat/connection.ts';
import type { Finding } from './finding.ts';

/** Checks whether the gateway can listen at the configured address, or already does. */
export async function checkAddress({ host, port }: Config): Promise<Finding[]> {
  const subject = 'Port';
  if (port === 0) return [{ level: 'ok', subject, message: 'any free port (CLAWHOLD_PORT=0)' }];
  const address = addressOf(host, port);
  if (await isGateway(address))
    return [{ level: 'ok', subject, message: `a gateway is running at ${address}` }];
  try {
    Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true);
    return [{ level: 'ok', subject, message: `${port} on ${host} is free; no gateway is running` }];
  } catch (error) {
    return [listenFailure(error as NodeJS.ErrnoException, host, port)];
  }
}

function listenFailure({ code, message }: NodeJS.ErrnoException, host: string, port: number): Finding {
  const subject = 'Port';
  if (code === 'EADDRINUSE')
    return {
      level: 'bad',
      subject,
      message: `${port} on ${host} is used by another program`,
      remedy: 'Stop that program, or set CLAWHOLD_PORT to another port, for example 2530.',
    };
  if (code === 'EACCES')
    return {
      level: 'bad',
      subject,
      message: `this user may not listen on port ${port}`,
      remedy: 'Set CLAWHOLD_PORT to a port above 1023.',
    };
  return {
    level: 'bad',
    subject,
    message: `cannot listen on ${host}:${port} (${code ?? message})`,
    remedy: 'Set CLAWHOLD_HOST to an address of this machine, for example 127.0.0.1.',
  };
}
