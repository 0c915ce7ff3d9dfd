import { generate } from './generator.ts';
import type { Job, Message } from './job.ts';

/** The load generator's process: jobs come as messages of the process that spawned it. */

const tell = (message: Message) => process.send?.(message);

process.on('message', async (job: Job) => {
  tell({ outcome: await generate(job, () => tell({ opened: true })) });
});
process.on('disconnect', () => process.exit(0));
