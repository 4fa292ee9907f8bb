import { isWord, type Token, tokens } from './tokens.ts';

/** An INSERT that is followed by its data. */
export interface InsertHead {
  /** The statement without its VALUES or FORMAT clause. */
  readonly into: string;
  readonly format: string;
  /** Where the data begin, in bytes. */
  readonly dataStart: number;
  /** Where in `into` a file can take the place of the data. */
  readonly place: Place;
}

/** Either a gap that a FROM INFILE clause fits into, or an `input(` that can become a `file(`. */
export interface Place {
  readonly kind: 'gap' | 'input';
  readonly start: number;
  readonly end: number;
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
  let input: Place | null = null;
  for (let token = reader.take(); token; token = reader.take()) {
    if (isWord(token, 'INPUT')) {
      const open = reader.peek();
      if (open?.text === '(') input = { kind: 'input', start: token.start, end: open.end };
    }
    if (token.depth > 0) continue;
    if (isWord(token, 'SELECT', 'WITH')) selects = true;
    if (isWord(token, 'FROM') && !selects) return null;
    if (isWord(token, 'VALUES') && !selects) {
      return found(head, { token, format: 'Values', dataStart: token.end, place: gapAt(at) });
    }
    if (!isWord(token, 'FORMAT')) continue;
    const name = reader.take();
    if (name?.kind !== 'word' || (selects && !input)) return null;
    const gap = /^[ \t\f]*(?:\r?\n)?/.exec(head.slice(name.end, name.end + 1_024))?.[0].length ?? 0;
    const place = input ?? gapAt(at);
    return found(head, { token, format: name.text, dataStart: name.end + gap, place });
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

function gapAt(at: number): Place {
  return { kind: 'gap', start: at, end: at };
}

interface Found {
  readonly token: Token;
  readonly format: string;
  readonly dataStart: number;
  readonly place: Place;
}

function found(head: string, { token, format, dataStart, place }: Found): InsertHead {
  const utf8 = (end: number) => Buffer.from(head.slice(0, end), 'latin1').toString();
  return {
    into: utf8(token.start),
    format,
    dataStart,
    place: { kind: place.kind, start: utf8(place.start).length, end: utf8(place.end).length },
  };
}
