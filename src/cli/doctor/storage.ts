import { Database } from 'bun:sqlite';
import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { refusalOfStores } from '../../main.ts';
import type { Finding } from './finding.ts';

const MIB = 1024 ** 2;
const LOW_DISK = 1024 * MIB;
const TOO_LOW_DISK = 100 * MIB;
/** Larger databases are not checked: it would take too long. */
const LARGEST_CHECKED = 512 * MIB;

/** Reads only: it creates no folder and writes to no database. */
export function checkStorage(config: Config): Finding[] {
  const { dataDir, storage } = config;
  if (storage.kind === 'memory') return [];
  const refusal = refusalOfStores(config);
  const refused = (of: string, subject: string): Finding | undefined =>
    refusal?.of === of
      ? { level: 'bad', subject, message: refusal.problem, remedy: refusal.remedy }
      : undefined;
  const folder = refused('folder', 'Data folder');
  const base = nearestExisting(dataDir);
  const findings = [folder ?? describeFolder(dataDir), ...(base === undefined ? [] : [checkDisk(base)])];
  if (folder || base !== dataDir) return findings;
  const database = refused('database', 'Database') ?? describeDatabase(join(dataDir, 'clawhold.db'));
  return [...findings, database, ...measureFolders(dataDir)];
}

/** The path itself, or its nearest parent that exists. */
function nearestExisting(path: string): string | undefined {
  if (existsSync(path)) return path;
  const parent = dirname(path);
  return parent === path ? undefined : nearestExisting(parent);
}

function describeFolder(dataDir: string): Finding {
  const subject = 'Data folder';
  if (!existsSync(dataDir))
    return { level: 'ok', subject, message: `${dataDir} will be created at the first start` };
  if (process.platform !== 'win32' && (statSync(dataDir).mode & 0o077) !== 0) {
    return {
      level: 'warn',
      subject,
      message: `other users of this machine can open ${dataDir}`,
      remedy: `chmod 700 ${dataDir}`,
    };
  }
  return { level: 'ok', subject, message: `${dataDir}, writable` };
}

function checkDisk(path: string): Finding {
  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  const message = `${size(free)} free`;
  const remedy = 'Free some space, or set CLAWHOLD_DATA_DIR to a folder on a larger disk.';
  if (free < TOO_LOW_DISK) return { level: 'bad', subject: 'Disk', message: `only ${message}`, remedy };
  if (free < LOW_DISK) return { level: 'warn', subject: 'Disk', message: `only ${message}`, remedy };
  return { level: 'ok', subject: 'Disk', message };
}

const RESTORE =
  'Restore it from a backup, or move it and its -wal and -shm files away to start with an empty database.';

/** Describes a database that a start would accept. */
function describeDatabase(path: string): Finding {
  const subject = 'Database';
  const bytes = sizeOf(path) + sizeOf(`${path}-wal`);
  if (bytes === 0) return { level: 'note', subject, message: 'none yet: created at the first start' };
  const db = new Database(path, { readonly: true });
  try {
    const damage = bytes > LARGEST_CHECKED ? undefined : damageOf(db);
    if (damage) return { level: 'bad', subject, message: `damaged: ${damage}`, remedy: RESTORE };
    const checked = bytes > LARGEST_CHECKED ? 'too large to check here' : 'intact';
    const version = pragma(db, 'user_version');
    const message = `opens, ${checked}, schema version ${version}, ${size(bytes)}, ${sessionsIn(db)}`;
    return { level: 'ok', subject, message };
  } catch (error) {
    const message = `${path} cannot be read (${(error as Error).message})`;
    return { level: 'bad', subject, message, remedy: RESTORE };
  } finally {
    db.close();
  }
}

function pragma(db: Database, name: string): number {
  return Object.values(db.query(`PRAGMA ${name}`).get() as Record<string, number>)[0]!;
}

function damageOf(db: Database): string | undefined {
  const { quick_check: result } = db.query('PRAGMA quick_check(1)').get() as { quick_check: string };
  return result === 'ok' ? undefined : result;
}

function sessionsIn(db: Database): string {
  const { count } = db.query('SELECT count(*) AS count FROM sessions').get() as { count: number };
  return `${count.toLocaleString('en-US')} ${count === 1 ? 'session' : 'sessions'}`;
}

function measureFolders(dataDir: string): Finding[] {
  return ['journal', 'blobs'].flatMap((name): Finding[] => {
    const path = join(dataDir, name);
    if (!existsSync(path)) return [];
    const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const bytes = files.reduce((sum, entry) => sum + sizeOf(join(entry.parentPath, entry.name)), 0);
    const subject = name === 'journal' ? 'Journal' : 'Large content';
    return [
      {
        level: 'ok',
        subject,
        message: `${size(bytes)} in ${files.length} ${files.length === 1 ? 'file' : 'files'}`,
      },
    ];
  });
}

/** 0 for a file that no longer exists. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

export function size(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log(bytes) / Math.log(1024)));
  const value = bytes / 1024 ** step;
  return `${value >= 100 || step === 0 ? Math.round(value) : value.toFixed(1)} ${units[step]}`;
}
