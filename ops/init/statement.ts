/** One statement of SQL, without its semicolon, and what it is for. */
export interface Statement {
  readonly sql: string;
  readonly why: string;
}

/** A text from a catalog on one line, whatever is in it: it must end no comment and move no cursor. */
export const oneLine = (text: string): string => text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '�');
