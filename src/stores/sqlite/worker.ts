import { openDatabase, openForReading } from './database-file.ts';
import { GroupCommit } from './group-commit.ts';
import {
  type DatabaseUse,
  type Reply,
  type Request,
  receivedCall,
  type SentCall,
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

  const run = (calls: SentCall[]) => {
    if (!group) return;
    reply(group.run(calls.map(receivedCall)));
    group.checkpoint();
  };

  port.onmessage = ({ data }: MessageEvent<Request>) => {
    if ('open' in data) open(data.open);
    else if ('calls' in data) run(data.calls);
    else {
      group?.close();
      reply({ closed: true });
    }
  };
}

serve(self);
