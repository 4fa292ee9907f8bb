import { insertHead, type InsertHead } from './insert-head.ts';
import { isWord, type Token, tokens } from './tokens.ts';

/** What was asked, as far as it decides how to ask the engine. */
export type Statement =
  | { readonly kind: 'insert'; readonly head: InsertHead }
  | { readonly kind: 'write'; readonly sql: string }
  | { readonly kind: 'read'; readonly sql: string; readonly format: string | null }
  | { readonly kind: 'empty' }
  | { readonly kind: 'several' };

const readers = [
  'SELECT',
  'WITH',
  'FROM',
  'SHOW',
  'DESCRIBE',
  'DESC',
  'EXPLAIN',
  'EXISTS',
  'CHECK',
];

/** Tells statements apart; `text` is the query followed, in an INSERT, by its data. */
export function classify(text: Buffer): Statement {
  const head = insertHead(text);
  return head ? { kind: 'insert', head } : wholeStatement(text.toString());
}

function wholeStatement(sql: string): Statement {
  let first: Token | undefined;
  let end: Token | undefined;
  let before: Token | undefined;
  let format: string | null = null;
  let settings = false;
  for (const token of tokens(sql)) {
    if (token.text === ';' && token.kind === 'mark') {
      end ??= token;
      continue;
    }
    if (end) return { kind: 'several' };
    first ??= token;
    if (token.depth === 0 && token.kind === 'word' && isWord(before, 'FORMAT')) {
      format = token.text;
      settings = false;
    } else if (isWord(token, 'SETTINGS')) settings = true;
    // Nothing but settings follows a FORMAT clause: that one was a column of that name.
    else if (!settings) format = null;
    before = token;
  }
  if (!first) return { kind: 'empty' };
  const text = sql.slice(0, end?.start);
  if (first.text === '(' || isWord(first, ...readers)) return { kind: 'read', sql: text, format };
  return { kind: 'write', sql: text };
}
