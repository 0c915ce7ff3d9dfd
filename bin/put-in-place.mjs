import { renameSync, rmSync } from 'node:fs';

/** Why a folder cannot get the name of another one that is there: on Linux, on other Unixes, on Windows. */
const TAKEN = ['ENOTEMPTY', 'EEXIST', 'EPERM'];
/** Each of the others that do the same can be in the way once. */
const MOST_TRIES = 100;

/**
 * Puts the folder `made` at `place`, in place of a folder that is there. Several processes may do this at once: each
 * succeeds, and one of their folders stays. `place` is missing only between two renames.
 */
export function putInPlace(made, place) {
  const earlier = `${made}-earlier`;
  try {
    for (let tries = 1; !isRenamed(made, place, tries < MOST_TRIES ? TAKEN : []); tries++) {
      rmSync(earlier, { recursive: true, force: true });
      // Another process may have moved it away already.
      isRenamed(place, earlier, ['ENOENT']);
    }
  } finally {
    rmSync(earlier, { recursive: true, force: true });
  }
}

/** False where it failed for one of the `expected` reasons. */
function isRenamed(from, to, expected) {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (expected.includes(error.code)) return false;
    throw error;
  }
}
