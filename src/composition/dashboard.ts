import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { DashboardFile, DashboardFiles } from '../http/dashboard.ts';

const ROOT = new URL('../dashboard/', import.meta.url);
const compress = promisify(gzip);

/**
 * Builds the dashboard when it is first asked for, from its sources and the installed packages: that takes no network,
 * and costs a start nothing. The files stay in memory.
 */
export function dashboardFiles(): DashboardFiles {
  let files: Promise<readonly DashboardFile[]> | undefined;
  return () => {
    files ??= build().catch((error: unknown) => {
      files = undefined;
      throw error;
    });
    return files;
  };
}

async function build(): Promise<readonly DashboardFile[]> {
  const { outputs } = await Bun.build({
    entrypoints: [fileURLToPath(new URL('main.tsx', ROOT))],
    target: 'browser',
    minify: true,
    naming: { entry: 'dashboard-[hash].[ext]', asset: '[name]-[hash].[ext]' },
    define: { 'process.env.NODE_ENV': '"production"' },
  });
  const icon = Bun.file(new URL('icon.svg', ROOT));
  const built = outputs.map(async (file) =>
    fileOf(
      file.path.slice(file.path.lastIndexOf('/') + 1),
      file.type,
      new Uint8Array(await file.arrayBuffer()),
    ),
  );
  return Promise.all([...built, fileOf('icon.svg', 'image/svg+xml', await icon.bytes())]);
}

async function fileOf(name: string, type: string, bytes: Uint8Array<ArrayBuffer>): Promise<DashboardFile> {
  return { name, type, bytes, gzip: new Uint8Array(await compress(bytes, { level: 9 })) };
}
