import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** What Linux tells of processes. */

/** The processes that a process has started and that have not ended. */
export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** Resident memory in bytes; 0 where the process has ended. */
export function residentBytes(pid: number): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

const hexOf = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;

/** The TCP sockets of the machine over IPv4, as `/proc/net/tcp` describes them. */
const tcpSockets = () =>
  readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .slice(1, -1)
    .map((line) => line.trim().split(/\s+/))
    .map((fields) => ({ local: fields[1]!, remote: fields[2]!, state: fields[3]!, inode: fields[9]! }));

/** The inodes of the sockets that a process has open. */
function socketsOf(pid: number): string[] {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(join(directory, fd)))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

/** Connections of a process at a port that are half closed (CLOSE_WAIT): the other end has disconnected. */
export function halfClosedSockets(pid: number, port: number): number {
  const halfClosed = tcpSockets().filter(({ local, state }) => local.endsWith(hexOf(port)) && state === '08');
  const inodes = new Set(halfClosed.map(({ inode }) => inode));
  return socketsOf(pid).filter((inode) => inodes.has(inode)).length;
}

/** Which of the processes has accepted the connection from the port `from` to the port `to`. */
export function acceptorOf(from: number, to: number, pids: readonly number[]): number | undefined {
  const socket = tcpSockets().find(
    ({ local, remote }) => local.endsWith(hexOf(to)) && remote.endsWith(hexOf(from)),
  );
  return socket && pids.find((pid) => socketsOf(pid).includes(socket.inode));
}

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z');
  } catch {
    return false;
  }
}
