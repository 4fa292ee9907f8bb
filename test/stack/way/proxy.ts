import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** How bytes pass: in pieces of so many, each so many milliseconds after the one before. */
export interface Pace {
  readonly bytes: number;
  readonly ms: number;
}

/** Between a worker and a server: it can be cut, as if the server were gone, and resume. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** How many connections pass through it now. */
  connections(): number;
  /** Breaks every connection, and refuses new ones. */
  cut(): Promise<void>;
  resume(): Promise<void>;
  /** Holds back every byte, both ways, and tells nobody. */
  stall(): void;
  /** Lets pass what was held back. */
  flow(): void;
  /** From now on bytes pass at a pace; null lets them pass as they come. */
  pace(pace: Pace | null): void;
  /** Takes the other side away from whoever is on this one: no end, no reset, no byte. */
  halfOpen(left: 'client' | 'server'): void;
}

/** `rewritten` may change what the server says, piece by piece. */
export async function proxyTo(
  host: string,
  to: number,
  rewritten: (chunk: Buffer, port: number) => Buffer = (chunk) => chunk,
): Promise<Proxy> {
  const links = new Set<Link>();
  const state: State = { pace: null, open: Promise.withResolvers() };
  state.open.resolve();
  const server = createServer((client) => {
    const link = { client, server: connect(to, host), left: null };
    links.add(link);
    client.on('close', () => links.delete(link));
    void passing(link, client, link.server, state, (chunk) => chunk);
    void passing(link, link.server, client, state, (chunk) => rewritten(chunk, port));
  });
  const listen = async (at: number) => {
    server.listen(at, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const cut = async () => {
    state.open.resolve();
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const link of links) {
      link.left = null;
      link.client.resetAndDestroy();
      link.server.resetAndDestroy();
    }
    await closed;
  };
  const port = await listen(0);
  return {
    port,
    connections: () => links.size,
    cut,
    resume: async () => void (await listen(port)),
    stall: () => (state.open = Promise.withResolvers()),
    flow: () => state.open.resolve(),
    pace: (pace) => (state.pace = pace),
    halfOpen(left) {
      for (const link of links) {
        link.left = left;
        link[left === 'client' ? 'server' : 'client'].resetAndDestroy();
      }
    },
    [Symbol.asyncDispose]: cut,
  };
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  left: 'client' | 'server' | null; // Who was left alone.
}

interface State {
  pace: Pace | null;
  open: PromiseWithResolvers<void>;
}

async function passing(
  link: Link,
  one: Socket,
  other: Socket,
  state: State,
  rewritten: (chunk: Buffer) => Buffer,
): Promise<void> {
  one.on('error', () => {}); // Its close says enough.
  try {
    for await (const chunk of one as AsyncIterable<Buffer>) {
      const bytes = rewritten(chunk);
      for (let at = 0; at < bytes.length;) {
        await state.open.promise;
        const { bytes: most, ms } = state.pace ?? { bytes: bytes.length, ms: 0 };
        if (ms > 0) await wait(ms);
        const piece = bytes.subarray(at, at + most);
        at += piece.length;
        if (!other.writable) continue; // Left alone: it goes nowhere.
        if (!other.write(piece)) await Promise.race([once(other, 'drain'), once(other, 'close')]);
      }
    }
  } catch {
    // The same as its close.
  }
  if (link.left === null) other.destroy();
}
