import { isWord, type Token, tokens } from './tokens.ts';

/** An INSERT that is followed by its data. */
export interface InsertHead {
  /** The statement without its VALUES or FORMAT clause. */
  readonly into: string;
  readonly format: string;
  /** Where the data begin, in bytes. */
  readonly dataStart: number;
  /** Where in `into` a FROM INFILE clause fits; null if the data feed a SELECT from input(). */
  readonly fileAt: number | null;
}

// As far as ClickHouse itself looks for the beginning of the data.
const longest = 262_144;

/**
 * Finds where an INSERT ends and its data begin; null if the statement is another one, or an INSERT
 * that gets its rows elsewhere.
 */
export function insertHead(text: Buffer): InsertHead | null {
  // One character per byte, so that places in the text are places in the bytes.
  const head = text.subarray(0, longest).toString('latin1');
  const reader = peekable(tokens(head));
  if (!reader.skip('INSERT') || !reader.skip('INTO')) return null;
  reader.skip('TABLE');
  let at = skipTarget(reader);
  if (reader.peek()?.text === '(') at = skipBrackets(reader);
  let selects = false;
  let input = false;
  for (let token = reader.take(); token; token = reader.take()) {
    if (isWord(token, 'INPUT')) input = true;
    if (token.depth > 0) continue;
    if (isWord(token, 'SELECT', 'WITH')) selects = true;
    if (isWord(token, 'FROM') && !selects) return null;
    if (isWord(token, 'VALUES') && !selects) {
      return found(head, { token, format: 'Values', dataStart: token.end, fileAt: at });
    }
    if (!isWord(token, 'FORMAT')) continue;
    const name = reader.take();
    if (name?.kind !== 'word' || (selects && !input)) return null;
    const gap = /^[ \t\f]*(?:\r?\n)?/.exec(head.slice(name.end, name.end + 1_024))?.[0].length ?? 0;
    const fileAt = selects ? null : at;
    return found(head, { token, format: name.text, dataStart: name.end + gap, fileAt });
  }
  return null;
}

interface Reader {
  peek(): Token | undefined;
  take(): Token | undefined;
  skip(word: string): boolean;
}

/** Reads no token further than it is asked to: what follows may be long, and no SQL. */
function peekable(stream: Generator<Token, void>): Reader {
  let ahead: { readonly token: Token | undefined } | null = null;
  const peek = () => (ahead ??= { token: stream.next().value ?? undefined }).token;
  const take = () => {
    const token = peek();
    ahead = null;
    return token;
  };
  return { peek, take, skip: (word) => isWord(peek(), word) && take() !== undefined };
}

/** `[db.]table`, or `FUNCTION name(arguments)`; returns where it ends. */
function skipTarget(reader: Reader): number {
  if (reader.skip('FUNCTION')) {
    reader.take();
    return skipBrackets(reader);
  }
  let end = reader.take()?.end ?? 0;
  while (reader.peek()?.text === '.') {
    reader.take();
    end = reader.take()?.end ?? end;
  }
  return end;
}

function skipBrackets(reader: Reader): number {
  const outside = reader.take()?.depth;
  for (let token = reader.take(); token; token = reader.take()) {
    if (token.text === ')' && token.depth === outside) return token.end;
  }
  return 0;
}

function found(
  head: string,
  place: { token: Token; format: string; dataStart: number; fileAt: number | null },
): InsertHead {
  const utf8 = (end: number) => Buffer.from(head.slice(0, end), 'latin1').toString();
  return {
    into: utf8(place.token.start),
    format: place.format,
    dataStart: place.dataStart,
    fileAt: place.fileAt === null ? null : utf8(place.fileAt).length,
  };
}
