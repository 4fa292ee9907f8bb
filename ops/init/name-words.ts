/** The words of a name, in lower case and without accents: `customerId`, `customer_id` and `Kundé-ID` are all two. */
export function wordsOf(name: string): readonly string[] {
  return name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll('ß', 'ss')
    .replaceAll(/(\p{Ll}|\d)(\p{Lu})/gu, '$1_$2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);
}

/** One of what an English plural names; other words stay as they are. */
export function singular(word: string): string {
  if (word === 'people') return 'person';
  if (/(?:ss|us|is|news|series)$/.test(word)) return word;
  if (/[^aeiou]ies$/.test(word)) return word.replace(/ies$/, 'y');
  if (/(?:sh|ch|x|ss|zz)es$/.test(word)) return word.replace(/es$/, '');
  return word.length > 2 ? word.replace(/s$/, '') : word;
}

const list = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

const persons = list(`
  customer user person patient employee member client contact subscriber student guest passenger driver lead
  applicant candidate citizen resident visitor buyer donor profile author player participant attendee
  borrower cardholder policyholder beneficiary teacher doctor worker individual recipient sender
  kunde kunden nutzer benutzer mitarbeiter person personen patienten cliente clientes usuario usuarios persona
  personas utilisateur personne`);

const things = list(`
  product item article good category country currency role permission privilege tag plan tenant organization
  organisation org shop store warehouse status type kind language region brand department team project event file
  setting config configuration option migration job queue task feature flag unit state segment campaign channel
  workspace model template material asset device discount coupon tax rate process action
  schema table column index version release environment server host application app service module
  mandant produkt artikel kategorie land waehrung`);

/** What one row of a table is called: the last word of its name. */
const rowOf = (table: string): string => singular(wordsOf(table).at(-1) ?? '');

/** Whether each row of a table is a person, by its name. */
export const looksLikePersons = (table: string): boolean => isPerson(rowOf(table));

/** Whether each row of a table is a thing whose name tells of nobody. */
export const looksLikeThings = (table: string): boolean => isThing(rowOf(table));

export const isPerson = (word: string): boolean => persons.has(word) || persons.has(singular(word));
export const isThing = (word: string): boolean => things.has(word) || things.has(singular(word));

/** The words by which databases call those whose rows must not mix, the surest first. */
export const tenantWords: readonly string[] = [
  'tenant',
  'org',
  'organization',
  'organisation',
  'workspace',
  'company',
  'account',
  'mandant',
];

/** What a column's name says that it identifies: `customer` of `customer_id`, `customerUuid` or `customer`. */
export function stemOf(column: string): string | null {
  const words = wordsOf(column);
  const last = words.at(-1) ?? '';
  if (/^(?:id|uuid|guid)$/.test(last)) return words.slice(0, -1).join('_') || null;
  const glued = /^(.{3,})(?:id|uuid)$/.exec(last); // `customerid`
  return glued?.[1] && words.length === 1 ? glued[1] : null;
}

/** Whether a table holds the rows that a stem names: `customers` for `customer`. */
export const isTableOf = (table: string, stem: string): boolean =>
  wordsOf(table).map(singular).join('_') === stem || rowOf(table) === stem;
