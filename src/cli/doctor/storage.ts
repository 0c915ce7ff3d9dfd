import { Database } from 'bun:sqlite';
import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { Finding } from './finding.ts';

/** "Claw" in ASCII, in the header of a database of ours. */
const APPLICATION_ID = 0x436c6177;

const MIB = 1024 ** 2;
const LITTLE_DISK = 1024 * MIB;
const NO_DISK = 100 * MIB;
/** A larger database takes longer to check than a person waits. */
const LARGEST_CHECKED = 512 * MIB;

/** Looks without changing anything: no folder is made and no database is written. */
export function checkStorage({ dataDir, storage }: Config): Finding[] {
  if (storage.kind === 'memory') return [];
  const findings = [folder(dataDir)];
  const base = existing(dataDir);
  if (base !== undefined) findings.push(disk(base));
  if (existsSync(dataDir) && findings[0]?.level !== 'bad') {
    findings.push(...database(join(dataDir, 'clawhold.db')), ...parts(dataDir));
  }
  return findings;
}

/** The folder itself, or the nearest one above it that is there. */
function existing(path: string): string | undefined {
  if (existsSync(path)) return path;
  const above = dirname(path);
  return above === path ? undefined : existing(above);
}

function folder(dataDir: string): Finding {
  const subject = 'Data folder';
  const base = existing(dataDir);
  const remedy = 'Give this user the right to write there, or set CLAWHOLD_DATA_DIR to another folder.';
  if (base === undefined || !statSync(base).isDirectory())
    return { level: 'bad', subject, message: `${dataDir} cannot be a folder: ${base} is a file`, remedy };
  try {
    accessSync(base, constants.W_OK | constants.X_OK);
  } catch {
    return { level: 'bad', subject, message: `${base} is not writable for this user`, remedy };
  }
  if (base !== dataDir)
    return { level: 'ok', subject, message: `${dataDir} will be made at the first start` };
  if (process.platform !== 'win32' && (statSync(dataDir).mode & 0o077) !== 0) {
    return {
      level: 'warn',
      subject,
      message: `${dataDir} is open to other users of this machine`,
      remedy: `chmod 700 ${dataDir}`,
    };
  }
  return { level: 'ok', subject, message: `${dataDir}, writable` };
}

function disk(path: string): Finding {
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  const message = `${size(free)} free`;
  const remedy = 'Free some space, or set CLAWHOLD_DATA_DIR to a larger disk.';
  if (free < NO_DISK) return { level: 'bad', subject: 'Disk', message: `only ${message}`, remedy };
  if (free < LITTLE_DISK) return { level: 'warn', subject: 'Disk', message: `only ${message}`, remedy };
  return { level: 'ok', subject: 'Disk', message };
}

const RESTORE =
  'Restore it from a backup, or move it away (with its -wal and -shm files) to start with an empty one.';

function database(path: string): Finding[] {
  const subject = 'Database';
  if (!existsSync(path)) return [{ level: 'note', subject, message: 'none yet; made at the first start' }];
  const bytes = sizeOf(path) + sizeOf(`${path}-wal`);
  try {
    const db = new Database(path, { readonly: true });
    try {
      const version = pragma(db, 'user_version');
      if (pragma(db, 'application_id') !== APPLICATION_ID)
        return [
          {
            level: 'bad',
            subject,
            message: `${path} belongs to another application`,
            remedy: 'Set CLAWHOLD_DATA_DIR to another folder, or move this file away.',
          },
        ];
      const damage = bytes > LARGEST_CHECKED ? undefined : damageOf(db);
      if (damage) return [{ level: 'bad', subject, message: `damaged: ${damage}`, remedy: RESTORE }];
      const checked = bytes > LARGEST_CHECKED ? 'too large to be checked here' : 'intact';
      const message = `opens, ${checked}, schema version ${version}, ${size(bytes)}, ${sessions(db)} sessions`;
      return [{ level: 'ok', subject, message }];
    } finally {
      db.close();
    }
  } catch (error) {
    const message = `${path} does not open (${(error as Error).message})`;
    return [{ level: 'bad', subject, message, remedy: RESTORE }];
  }
}

function pragma(db: Database, name: string): number {
  return Object.values(db.query(`PRAGMA ${name}`).get() as Record<string, number>)[0]!;
}

function damageOf(db: Database): string | undefined {
  const { quick_check: result } = db.query('PRAGMA quick_check(1)').get() as { quick_check: string };
  return result === 'ok' ? undefined : result;
}

function sessions(db: Database): string {
  const { count } = db.query('SELECT count(*) AS count FROM sessions').get() as { count: number };
  return count.toLocaleString('en-US');
}

function parts(dataDir: string): Finding[] {
  return ['journal', 'blobs'].flatMap((name): Finding[] => {
    const path = join(dataDir, name);
    if (!existsSync(path)) return [];
    const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const bytes = files.reduce((sum, entry) => sum + sizeOf(join(entry.parentPath, entry.name)), 0);
    const subject = name === 'journal' ? 'Journal' : 'Large content';
    return [{ level: 'ok', subject, message: `${size(bytes)} in ${files.length} files` }];
  });
}

/** 0 for a file that has gone meanwhile. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

export function size(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log(bytes) / Math.log(1024)));
  const value = bytes / 1024 ** step;
  return `${value >= 100 || step === 0 ? Math.round(value) : value.toFixed(1)} ${units[step]}`;
}
