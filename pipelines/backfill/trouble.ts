import { wordsOf } from '../../contracts/error-words.ts';
import type { Part } from './described.ts';

/**
 * Why the server will not read a range, however often it is asked; null for what may mend itself. A
 * complaint about a value may quote it, so only those about names are quoted.
 */
export function refusalOf(
  error: unknown,
  { part, condition }: { readonly part: Part; readonly condition: string | null },
): string | null {
  const code = codeOf(error);
  const said = wordsOf(error);
  const resume = 'then resume it: conductor backfill --resume --table …';
  if (code === '42501')
    return `${said}: as the owner, GRANT SELECT ON ${part.through?.root ?? part.part} TO the role of source.url; where row-level security hides rows from it, ALTER ROLE … BYPASSRLS; ${resume}`;
  if (code.startsWith('22') && condition !== null)
    return `the condition does not fit every row (SQLSTATE ${code}): cancel it, and ask again with another --where`;
  if (code.startsWith('22'))
    return `a row of ${part.part} cannot be read (SQLSTATE ${code}): look at the server's log, mend it, ${resume}`;
  if (/^(0A|42)/.test(code) && condition !== null)
    return `${said} (SQLSTATE ${code}): cancel it, and ask again with another --where`;
  return null;
}

/** A mistake of ours: nothing that waiting would mend. */
export const isOwnFault = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
