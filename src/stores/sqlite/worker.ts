import { openDatabase, openForReading } from './database-file.ts';
import { GroupCommit } from './group-commit.ts';
import {
  type DatabaseUse,
  type Reply,
  type Request,
  receivedCalls,
  type SentCalls,
  sentOutcome,
} from './thread-protocol.ts';

declare const self: Worker;

/** The store's thread: runs each group of calls that it is sent, and answers it in one message. */
function serve(port: Worker): void {
  const reply = (message: Reply) => port.postMessage(message);
  let group: GroupCommit | undefined;

  const open = ({ path, use }: DatabaseUse) => {
    try {
      group = new GroupCommit(use === 'write' ? openDatabase(path) : openForReading(path));
      reply({ opened: true });
    } catch (error) {
      reply({ refused: error instanceof Error ? error.message : String(error) });
    }
  };

  const run = (calls: SentCalls) => {
    if (!group) return;
    reply(sentOutcome(group.run(receivedCalls(calls)), calls));
    group.checkpoint();
  };

  port.onmessage = ({ data }: MessageEvent<Request>) => {
    if (typeof data === 'string' || Array.isArray(data)) run(data);
    else if ('open' in data) open(data.open);
    else {
      group?.close();
      reply({ closed: true });
    }
  };
}

serve(self);
