import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** The partitions of one topic. */
export interface Counted {
  readonly topic: string;
  readonly partitions: number;
}

/**
 * Counts the records of topics that nothing was ever removed from, by where they end: fifty times a
 * second on one connection, so that the counting costs the broker next to nothing.
 */
export class EndOffsets implements Disposable {
  readonly #socket: Socket;
  readonly #closed: Promise<never>;
  #received = Buffer.alloc(0);
  #asked = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#closed = new Promise((_, reject) => {
      socket.once('close', () => reject(new Error('the broker closed the connection')));
    });
    this.#closed.catch(() => {}); // Whoever asks next is told.
  }

  static async connect(broker: string): Promise<EndOffsets> {
    const [host = '', port] = broker.split(':');
    const socket = connect({ host, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    socket.on('error', () => {}); // It closes too.
    return new EndOffsets(socket);
  }

  /** What all partitions of all these topics hold now; a topic that is not there yet holds nothing. */
  async total(topics: readonly Counted[]): Promise<number> {
    let sum = 0;
    for (const each of topics) sum += await this.#totalOf(each);
    return sum;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #totalOf(counted: Counted): Promise<number> {
    const correlation = ++this.#asked;
    this.#socket.write(listOffsetsRequest(correlation, counted));
    for (;;) {
      const answer = framed(this.#received);
      if (answer) {
        this.#received = this.#received.subarray(answer.length);
        return endsIn(answer, correlation);
      }
      const more = once(this.#socket, 'data') as Promise<[Buffer]>;
      const [chunk] = await Promise.race([more, this.#closed]);
      this.#received = Buffer.concat([this.#received, chunk]);
    }
  }
}

/** Codes for a topic that is not there, has no leader yet, or whose leader has not heard of it yet. */
const notYet = [3, 5, 6];

/** ListOffsets, version 1: where each partition ends. */
export function listOffsetsRequest(correlation: number, { topic, partitions }: Counted): Buffer {
  const name = Buffer.from(topic);
  const request = Buffer.alloc(4 + 10 + 8 + 2 + name.length + 4 + partitions * 12);
  let at = request.writeInt32BE(request.length - 4);
  at = request.writeInt16BE(2, at); // ListOffsets
  at = request.writeInt16BE(1, at); // Its version.
  at = request.writeInt32BE(correlation, at);
  at = request.writeInt16BE(-1, at); // No client id.
  at = request.writeInt32BE(-1, at); // Not a replica.
  at = request.writeInt32BE(1, at); // One topic.
  at = request.writeInt16BE(name.length, at);
  at += name.copy(request, at);
  at = request.writeInt32BE(partitions, at);
  for (let partition = 0; partition < partitions; partition++) {
    at = request.writeInt32BE(partition, at);
    at = request.writeBigInt64BE(-1n, at); // The end.
  }
  return request;
}

/** The sum of the ends that a ListOffsets response of version 1 about one topic tells. */
export function endsIn(answer: Buffer, correlation: number): number {
  if (answer.readInt32BE(4) !== correlation) throw new Error('an answer to another question');
  let at = 12;
  at += 2 + answer.readInt16BE(at);
  const partitions = answer.readInt32BE(at);
  at += 4;
  let sum = 0;
  for (let n = 0; n < partitions; n++, at += 22) {
    const error = answer.readInt16BE(at + 4);
    if (error !== 0 && !notYet.includes(error)) throw new Error(`the broker says error ${error}`);
    if (error === 0) sum += Number(answer.readBigInt64BE(at + 14));
  }
  return sum;
}

/** The first whole response of what was received; null if it is not whole yet. */
function framed(received: Buffer): Buffer | null {
  if (received.length < 4) return null;
  const length = 4 + received.readInt32BE();
  return received.length < length ? null : received.subarray(0, length);
}
