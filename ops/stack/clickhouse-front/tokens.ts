/** A token of SQL with its place; strings, quoted names and comments never look like anything else. */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'mark';
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** How many brackets are open around it. */
  readonly depth: number;
}

const blank = /\s+/y;
const lineComment = /(?:--|#[! ])[^\n]*/y;
const blockComment = /\/\*/y;
const word = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const number = /\d[\w.]*/y;
const heredoc = /\$[A-Za-z0-9_]*\$/y;

/** Reads SQL from its beginning, as far as the caller wants. */
export function* tokens(sql: string): Generator<Token, void> {
  let depth = 0;
  for (let at = skipBlanks(sql, 0); at < sql.length;) {
    const { kind, end } = next(sql, at);
    const text = sql.slice(at, end);
    if (kind === 'mark' && ')]}'.includes(text)) depth--;
    yield { kind, text, start: at, end, depth };
    if (kind === 'mark' && '([{'.includes(text)) depth++;
    at = skipBlanks(sql, end);
  }
}

/** Says whether a token is one of these keywords, in capitals or not. */
export function isWord(token: Token | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text.toUpperCase());
}

function skipBlanks(sql: string, from: number): number {
  let at = from;
  for (;;) {
    const end = endOf(blank, sql, at) ?? endOf(lineComment, sql, at) ?? endOfComment(sql, at);
    if (end === undefined) return at;
    at = end;
  }
}

function next(sql: string, at: number): { readonly kind: Token['kind']; readonly end: number } {
  const first = sql[at] ?? '';
  if (first === "'") return { kind: 'string', end: endOfQuoted(sql, at, first) };
  if (first === '`' || first === '"') return { kind: 'quoted', end: endOfQuoted(sql, at, first) };
  const afterWord = endOf(word, sql, at);
  if (afterWord) return { kind: 'word', end: afterWord };
  const afterNumber = endOf(number, sql, at);
  if (afterNumber) return { kind: 'number', end: afterNumber };
  const afterTag = endOf(heredoc, sql, at);
  if (afterTag) {
    const close = sql.indexOf(sql.slice(at, afterTag), afterTag);
    if (close >= 0) return { kind: 'string', end: close + afterTag - at };
  }
  return { kind: 'mark', end: at + 1 };
}

/** By hand, because a pattern for it backtracks without bound in a long string. */
function endOfQuoted(sql: string, start: number, quote: string): number {
  for (let at = start + 1; at < sql.length; at++) {
    if (sql[at] === '\\') at++;
    else if (sql[at] === quote) {
      if (sql[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return sql.length;
}

function endOfComment(sql: string, at: number): number | undefined {
  const inside = endOf(blockComment, sql, at);
  if (inside === undefined) return undefined;
  const close = sql.indexOf('*/', inside);
  return close < 0 ? sql.length : close + 2;
}

function endOf(pattern: RegExp, sql: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : undefined;
}
