import { generate } from './generator.ts';
import type { Job, Message } from './job.ts';

/** The process of the load generator. It gets jobs as messages from its parent process. */

const send = (message: Message) => process.send?.(message);

process.on('message', async (job: Job) => {
  send({ outcome: await generate(job, () => send({ opened: true })) });
});
process.on('disconnect', () => process.exit(0));
