import type { IncomingMessage } from 'node:http';

/** A request that is not even looked into, and the status that it is answered with. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Reads a JSON body, and of one that is too long no more than shows it. No browser sends JSON across sites unasked. */
export const jsonBody = (request: IncomingMessage, most: number): Promise<Buffer> =>
  bodyOf(request, most, new Set(['application/json']));

/** Reads a body of one of these types. */
export async function bodyOf(
  request: IncomingMessage,
  most: number,
  types: ReadonlySet<string>,
): Promise<Buffer> {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  if (!types.has(type.trim().toLowerCase()))
    throw new BadRequest(415, `send ${[...types].join(' or ')}`);
  const tooLong = () => new BadRequest(413, `send no more than ${most} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLong();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > most) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
