import { join } from 'node:path';
import { end, pinned, type Server, temporaryDirectory } from '../processes.ts';

/** nginx as a bare pass-through to the simulator: the lowest cost of any program that forwards HTTP. */

export const NGINX_MISSING =
  'nginx is not installed, so the figures are not compared with it. To install it: `apt-get install nginx`.';

/** Whether nginx is installed. Installs it first if this user may do that. */
export async function haveNginx(): Promise<boolean> {
  if (Bun.which('nginx')) return true;
  if (process.getuid?.() !== 0 || !Bun.which('apt-get')) return false;
  const install = Bun.spawn(['apt-get', 'install', '-y', '-q', 'nginx-light'], {
    stdout: 'ignore',
    stderr: 'ignore',
  });
  await install.exited;
  return Bun.which('nginx') !== null;
}

export async function nginxVersion(): Promise<string> {
  const run = Bun.spawn(['nginx', '-v'], { stderr: 'pipe' });
  return (await new Response(run.stderr).text()).trim().replace(/^nginx version: /, '');
}

export async function startNginx(provider: number): Promise<Server> {
  const directory = temporaryDirectory();
  const port = freePort();
  const path = join(directory, 'nginx.conf');
  await Bun.write(path, configuration(port, provider, directory));
  const child = Bun.spawn(pinned('measured', ['nginx', '-p', directory, '-c', path]), {
    stdout: 'ignore',
    stderr: 'ignore',
  });
  await untilAccepting(port);
  return { pid: child.pid, port, stop: () => end(child, 'SIGTERM') };
}

/** Uses keep-alive on both sides and does not buffer streams, as a careful operator would. */
function configuration(port: number, provider: number, directory: string): string {
  return `
daemon off;
worker_processes 1;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log crit;
events { worker_connections 4096; }
http {
  access_log ${directory}/access.log;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  keepalive_requests 100000000;
  upstream provider {
    server 127.0.0.1:${provider};
    keepalive 256;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header connection "";
      proxy_buffering off;
    }
  }
}
`;
}

export function freePort(): number {
  const server = Bun.serve({ port: 0, fetch: () => new Response() });
  const { port } = server;
  server.stop(true);
  return port!;
}

export async function untilAccepting(port: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {} } });
      socket.end();
      return;
    } catch (error) {
      if (attempt === 200) throw error;
      await Bun.sleep(50);
    }
  }
}
