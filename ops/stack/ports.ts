import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { StackTrouble } from './stack-trouble.ts';

// Below the range that systems hand to outgoing connections, so that a port is still free at the next start.
const lowest = 20_000;
const beyond = 32_000;

/** Says whether a server could listen on this port of the loopback address now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => resolve(true));
    });
  });
}

/** Finds `count` different free ports, none of them in `taken`. */
export async function freePorts(
  count: number,
  taken: ReadonlySet<number>,
): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 1_000) {
      throw new StackTrouble(
        `no free port between ${lowest} and ${beyond} on 127.0.0.1; close something`,
      );
    }
    const port = randomInt(lowest, beyond);
    if (!taken.has(port) && !found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}
